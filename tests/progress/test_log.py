"""The log: a line a stage, with its figures as fields, and nothing that a log mustn't hold."""

from __future__ import annotations

import dataclasses
import io
import logging
from typing import Any, get_args

import polars as pl
import pytest
from tqdm import tqdm

import sfframe
from sfframe.progress import Event, PartUploaded
from sfframe.progress.log import Log, sentence

FRAME = pl.DataFrame({"LastName": [f"secret cell {n}" for n in range(10)], "Email": [*["a@b.de"] * 8, "?", "?"]})


def load(org: sfframe.Org, caplog: pytest.LogCaptureFixture, level: int, **options: Any) -> list[logging.LogRecord]:
    caplog.clear()
    with caplog.at_level(level, "sfframe.ingest"):
        sfframe.ingest(FRAME, "Contact", "insert", org=org, on_failure="return", **options)
    return [record for record in caplog.records if hasattr(record, "event")]


def test_a_load_writes_a_line_a_stage(org: sfframe.Org, caplog: pytest.LogCaptureFixture) -> None:
    records = load(org, caplog, logging.INFO, max_records=5)
    told = [vars(record)["event"] for record in records]
    assert told[:2] == ["Preparing", "Started"]
    assert told[-1] == "Finished"
    by_job = {vars(record)["job_id"]: list[str]() for record in records[2:-1]}
    for record in records[2:-1]:
        by_job[vars(record)["job_id"]].append(vars(record)["event"])
    assert list(by_job.values()) == [["JobCreated", "PartUploaded", "JobProgressed", "JobFinished"]] * 2
    assert {(record.name, record.levelname) for record in records} == {("sfframe.ingest", "INFO")}


def test_a_line_s_figures_are_fields_of_its_record(org: sfframe.Org, caplog: pytest.LogCaptureFixture) -> None:
    records = [vars(record) for record in load(org, caplog, logging.INFO)]
    for record in records:
        assert (record["host"], record["sobject"], record["operation"]) == (org.host, "Contact", "insert")
        assert record["seconds"] >= 0
    [uploaded] = [record for record in records if record["event"] == "PartUploaded"]
    assert uploaded["rows"] == 10
    assert uploaded["payload_bytes"] > 250
    [ended] = [record for record in records if record["event"] == "JobProgressed"]
    assert (ended["state"], ended["rows_processed"], ended["rows_failed"]) == ("JobComplete", 10, 2)
    assert (records[-1]["successful"], records[-1]["failed"], records[-1]["unprocessed"]) == (8, 2, 0)


def test_lines_read_as_sentences(org: sfframe.Org, caplog: pytest.LogCaptureFixture) -> None:
    messages = [record.getMessage() for record in load(org, caplog, logging.INFO)]
    assert messages[:2] == [
        f"insert Contact on {org.host}: the frame is checked",
        f"insert Contact on {org.host}: 10 rows are sent",
    ]
    assert messages[-1].startswith(f"insert Contact on {org.host}: 8 successful, 2 failed, 0 unprocessed, after ")


def test_no_line_holds_a_cell_or_a_secret(
    org: sfframe.Org, local: sfframe.LocalOrg, caplog: pytest.LogCaptureFixture
) -> None:
    records = load(org, caplog, logging.DEBUG)
    with caplog.at_level(logging.DEBUG, "sfframe.query"):
        sfframe.read_soql("SELECT Id FROM Contact WHERE LastName = 'secret cell 1'", org=org)
    written = repr([vars(record) for record in [*records, *caplog.records]])
    assert "secret cell" not in written
    assert local.client_secret not in written


def test_a_read_writes_its_lines_beside_the_reason_for_its_way(
    org: sfframe.Org, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "sfframe.query"):
        sfframe.read_soql("SELECT Id FROM Contact", org=org, api="bulk")
    records = [vars(record) for record in caplog.records]
    told = [record["event"] for record in records]
    assert told == ["QueryStarted", "QueryJobCreated", "QueryJobProgressed", "QueryAnswered", "QueryFinished"]
    assert records[3]["why"] == "api='bulk' was asked for"
    assert {record["host"] for record in records} == {org.host}


def test_each_event_has_a_sentence_of_its_own() -> None:
    values: dict[str, Any] = {"str": "x", "int": 1, "str | None": "x", "int | None": 1}
    for kind in get_args(Event):
        given = {field.name: values.get(str(field.type), "rest") for field in dataclasses.fields(kind)}
        assert sentence(kind(**given), 1.0) != kind.__name__


def test_lines_go_above_a_bar_and_not_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr("sys.stderr", terminal)
    logger = logging.getLogger("sfframe.ingest")
    handler = logging.StreamHandler(terminal)
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(logger, "propagate", False)
    try:
        with tqdm(total=9, file=terminal, ncols=40, bar_format="bar"):
            Log("ingest")(PartUploaded(job_id="750", rows=3, payload_bytes=9))
    finally:
        logger.removeHandler(handler)
    [line] = [line for line in terminal.getvalue().replace("\n", "\r").split("\r") if "job 750" in line]
    assert line.endswith("job 750 has its 3 rows")
    assert "bar" not in line
