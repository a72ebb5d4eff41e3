"""The task records of the sandbox ServiceNow."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import time

from standins.servicenow_tables import FIRST_STATE, INACTIVE, INACTIVE_ELSEWHERE, TASKS

FIRST_NUMBER = 10001


def moment() -> str:
    """Now as ServiceNow writes it: UTC without zone."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


class Store:
    """Records by sys_id; every value is a text and an unset one is ""."""

    def __init__(self, lock: threading.RLock) -> None:
        self.lock = lock
        self.records: dict[str, dict[str, str]] = {}
        self.hidden: set[str] = set()
        self._stored_at: dict[str, float] = {}
        self._next: dict[str, int] = {}

    def rows(self, table: str) -> list[dict[str, str]]:
        """All records of a task table; those of every table for `task`. Oldest first."""
        with self.lock:
            return [dict(r) for r in self.records.values() if table in ("task", r["sys_class_name"])]

    def by_number(self, number: str) -> dict[str, str]:
        """The record itself. Raises KeyError."""
        with self.lock:
            for record in self.records.values():
                if record["number"] == number:
                    return record
        raise KeyError(number)

    def add(self, table: str, values: dict[str, str]) -> dict[str, str]:
        """Keep a new record under the table's next number."""
        with self.lock:
            number = self._next.get(table, FIRST_NUMBER)
            self._next[table] = number + 1
            now, sys_id = moment(), secrets.token_hex(16)
            first = FIRST_STATE.get(table, "1")
            record = {
                "urgency": "3",
                "impact": "3",
                "state": first,
                **values,
                "active": "true",
                "sys_id": sys_id,
                "number": f"{TASKS[table][1]}{number:07}",
                "sys_class_name": table,
                "sys_created_on": now,
                "sys_updated_on": now,
            }
            self.records[sys_id] = _computed(record)
            self._stored_at[sys_id] = time.monotonic()
            return record

    def is_listed(self, sys_id: str, lag: float) -> bool:
        """Whether a list that runs so many seconds late shows the row."""
        return time.monotonic() - self._stored_at.get(sys_id, -lag) >= lag

    def set_state(self, number: str, state: str) -> None:
        """Put a record into a state. Raises KeyError."""
        with self.lock:
            record = self.by_number(number)
            record["state"] = state
            _computed(record)["sys_updated_on"] = moment()


def _computed(record: dict[str, str]) -> dict[str, str]:
    """What business rules fill in: priority from urgency and impact, active and incident_state from the state."""
    table = record["sys_class_name"]
    if table in ("incident", "problem"):
        levels = sum(int(record[name]) if record[name].isdecimal() else 3 for name in ("urgency", "impact"))
        record["priority"] = str(levels - 1)
    if table == "incident":
        record["incident_state"] = record["state"]
    record["active"] = "false" if record["state"] in INACTIVE.get(table, INACTIVE_ELSEWHERE) else "true"
    return record
