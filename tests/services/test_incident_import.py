"""Loading incidents from files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from extensions import db
from models import Event, Incident
from services import incident_file, incident_import, incidents
from services.actors import COMMAND_LINE
from services.errors import Refused
from services.incident_import import Arrival, Outcome
from services.incidents import Draft

pytestmark = pytest.mark.usefixtures("app")

DEMO = Path(__file__).resolve().parents[2] / "standins" / "demo_incidents.jsonl"


def load(content: bytes | str, name: str = "") -> tuple[tuple[int, int, int, int], dict[int, str]]:
    """Import; gives (added, changed, unchanged, refused) and the refusals by row."""
    refused: dict[int, str] = {}
    report = incident_import.Report()
    raw = content.encode() if isinstance(content, str) else content
    incident_import.run(COMMAND_LINE, io.BytesIO(raw), name=name, report=report, on_refused=refused.__setitem__)
    return (report.added, report.changed, report.unchanged, report.refused), refused


def jsonl(*rows: object) -> str:
    return "\n".join(json.dumps(row) for row in rows) + "\n"


def everything() -> list[Incident]:
    return list(db.session.scalars(select(Incident).order_by(Incident.id)))


def test_the_demo_incidents_load_once() -> None:
    content = DEMO.read_bytes()
    assert load(content, DEMO.name) == ((60, 0, 0, 0), {})
    assert load(content, DEMO.name) == ((0, 0, 60, 0), {})
    rows = everything()
    assert [row.created_at for row in rows] == sorted(row.created_at for row in rows)
    assert {row.status for row in rows} == {"open", "in_progress", "resolved"}
    assert db.session.scalar(select(func.count()).select_from(Event)) == 60


def test_a_changed_row_changes_only_what_it_says() -> None:
    load(jsonl({"title": "Old", "source": "P", "source_key": "1", "description": "keep", "labels": ["a"]}))
    row = {"title": "New", "source": "P", "source_key": "1", "severity": "critical"}
    assert load(jsonl(row))[0] == (0, 1, 0, 0)
    stored = everything()[0]
    assert (stored.title, stored.description, stored.labels, stored.severity_rank) == ("New", "keep", ["a"], 4)
    assert [e.text for e in incidents.timeline(stored.id).entries] == ["Changed title, severity", "Received from P"]


def test_a_file_does_not_undo_the_status_people_gave() -> None:
    row = jsonl({"title": "One", "source": "P", "source_key": "1", "status": "open"})
    load(row)
    incidents.change_status(COMMAND_LINE, everything()[0].id, "resolved")
    assert load(row)[0] == (0, 0, 1, 0)
    assert everything()[0].status == "resolved"


def test_rows_without_a_key_are_recognised_by_their_content() -> None:
    rows = jsonl({"title": "One", "age_minutes": 5}, {"title": "Two"}, {"title": "Two"})
    assert load(rows)[0] == (2, 0, 1, 0)
    assert load(rows)[0] == (0, 0, 3, 0)
    assert everything()[0].source == "Import"


def test_a_key_twice_in_one_file_is_one_incident_with_the_later_words() -> None:
    rows = jsonl({"title": "One", "source": "P", "source_key": "1"}, {"title": "Two", "source": "P", "source_key": "1"})
    assert load(rows)[0] == (1, 1, 0, 0)
    assert [row.title for row in everything()] == ["Two"]


def test_bad_rows_are_named_and_the_others_stored() -> None:
    content = "\n".join(
        [
            json.dumps({"title": "Good"}),
            "",
            "{not json",
            "[1]",
            json.dumps({"title": ""}),
            json.dumps({"title": "x", "severity": "bad"}),
            json.dumps({"title": "x", "labels": 5}),
            json.dumps({"title": {"a": 1}}),
            json.dumps({"title": "x", "created_at": "yesterday"}),
            json.dumps({"title": "x", "created_at": "2999-01-01T00:00:00Z"}),
            '{"title": "x", "age_minutes": NaN}',
            json.dumps({"title": "x", "age_minutes": -1}),
            json.dumps({"title": "x", "url": "javascript:alert(1)"}),
            "[" * 100_000,
            json.dumps({"title": "Also good", "labels": "a; b", "created_at": "2026-01-02T03:04:05"}),
        ]
    )
    counts, refused = load(content)
    assert counts == (2, 0, 0, 12)
    assert sorted(refused) == list(range(3, 15))
    assert all(reason for reason in refused.values())
    assert refused[6] == "Severity must be Critical, High, Medium or Low."
    good = everything()
    assert [row.title for row in good] == ["Good", "Also good"]
    assert good[1].labels == ["a", "b"]
    assert good[1].created_at.isoformat() == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_bom_quotes_and_any_delimiter(delimiter: str) -> None:
    header = delimiter.join(["Title", "severity", "Source", "source key", "labels", "description"])
    row = delimiter.join(["Disk", "High", "Nessus", "n-1", '"a;b"', '"two\r\nlines with ""quotes"""'])
    content = ("\ufeff" + header + "\r\n" + row + "\r\n").encode()
    assert load(content, "x.csv")[0] == (1, 0, 0, 0)
    stored = everything()[0]
    assert (stored.title, stored.source_key, stored.labels) == ("Disk", "n-1", ["a", "b"])
    assert stored.description == 'two\nlines with "quotes"'
    assert load(content, "x.csv")[0] == (0, 0, 1, 0)


def test_csv_rows_are_numbered_as_a_spreadsheet_does() -> None:
    content = 'title,severity\nOne,high\n"Two\nlines",awful\nThree,low,too,many\n,low\n\nFour,low\n'
    counts, refused = load(content)
    assert counts == (2, 0, 0, 3)
    assert sorted(refused) == [3, 4, 5]


def test_columns_without_a_meaning_are_told() -> None:
    report = incident_import.Report()
    file = io.BytesIO(b"title,servity\nOne,high\n")
    incident_import.run(COMMAND_LINE, file, name="x.csv", report=report, on_refused=lambda *_: None)
    assert report.ignored_columns == {"servity"}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"name,severity\nx,high\n", "title"),
        (b"title,title\nx,y\n", "more than one"),
        (b'[{"title": "x"}]', "JSON list"),
        ("title\nGr\u00fc\u00dfe\n".encode("latin-1"), "UTF-8"),
        (b"title\n" + b"x" * 1_100_000, "characters"),
        (b'title\n"' + b"x\n" * 100_000, "CSV"),
    ],
)
def test_files_that_cannot_be_read_are_refused_with_the_reason(content: bytes, word: str) -> None:
    with pytest.raises(Refused, match=word):
        load(content)
    assert everything() == []


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_no_mistake(content: bytes) -> None:
    assert load(content) == ((0, 0, 0, 0), {})


def test_rows_are_read_as_they_are_needed() -> None:
    class Endless(io.RawIOBase):
        """A file that never ends."""

        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any writable buffer
            line = b'{"title": "x"}\n'
            buffer[: len(line)] = line
            self.given += 1
            return len(line)

    source = Endless()
    rows: Iterator[incident_file.Row] = incident_file.rows(io.BufferedReader(source))
    assert next(rows).number == 1
    assert next(rows).number == 2
    assert source.given < 2000


def test_a_single_arrival_is_placed_once() -> None:
    arrival = Arrival(incidents.cleaned(Draft(title="One", source="API", source_key="k")))
    outcome, incident = incident_import.place(COMMAND_LINE, arrival)
    again, same = incident_import.place(COMMAND_LINE, arrival)
    assert (outcome, again, incident.id) == (Outcome.ADDED, Outcome.UNCHANGED, same.id)
