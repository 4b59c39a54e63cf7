"""The upload is read exactly, or the job fails as a whole (wire notes, 4.1, 4.5, 4.6)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfframe.localorg import Manners, Server
from sfframe.localorg.ingest.parse import read_rows
from sfframe.localorg.ingest.scan import DELIMITERS, LINE_ENDS, scan
from sfframe.localorg.saving.header import StructureError
from tests.examples import scaled

from .client import Client, rows

SPECIAL = "\",;|^`\t\n\r\u2028\u2029\x0b\x0c\x1c\x85\xa0 #'\\aé🦆\ufeff"
TEXT = st.text(
    st.one_of(st.sampled_from(SPECIAL), st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), max_size=8
)


def written(table: list[list[str]], delimiter: str, line_end: str, *, quoted: bool, ended: bool) -> str:
    def cell(text: str) -> str:
        needed = any(char in text for char in f'"\r\n{delimiter}') or (text == "" and len(table[0]) == 1)
        return '"' + text.replace('"', '""') + '"' if quoted or needed else text

    return line_end.join(delimiter.join(map(cell, row)) for row in table) + (line_end if ended else "")


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 3))
    body = draw(st.lists(st.lists(TEXT, min_size=width, max_size=width), max_size=6))
    return [[f"h{column}" for column in range(width)], *body]


@settings(max_examples=scaled(100))
@given(tables(), st.sampled_from(list(DELIMITERS)), st.sampled_from(list(LINE_ENDS)), st.booleans(), st.booleans())
def test_4_1_cells_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[str]],
    delimiter: str,
    line_ending: str,
    quoted: bool,
    ended: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "exact.csv"
    text = written(table, DELIMITERS[delimiter], LINE_ENDS[line_ending], quoted=quoted, ended=ended)
    path.write_bytes(text.encode())
    layout = scan(path, delimiter=delimiter, line_ending=line_ending)
    assert list(layout.names) == table[0]
    for start in {0, layout.rows // 2}:
        batches = read_rows(path, layout, delimiter=delimiter, start=start, stride=2)
        read = [list(row.values())[:-1] for batch in batches for row in batch.to_pylist()]
        assert read == table[1 + start :]


@pytest.mark.parametrize("step", [1, 2, 5, 16])
def test_4_1_what_an_upload_holds_does_not_hang_on_the_pieces_it_is_read_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr("sfframe.localorg.ingest.scan._STEP", step)
    monkeypatch.setattr("sfframe.localorg.ingest.scan._EVERY", 3)
    path = tmp_path / "upload.csv"
    path.write_bytes('"a","b"\r\n\r\n1,"é""\n,€"\r\n"",\r\n😀,\r\n3,"\r\n\r\n"\r\n\r\n"x",last'.encode())
    layout = scan(path, delimiter="COMMA", line_ending="CRLF")
    assert (layout.names, layout.rows) == (("a", "b"), 5)
    wanted = [["1", 'é"\n,€'], ["", ""], ["😀", ""], ["3", "\r\n\r\n"], ["x", "last"]]
    for start in range(5):
        batches = read_rows(path, layout, delimiter="COMMA", start=start)
        assert [list(row.values())[:-1] for batch in batches for row in batch.to_pylist()] == wanted[start:]
    for bad in (b"a\r\n\xe2\x82\r\n", b"a\r\nx\xe2\x82", b"a\r\n\x80x"):
        path.write_bytes(bad)
        with pytest.raises(StructureError, match="The data is not UTF-8"):
            scan(path, delimiter="COMMA", line_ending="CRLF")
    for bad, text in (
        (b"a\r\n1\r\n2\n", "LineEnding is invalid"),
        (b"a\r\n1\r\n2\r", "LineEnding is invalid"),
        (b'a\r\nx"y"\r\n', "unescaped quote"),
        (b'a\r\n"xy\r\n', "unescaped quote"),
        (b"a,b\r\n1,2\r\n\r\n1,2,3", "Record 2 has 3 values, the header has 2"),
    ):
        path.write_bytes(bad)
        with pytest.raises(StructureError, match=text):
            scan(path, delimiter="COMMA", line_ending="CRLF")


@settings(max_examples=scaled(20))
@given(table=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), line_ending=st.sampled_from(list(LINE_ENDS)))
def test_5_3_text_survives_the_org_in_both_directions(
    one_server: Server, table: list[tuple[str, str]], line_ending: str
) -> None:
    one_server.reset()
    client = Client(one_server).log_in()
    cells = [["Text__c", "Long_Text__c"], *([f"k{text}k", f"k{more}k"] for text, more in table)]
    data = written(cells, ",", LINE_ENDS[line_ending], quoted=True, ended=True)
    done = client.load(data, sobject="Everything__c", lineEnding=line_ending)
    client.close()
    assert done.errors == []
    back = sorted([row["Text__c"], row["Long_Text__c"]] for row in done.successful)
    kept = sorted([record["Text__c"], record["Long_Text__c"]] for record in client.records("Everything__c"))
    assert back == kept == sorted(cells[1:])


def test_4_2_fields_of_131072_characters_fit(client: Client) -> None:
    long = "ä\n" * 65_536
    done = client.load(f'"Long_Text__c"\n"{long[:-1]}x"\n"{long}x"\n', sobject="Everything__c")
    assert [len(record["Long_Text__c"]) for record in client.records("Everything__c")] == [131_072]
    assert done.errors[0].startswith("STRING_TOO_LONG:Long Text: data value too large: ä")


UNESCAPED = "InvalidBatch : Failed to parse CSV. Found unescaped quote. A value with quote should be within a quote"
ENDINGS = "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is "


@pytest.mark.parametrize(
    ("data", "members", "message"),
    [
        ('\ufeff"LastName"\n"x"\n', {}, UNESCAPED),
        ("\ufeffLastName\nx\n", {}, "InvalidBatch : Field name not found : \ufeffLastName"),
        ('LastName\na "b" c\n', {}, UNESCAPED),
        ('LastName,Email\n"a", "b"\n', {}, UNESCAPED),
        ('LastName\n"a\n', {}, UNESCAPED),
        ('"LastName";"Email"\n"a";"b"\n', {}, UNESCAPED),
        ("LastName;Email\na;b\n", {}, "InvalidBatch : Field name not found : LastName;Email"),
        ("LastName,Email\na,b\n", {"columnDelimiter": "TAB"}, "InvalidBatch : Field name not found : LastName,Email"),
        ("LastName\r\nx\r\n", {}, ENDINGS + "LF"),
        ("LastName\rx\r", {}, ENDINGS + "LF"),
        ("LastName\nx\n", {"lineEnding": "CRLF"}, ENDINGS + "CRLF"),
        ("LastName\r\nx\n", {"lineEnding": "CRLF"}, ENDINGS + "CRLF"),
        ("LastName,Foo__c\nx,y\n", {}, "InvalidBatch : Field name not found : Foo__c"),
        ("LastName,MailingAddress\nx,y\n", {}, "InvalidBatch : Field name not found : MailingAddress"),
        ("LastName,lastname\nx,y\n", {}, "InvalidBatch : Field name not found : lastname"),
        ("LastName,Foo.Name\nx,y\n", {}, "InvalidBatch : Unable to find relationship: Foo"),
        (
            "LastName,Account:Account.ExternalId__c\nx,y\n",
            {},
            "InvalidBatch : type is not needed for non polymorphic foreign key references: Account",
        ),
        ("LastName,Account.Name\nx,y\n", {}, "InvalidBatch : Field name not found : Account.Name"),
        ("LastName,Account.\nx,y\n", {}, "InvalidBatch : Field name not found : Account."),
        (
            "Owner.Username,Subject\nx,y\n",
            {"sobject": "Case"},
            "InvalidBatch : type is needed for polymorphic foreign key references: Owner",
        ),
        (
            "Contact:Owner.ExternalId__c,Subject\nx,y\n",
            {"sobject": "Case"},
            "InvalidBatch : Field name not found : Contact:Owner.ExternalId__c",
        ),
        ("LastName\nx\n", {"operation": "update"}, "InvalidBatch : Field name not found : Id"),
        ("Id,LastName\nx,y\n", {"operation": "delete"}, "InvalidBatch : Field name not found : LastName"),
        (
            "LastName\nx\n",
            {"operation": "upsert", "externalIdFieldName": "ExternalId__c"},
            "InvalidBatch : Field name not found : ExternalId__c",
        ),
        ("LastName,Email\nx\n", {}, "InvalidBatch : Failed to parse CSV. Record 1 has 1 values, the header has 2"),
        ("LastName\nx\x00\n", {}, "InvalidBatch : Failed to parse CSV. Found a NUL character"),
        (b"LastName\n\xff\n", {}, "InvalidBatch : Failed to parse CSV. The data is not UTF-8"),
        ("LastName," + "x" * 32_000 + "\n", {}, "InvalidBatch : Header is longer than 32000 characters"),
    ],
)
def test_4_1_structural_mistakes_fail_the_job_with_nothing_done(
    client: Client, data: str | bytes, members: dict[str, str], message: str
) -> None:
    done = client.load(data, **members)
    assert done.info["state"] == "Failed"
    assert done.info["errorMessage"] == message
    assert done.info["numberRecordsProcessed"] == 0
    assert (done.successful, done.failed) == ([], [])
    sent = data if isinstance(data, bytes) else data.encode()
    unprocessed = client.get(f"/services/data/v66.0/jobs/ingest/{done.info['id']}/unprocessedrecords").body
    assert unprocessed.rstrip() == sent.rstrip()


@pytest.mark.parametrize("text", ["a\r\nb", "a\rb"])
def test_4_1_line_breaks_inside_quotes_pass_unless_the_org_is_strict(client: Client, text: str) -> None:
    assert client.load(f'LastName\n"{text}"\n').errors == []
    with Server(manners=Manners(strict_line_endings=True)) as server:
        strict = Client(server).log_in()
        done = strict.load(f'LastName\n"{text}"\n')
        assert done.info["errorMessage"] == ENDINGS + "LF"
        assert strict.load('LastName\n"a\nb"\n').errors == []
        assert strict.load('LastName\r\n"a\r\nb"\r\n', lineEnding="CRLF").errors == []
        assert strict.load('LastName\r\n"a\nb"\r\n', lineEnding="CRLF").info["state"] == "Failed"
        strict.close()


def test_4_1_blank_lines_are_no_rows_and_quoted_empty_cells_are(client: Client) -> None:
    done = client.load('Text__c\n\nx\n\n""\n\n', sobject="Everything__c")
    assert sorted(row["Text__c"] for row in done.successful) == ["", "x"]


def test_4_5_headers_match_without_case_but_failed_rows_lose_the_values(client: Client) -> None:
    done = client.load("LASTNAME,Email\nx,y\nz,\n")
    assert done.failed[0]["LASTNAME"] == ""
    assert done.failed[0]["Email"] == "y"
    assert done.successful[0]["LASTNAME"] == "z"


def test_5_results_have_the_delimiter_and_line_end_of_the_job(client: Client) -> None:
    done = client.load("LastName\tEmail\r\na\tb\r\nc\t\r\n", columnDelimiter="TAB", lineEnding="CRLF")
    assert done.failed_csv.startswith('"sf__Id"\t"sf__Error"\tLastName\tEmail\r\n""\t"INVALID_EMAIL')
    assert rows(done.successful_csv, "\t")[0]["LastName"] == "c"
    assert "\n" not in done.successful_csv.replace("\r\n", "")


def test_unfit_uploads_leave_no_files_behind(tmp_path: Path) -> None:
    with Server(tmp_path / "org.db") as server:
        client = Client(server).log_in()
        job_id = client.open_job("LastName\nx\n")
        client.put(job_id, "LastName\ny\n")
        client.patch(job_id, "Aborted")
        client.request("DELETE", f"/services/data/v66.0/jobs/ingest/{job_id}")
        client.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["org.db", "org.db.uploads"]
    assert list((tmp_path / "org.db.uploads").iterdir()) == []


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("end", ["LF", "CRLF"])
def test_4_1_a_first_cell_keeps_its_byte_order_mark(tmp_path: Path, start: int, end: str) -> None:
    """A mark is one at the start of a file alone; in a cell it is a character like others."""
    path = tmp_path / "upload.csv"
    path.write_bytes("".join(f"{line}{LINE_ENDS[end]}" for line in ("h0", "\ufeffa", "\ufeff")).encode())
    layout = scan(path, delimiter="COMMA", line_ending=end)
    (rows,) = read_rows(path, layout, delimiter="COMMA", start=start)
    assert rows.column("c0").to_pylist() == ["\ufeffa", "\ufeff"][start:]
