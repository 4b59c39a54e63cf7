"""Defects between the project and the network: what is repeated, what is believed, and who gets the token."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

_JOBS: Final = "tests/org/test_jobs.py"
_TRANSPORT: Final = "tests/org/test_transport.py"
_RETRY: Final = "tests/org/test_retry.py"
_HOSTILE: Final = "tests/org/test_hostile.py"

MUTANTS: Final = (
    Mutant(
        name="put-repeated",
        harm="An upload whose answer was lost goes into the same job again, which doubles or spoils it.",
        file="org/ingest_jobs.py",
        old="headers=headers, repeat=Repeat.NEVER)",
        new="headers=headers)",
        tests=(f"{_JOBS}::test_a_put_with_a_lost_answer_is_left_alone",),
    ),
    Mutant(
        name="any-answer-to-an-upload-believed",
        harm="A proxy's page in place of the org's word counts as an upload, and a job without its rows is closed.",
        file="org/ingest_jobs.py",
        old="if response.status != HTTPStatus.CREATED:",
        new="if not response.is_success:",
        tests=(f"{_JOBS}::test_an_upload_that_something_else_has_answered_is_in_doubt",),
    ),
    Mutant(
        name="lost-requests-always-repeated",
        harm="Whatever was lost on the way is sent again, uploads and closings included.",
        file="org/transport.py",
        old="(lost.was_sent and repeat is Repeat.NEVER)",
        new="False",
        tests=(f"{_TRANSPORT}::test_what_may_not_be_repeated_is_sent_once",),
    ),
    Mutant(
        name="passing-faults-always-repeated",
        harm="An upload that a gateway answered with 503 after it had arrived goes into the same job again.",
        file="org/transport.py",
        old="if is_final or repeat is Repeat.NEVER or tries",
        new="if is_final or tries",
        tests=(f"{_TRANSPORT}::test_what_may_not_be_repeated_is_sent_once",),
    ),
    Mutant(
        name="create-not-repeated",
        harm="One lost answer to the making of a job ends a whole load.",
        file="org/ingest_jobs.py",
        old='request("POST", self._base(), json=wish)',
        new='request("POST", self._base(), json=wish, repeat=Repeat.NEVER)',
        tests=(f"{_JOBS}::test_no_single_fault_of_the_network_writes_a_row_twice_or_never",),
    ),
    Mutant(
        name="close-repeated-without-a-look",
        harm="A closing whose answer was lost is sent again blindly, and the refusal of the second one is believed.",
        file="org/jobs.py",
        old='json={"state": state}, repeat=Repeat.NEVER,',
        new='json={"state": state},',
        tests=(f"{_JOBS}::test_a_closing_whose_answer_is_lost_is_settled_by_looking",),
    ),
    Mutant(
        name="close-taken-for-done",
        harm="A closing that never arrived counts as done, and the call waits for a job that stays open.",
        file="org/jobs.py",
        old="if has_arrived(job):",
        new="if job.id:",
        tests=(f"{_JOBS}::test_a_closing_that_never_arrived_is_repeated",),
    ),
    Mutant(
        name="lost-close-is-a-refusal",
        harm="A job whose closing got no answer counts as refused, so its rows go again while it runs.",
        file="org/jobs.py",
        old="if error.status is None or error.status < 300 or _passes(error):",
        new="if error.status is not None and (error.status < 300 or _passes(error)):",
        tests=(f"{_JOBS}::test_a_closing_whose_answer_is_lost_is_settled_by_looking",),
    ),
    Mutant(
        name="repeated-close-is-a-refusal",
        harm="The refusal that a repeated closing gets hides that the first one had worked.",
        file="org/jobs.py",
        old='return _code(error) == "INVALIDJOBSTATE"',
        new='return _code(error) == "INVALIDJOBSTAT"',
        tests=(f"{_JOBS}::test_a_repeated_closing_that_is_refused_was_a_success",),
    ),
    Mutant(
        name="unsettled-close-is-an-api-error",
        harm="A closing that nobody can ask about is told as an error of the network, not as an unknown outcome.",
        file="org/jobs.py",
        old="raise _unknown(job_id, error) from error",
        new="raise",
        tests=(f"{_JOBS}::test_a_closing_that_cant_be_settled_says_so",),
    ),
    Mutant(
        name="one-try-too-many",
        harm="Every request is sent once more than the policy allows.",
        file="org/transport.py",
        old="or repeat is Repeat.NEVER or tries >= retry.max_tries",
        new="or repeat is Repeat.NEVER or tries > retry.max_tries",
        tests=(f"{_TRANSPORT}::test_the_tries_come_to_an_end",),
    ),
    Mutant(
        name="one-try-too-few",
        harm="An org that is busy for a moment ends a load one request early.",
        file="org/transport.py",
        old="or repeat is Repeat.NEVER or tries >= retry.max_tries",
        new="or repeat is Repeat.NEVER or tries + 1 >= retry.max_tries",
        tests=(f"{_TRANSPORT}::test_the_tries_come_to_an_end",),
    ),
    Mutant(
        name="refusals-repeated",
        harm="A request that the org refuses for good costs six of the day's calls, and a minute.",
        file="org/answers.py",
        old="return response.status in PASSING or",
        new="return response.status >= 400 or",
        tests=(f"{_RETRY}::test_plain_answers_dont_pass",),
    ),
    Mutant(
        name="retry-after-ignored",
        harm="A client that was asked to wait a minute comes back at once, until its org locks it out.",
        file="org/transport.py",
        old="policy.wait_s(tries, retry_after_s=retry_after_s(response))",
        new="policy.wait_s(tries)",
        tests=(f"{_TRANSPORT}::test_the_wait_is_the_one_that_the_org_asks_for",),
    ),
    Mutant(
        name="retry-after-without-bound",
        harm="A proxy that says a day instead of a minute stops a load for a day.",
        file="org/retry.py",
        old="return min(max(retry_after_s, 0.0), self.max_retry_after_s)",
        new="return max(retry_after_s, 0.0)",
        tests=(f"{_RETRY}::test_the_orgs_wish_counts_within_bounds",),
    ),
    Mutant(
        name="dead-token-loop",
        harm="An org that takes no token is asked for ever, each time with a new login.",
        file="org/transport.py",
        old="if (response.status == 401 or has_moved) and",
        new="while (response.status == 401 or has_moved) and",
        tests=(f"{_TRANSPORT}::test_a_fresh_token_that_is_refused_too_is_an_authentication_error",),
    ),
    Mutant(
        name="a-login-for-each-waiter",
        harm="Of a hundred jobs whose token has died each one logs in, and the org locks the user out.",
        file="org/tokens.py",
        old="leads = token is None and self._flight is None",
        new="leads = token is None",
        tests=(f"{_TRANSPORT}::test_many_waiters_share_one_new_token",),
    ),
    Mutant(
        name="token-to-a-foreign-host",
        harm="An answer that names an address elsewhere gets the token sent there.",
        file="org/transport.py",
        old='if not path.startswith(("/", f"{base}/")):',
        new='if not path.startswith(("/", "http")):',
        tests=(f"{_TRANSPORT}::test_the_token_goes_to_its_own_host_alone",),
    ),
    Mutant(
        name="token-to-a-longer-host",
        harm="A host whose name begins as the org's gets the token.",
        file="org/transport.py",
        old='if not path.startswith(("/", f"{base}/")):',
        new='if not path.startswith(("/", base)):',
        tests=(f"{_TRANSPORT}::test_the_token_goes_to_its_own_host_alone",),
    ),
    Mutant(
        name="redirects-followed",
        harm="Whoever can redirect a request gets it again, and rows land elsewhere.",
        file="org/wire.py",
        old="allow_redirects=False",
        new="allow_redirects=True",
        tests=(
            f"{_TRANSPORT}::test_a_write_that_is_redirected_is_reported",
            f"{_TRANSPORT}::test_a_redirect_isnt_followed_and_a_get_asks_a_fresh_token_where_the_org_is",
        ),
    ),
    Mutant(
        name="cut-answers-taken-for-whole",
        harm="A result file whose download broke off counts as all of it.",
        file="org/wire.py",
        old=(
            "    async for chunk in answer.content.iter_any():\n        patience.received(len(chunk))\n"
            "        yield chunk\n"
        ),
        new=(
            "    try:\n        async for chunk in answer.content.iter_any():\n            yield chunk\n"
            "    except aiohttp.ClientPayloadError:\n        pass\n"
        ),
        tests=(f"{_TRANSPORT}::test_an_answer_that_breaks_off_isnt_taken_for_whole",),
    ),
    Mutant(
        name="cut-gzip-taken-for-whole",
        harm="A packed result file that breaks off counts as all of it.",
        file="org/body.py",
        old="if is_begun and not machine.eof:",
        new="if is_begun and machine.unconsumed_tail:",
        tests=(f"{_HOSTILE}::test_gzip_that_breaks_off_isnt_taken_for_whole",),
    ),
    Mutant(
        name="dripping-waited-out",
        harm="A peer that sends a byte a minute holds the call for ever.",
        file="org/patience.py",
        old="                raise TimeoutError\n",
        new="                pass\n",
        tests=(f"{_HOSTILE}::test_a_body_that_drips_is_as_good_as_silence",),
    ),
    Mutant(
        name="broken-download-appended-to",
        harm="A download that is begun again stands behind the part of it that came before.",
        file="org/wire.py",
        old="request.sink.seek(request.sink_start)",
        new="request.sink.seek(0, 2)",
        tests=(f"{_TRANSPORT}::test_a_sink_takes_a_large_answer_and_a_broken_one_is_read_anew",),
    ),
    Mutant(
        name="silence-waited-out",
        harm="A connection that fell silent holds the call for ever.",
        file="org/wire.py",
        old="patience_s = timeouts.upload_s if request.is_upload else timeouts.idle_s",
        new="patience_s = 86_400.0",
        tests=(f"{_TRANSPORT}::test_a_lost_answer_is_followed_by_the_same_request",),
    ),
    Mutant(
        name="results-end-after-two-pages",
        harm="Results that come in three pages lose the third.",
        file="org/ingest_jobs.py",
        old="            body.append(_appended(page, sink))\n",
        new="            body.append(_appended(page, sink))\n            break\n",
        tests=(f"{_JOBS}::test_results_in_pages_are_one_file",),
    ),
    Mutant(
        name="header-of-each-results-page-kept",
        harm="The header of the second page of results is taken for a row.",
        file="org/ingest_jobs.py",
        old='page = response.body.partition(b"\\n")[2]',
        new="page = response.body",
        tests=(f"{_JOBS}::test_results_in_pages_are_one_file",),
    ),
)
