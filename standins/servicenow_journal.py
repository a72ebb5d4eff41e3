"""Journals of the sandbox ServiceNow: what is written to `comments` or `work_notes` becomes an entry of its own.

Source: the journal field pages. The record keeps no text of its own for such a field; read with display values, the
field shows all entries, newest first, each under a line that says when and by whom.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

from standins.servicenow_store import moment

JOURNALS = {"comments": "Additional comments", "work_notes": "Work notes"}
TABLE = "sys_journal_field"
COLUMNS = frozenset({"sys_id", "name", "element", "element_id", "value", "sys_created_on", "sys_created_by"})


@dataclass
class Journal:
    """The entries of all records, oldest first."""

    lock: threading.RLock
    entries: list[dict[str, str]] = field(default_factory=list)

    def add(self, table: str, sys_id: str, notes: dict[str, str], author: str) -> None:
        """Keep what was written to journal fields; empty texts make no entry.

        Args:
            table: the record's table.
            sys_id: the record.
            notes: texts by field.
            author: User ID of who wrote them.
        """
        with self.lock:
            for element, text in notes.items():
                about = {"name": table, "element": element, "element_id": sys_id, "value": text}
                made = {"sys_id": secrets.token_hex(16), "sys_created_on": moment(), "sys_created_by": author}
                self.entries += [about | made] if text else []

    def of(self, sys_id: str, element: str = "") -> list[dict[str, str]]:
        """Copies of a record's entries, or of one of its fields."""
        with self.lock:
            own = (entry for entry in self.entries if entry["element_id"] == sys_id)
            return [dict(entry) for entry in own if element in ("", entry["element"])]

    def text(self, sys_id: str, element: str, names: dict[str, str]) -> str:
        """What a journal field shows; `names` are people's names by User ID."""
        shown = [
            f"{entry['sys_created_on']} - {names.get(entry['sys_created_by'], entry['sys_created_by'])} "
            f"({JOURNALS[element]})\n{entry['value']}\n\n"
            for entry in reversed(self.of(sys_id, element))
        ]
        return "".join(shown)
