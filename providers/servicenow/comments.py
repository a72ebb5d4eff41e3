"""Comments: work notes of a record, each written with one call and found again by its marker.

Source: ServiceNow's Table API and journal field pages. `work_notes` is a journal field: what is written to it becomes
an entry of its own, what is read from it is the text of all entries, and only with display values. Text between [code]
and [/code] is shown as HTML. An account that may not write the field gets status 200 and no entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.capabilities import TakesComments
from providers.errors import InvalidInput, NotAllowed, NotFound, UnexpectedAnswer
from providers.servicenow import query, records
from providers.servicenow.answers import display, value
from providers.servicenow.wire import Wire

FIELD = "work_notes"
JOURNAL = "sys_journal_field"
_CODE = re.compile(r"\[(/?)(code)\]", re.IGNORECASE)
_MOST_ENTRIES = 20


class Comments(TakesComments):
    """The part of the client that says something in tickets.

    Comments are written as work notes, which only the people who work on the record see. The other journal field,
    `comments` ("Additional comments, customer visible"), is mailed to the caller, and an incident's notes are not meant
    for customers.
    """

    door: Any
    _wire: Wire

    def add_comment(self, external_id: str, text: str, marker: str) -> None:
        """Write a work note with one call.

        It is sent again only, and at once, when ServiceNow itself refused the access token before it looked further.

        Raises:
            UnexpectedAnswer: ServiceNow did not show the note; `has_comment` tells whether it is there.
            NotFound: the record is gone, or not shown to this account.
            ProviderError: what else can go wrong on the way; `sent` is False when the note itself never left.
        """
        self.door.purpose = "comment on ticket"
        table, sys_id = records.located(external_id)
        stored = self._wire.change(table, sys_id, {FIELD: note(text, marker)}, once=True)
        if not _shows(stored, marker):
            raise UnexpectedAnswer(
                "ServiceNow did not confirm the work note.",
                next_step="Patchpanel looks for it. The account must be allowed to write and read work notes.",
                vendor_status=200,
            )

    def has_comment(self, external_id: str, marker: str) -> bool:
        """Whether the record has a work note with this marker: the record's own field is asked, then the journal.

        Most accounts may not read the journal's table; then the field alone decides.

        Raises:
            NotAllowed: the note may be there without this account seeing it.
            NotFound: the record is gone, or not shown to this account.
            ProviderError: what else can go wrong on the way.
        """
        self.door.purpose = "look for comment"
        table, sys_id = records.located(external_id)
        record = self._wire.record(table, sys_id, ("sys_id", FIELD))
        if _shows(record, marker) or self._in_journal(table, sys_id, marker):
            return True
        if FIELD not in record:
            raise _may_not_read(table)
        return False

    def _in_journal(self, table: str, sys_id: str, marker: str) -> bool:
        """Whether the journal shows the note. Raises NotAllowed when it counts notes like it that are hidden."""
        about = query.both(query.equals("element_id", sys_id), query.equals("element", FIELD))
        terms = query.both(about, query.contains("value", marker))
        try:
            page = self._wire.rows(JOURNAL, terms, ("element_id", "element", "value"), limit=_MOST_ENTRIES)
        except (NotAllowed, NotFound, InvalidInput):
            return False
        if page.hidden:
            raise _may_not_read(table)
        # A dropped term brings entries of other records.
        own = [row for row in page.rows if (value(row.get("element_id")), value(row.get("element"))) == (sys_id, FIELD)]
        return any(carries(value(row.get("value")), marker) for row in own)


def note(text: str, marker: str) -> str:
    """The text of a work note: what is to be said, shortened to what the field takes, and the marker's line."""
    # Without its brackets the tag is a word; with them, text from anywhere would become HTML in ServiceNow.
    plain = _CODE.sub(r"(\1\2)", text.strip())
    tail = f"\n\n{_line(marker)}"
    return f"{records.cut(plain, len(tail))}{tail}".strip()


def carries(text: str, marker: str) -> bool:
    """Whether a line of the text is our marker's line; a quoted one does not count."""
    return bool(marker) and any(line.strip() == _line(marker) for line in text.splitlines())


def _line(marker: str) -> str:
    return f"Reference: {marker}"


def _shows(record: Mapping[str, Any], marker: str) -> bool:
    entry = record.get(FIELD)
    return carries(display(entry), marker) or carries(value(entry), marker)


def _may_not_read(table: str) -> NotAllowed:
    return NotAllowed(
        "The ServiceNow account may not read work notes.",
        next_step="A ServiceNow administrator must let it read the field work_notes.",
        missing=(f"read {table}.{FIELD}",),
    )
