"""Logins: answers that hold a token, over OAuth, over SOAP, and by the Salesforce CLI."""

from __future__ import annotations

from typing import Any

import sfframe
from sfframe.org.auth import TokenRequest
from sfframe.org.login import CliSession
from sfframe.org.org import Org
from sfframe.org.tokens import _usable
from tests.fuzz import good
from tests.fuzz.given import Given, Input, json_of
from tests.fuzz.target import Target, Variant, must


async def log_in(org: Org, sent: Input) -> None:
    await org.transport.log_in()
    token = org.transport.token
    assert token is not None
    texts = (token.access_token, token.instance_url, token.org_id or "", token.user_id or "", token.refresh_token or "")
    must(all(str(text) == text and text.isprintable() for text in texts), "a token that is no text")
    must(token.access_token.isascii() and " " not in token.access_token and token.access_token, "a token with blanks")
    must(
        token.instance_url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")), "a bad url"
    )


_TOKEN = {
    "access_token": good.TOKEN,
    "instance_url": "http://127.0.0.1:1",
    "token_type": "Bearer",
    "issued_at": "1735689600000",
}
_TOKEN |= {"id": f"https://login.salesforce.com/id/{good.ORG_ID}/{good.USER_ID}", "signature": "x="}
_SOAP = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{}'
    "</soapenv:Body></soapenv:Envelope>"
)
_SOAP_TOKEN = _SOAP.format(
    "<loginResponse><result><passwordExpired>false</passwordExpired><serverUrl>http://127.0.0.1:1/services/Soap/u/64.0/00D"
    f"</serverUrl><sessionId>{good.TOKEN}</sessionId><userId>{good.USER_ID}</userId><userInfo>"
    f"<organizationId>{good.ORG_ID}</organizationId></userInfo></result></loginResponse>"
)
_SOAP_FAULT = _SOAP.format(
    "<soapenv:Fault><faultcode>sf:INVALID_LOGIN</faultcode><faultstring>INVALID_LOGIN: no</faultstring><detail>"
    "<sf:LoginFault xmlns:sf='urn:fault.partner.soap.sforce.com'><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"
    "<sf:exceptionMessage>no</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
)
_XML = (("Content-Type", "text/xml"),)


async def ask_cli(org: Org, sent: Input) -> None:
    flow = CliSession("box").flow("cli:box")
    next(flow)
    given = iter(sent.answers["sf"])
    try:
        for one in given:
            step = flow.send(one.response())
            must(not isinstance(step, TokenRequest), "the CLI asks a server")
    except StopIteration as end:
        token = _usable(end.value)
        must(
            all(str(text) == text and text.isprintable() for text in (token.access_token, token.org_id or "")),
            "odd texts",
        )
        must(token.instance_url.startswith(("https:", "http:")), "no place")


_CLI_TOKEN = {"status": 0, "result": {"accessToken": "x"}}
_CLI: dict[str, Any] = {
    "status": 0,
    "result": {"id": good.ORG_ID, "accessToken": good.TOKEN, "instanceUrl": "https://a.my.salesforce.com"},
}
_CLI_HIDDEN = {"status": 0, "result": {**_CLI["result"], "accessToken": "[REDACTED] use another"}}


TARGETS = (
    Target("token", [Variant(log_in, {"token": (json_of(_TOKEN),)})], login=sfframe.ClientCredentials("app", "secret")),
    Target(
        "soap",
        [
            Variant(log_in, {"soap": (Given(_SOAP_TOKEN.encode(), 200, _XML),)}),
            Variant(log_in, {"soap": (Given(_SOAP_FAULT.encode(), 500, _XML),)}),
        ],
        login=sfframe.SoapLogin("a@b.c", "secret", "more"),
    ),
    Target(
        "cli",
        [
            Variant(ask_cli, {"sf": (json_of(_CLI, 0),)}),
            Variant(ask_cli, {"sf": (json_of(_CLI_HIDDEN, 0), json_of(_CLI_TOKEN, 0))}),
            Variant(ask_cli, {"sf": (json_of({"status": 1, "name": "NoOrgFound", "message": "no\nmore"}, 1),)}),
        ],
    ),
)
