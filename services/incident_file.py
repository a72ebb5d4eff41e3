"""Reading incidents from a file: JSON Lines or CSV, one row at a time."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, BinaryIO

from models import IncidentStatus, Severity
from providers.base import utcnow
from services import incidents
from services.errors import Refused

LONGEST_LINE = 1_000_000
OLDEST_MINUTES = 60 * 24 * 366 * 50
TEXTS = ("title", "description", "severity", "source", "source_key", "resource", "url", "status")
FIELDS = (*TEXTS, "labels", "created_at", "age_minutes")
# What makes two rows without a source key the same one.
CONTENT = ("title", "description", "severity", "source", "labels", "resource", "url")
ENDINGS = {"jsonl": "json", "ndjson": "json", "json": "json", "csv": "csv", "tsv": "csv"}
IMPORTED = "Import"

Values = Mapping[str, Any] | str


@dataclass(frozen=True)
class Row:
    """One row of a file: its number and its cleaned incident with the fields it gave; or why it cannot be used.

    Numbers are those an editor or a spreadsheet shows: the header of a CSV file is row 1.
    """

    number: int
    draft: incidents.Draft | None = None
    given: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    reason: str = ""


def rows(file: BinaryIO, *, name: str = "") -> Generator[Row, None, None]:
    """The rows of a file, read as they are asked for.

    Args:
        name: file name; its ending says the format (.jsonl, .ndjson, .csv, .tsv), else the first line does.

    Raises:
        Refused: it is not UTF-8 text, has no usable header, or a line of it never ends.
    """
    reader = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        lines = _lines(reader)
        skipped, first = 0, next(lines, "")
        while first and not first.strip():
            skipped, first = skipped + 1, next(lines, "")
        if not first:
            return
        readers = {"json": _json_rows, "csv": _csv_rows}
        for number, values in readers[_format(name, first)](chain([first], lines), skipped):
            yield _row(number, values)
    except UnicodeDecodeError:
        raise Refused("The file is not UTF-8 text.") from None
    finally:
        reader.detach()  # whoever opened the file closes it


def _lines(reader: io.TextIOWrapper) -> Iterator[str]:
    while line := reader.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith("\n"):
            raise Refused(f"The file has a line of more than {LONGEST_LINE:,} characters.")
        yield line


def _format(name: str, first: str) -> str:
    known = ENDINGS.get(name.rpartition(".")[2].lower())
    if first.lstrip().startswith("["):
        raise Refused("The file is a JSON list. Write one JSON object per line instead (JSON Lines).")
    return known or ("json" if first.lstrip().startswith("{") else "csv")


def _json_rows(lines: Iterator[str], skipped: int) -> Iterator[tuple[int, Values]]:
    """Line number and object of each line; a sentence instead of the object when it is none."""
    for number, line in enumerate(lines, start=skipped + 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            yield number, "This line is not JSON."
            continue
        yield number, {str(k): v for k, v in values.items()} if isinstance(values, dict) else "This is no JSON object."


def _csv_rows(lines: Iterator[str], skipped: int) -> Iterator[tuple[int, Values]]:
    first = next(lines)
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(chain([first], lines), delimiter=delimiter)
    try:
        header = ["_".join(name.strip().lower().split()) for name in next(reader)]
        _check_header(header)
        for number, cells in enumerate(reader, start=skipped + 2):
            if len(cells) > len(header):
                yield number, f"The row has {len(cells)} cells, the header has {len(header)}."
            elif any(cell.strip() for cell in cells):
                yield number, {name: cell for name, cell in zip(header, cells, strict=False) if cell.strip()}
    except csv.Error as error:
        raise Refused(f"The CSV file cannot be read near line {reader.line_num}: {error}.") from None


def _check_header(header: list[str]) -> None:
    if "title" not in header:
        raise Refused(
            "The CSV file has no column title. Its first row must name the columns: " + ", ".join(FIELDS) + "."
        )
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise Refused("The CSV file has more than one column " + ", ".join(doubled) + ".")


def _row(number: int, values: Values) -> Row:
    if isinstance(values, str):
        return Row(number, reason=values)
    given = {name: value for name, value in values.items() if name in FIELDS and value is not None}
    try:
        draft = incidents.cleaned(_draft(given))
    except Refused as refusal:
        return Row(number, reason=str(refusal))
    if draft.source_key is None:
        draft = replace(draft, source_key=_derived_key(draft, given))
    return Row(number, draft, frozenset(given), tuple(name[:60] for name in values if name not in FIELDS))


def _draft(given: Mapping[str, Any]) -> incidents.Draft:
    texts = {name: _text(name, given[name]) for name in TEXTS if name in given}
    texts["source"] = texts.get("source", "").strip() or IMPORTED
    texts.setdefault("severity", Severity.MEDIUM)
    texts.setdefault("status", IncidentStatus.OPEN)
    texts.setdefault("title", "")
    return incidents.Draft(**texts, labels=_labels(given.get("labels", ())), created_at=_created_at(given))


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(f"{incidents.label(name)} must be text.")
    return str(value)


def _labels(value: Any) -> list[str]:
    """A list of texts, or one text separated by semicolons."""
    parts = value.split(";") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise Refused("Labels must be a list, or text separated by semicolons.")
    return [_text("labels", part) for part in parts]


def _created_at(given: Mapping[str, Any]) -> dt.datetime | None:
    if "created_at" in given:
        try:
            moment = dt.datetime.fromisoformat(_text("created_at", given["created_at"]).strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
        except (ValueError, OverflowError):
            raise Refused("created_at must be a time such as 2026-03-01T12:30:00Z.") from None
    if "age_minutes" not in given:
        return None
    try:
        minutes = float(_text("age_minutes", given["age_minutes"]))
    except ValueError:
        minutes = math.nan
    if not 0 <= minutes <= OLDEST_MINUTES:
        raise Refused("age_minutes must be a number of minutes.")
    return utcnow() - dt.timedelta(minutes=minutes)


def _derived_key(draft: incidents.Draft, given: Mapping[str, Any]) -> str:
    """The same for the same content, so that reading a file again finds its rows again."""
    content = [getattr(draft, name) for name in CONTENT] + [given.get("created_at"), given.get("age_minutes")]
    return "row-" + hashlib.sha256(json.dumps(content).encode()).hexdigest()[:40]
