"""State of the sandbox ServiceNow and the methods that turn it into a difficult one.

`knobs` holds lasting switches; methods act at once or arm a fault for the next matching requests. Everything is guarded
by one lock, which no method holds while it waits.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import fields
from typing import Any

from flask import current_app

from standins.jira_faults import Fault, FaultBook
from standins.jira_issues import Call
from standins.servicenow_accounts import Accounts
from standins.servicenow_knobs import CreateFault, DataPolicy, Knobs
from standins.servicenow_people import API_KEY, PASSWORD, USER_NAME, groups, role_grants, users
from standins.servicenow_store import Store
from standins.servicenow_tables import Column, choice_lists, choice_rows, columns, lists, table_rows

SETS = ("denied", "refuse_reads", "hidden_fields", "ignored_fields", "ignored_terms")


class Sandbox:
    """Accounts, tables, records, recorded calls, and the knobs."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults = FaultBook()
        self.reset()

    def reset(self) -> None:
        """Back to the first state: no records, no recorded calls, no faults; held requests are let go."""
        self.faults.clear()
        with self.lock:
            self.knobs = Knobs()
            self.accounts = Accounts(self.lock)
            self.store = Store(self.lock)
            self.columns: list[Column] = columns()
            self.choices = choice_lists()
            self.policies: list[DataPolicy] = []
            self.lists: dict[str, list[dict[str, str]]] = {
                **lists(),
                "sys_user": users(),
                "sys_user_group": groups(),
                "sys_user_has_role": role_grants(),
                "sys_db_object": table_rows(),
            }
            self.calls: list[Call] = []
            self.creates = 0
            self.create_faults: deque[CreateFault] = deque()

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def records(self) -> dict[str, dict[str, str]]:
        """All task records by number (copies: safe to walk while requests come in)."""
        with self.lock:
            return {record["number"]: dict(record) for record in self.store.records.values()}

    def rows(self, table: str) -> list[dict[str, str]]:
        """All rows of a table, before access rules."""
        with self.lock:
            if table == "sys_dictionary":
                return [column.row() for column in self.columns]
            if table == "sys_choice":
                return choice_rows(self.choices)
            if table == "sys_data_policy_rule":
                return self._policy_rows()
            if table in self.lists:
                return [dict(row) for row in self.lists[table]]
            return self.store.rows(table)

    def _policy_rows(self) -> list[dict[str, str]]:
        return [
            {
                "sys_id": f"{number:030x}{index:02x}",
                "table": policy.table,
                "field": name,
                "mandatory": "true",
                "sys_data_policy.active": "true" if policy.active else "false",
                "sys_data_policy.conditions": policy.condition,
            }
            for number, policy in enumerate(self.policies)
            for index, name in enumerate(policy.fields)
            if policy.told
        ]

    def known(self, table: str) -> dict[str, Column]:
        """The columns of a task table with those it inherits, by name."""
        with self.lock:
            found = {c.element: c for c in self.columns if c.table == "task"}
            return found | {c.element: c for c in self.columns if c.table == table}

    def user_id(self, user_name: str) -> str:
        """sys_id of a user. Raises KeyError."""
        for row in self.lists["sys_user"]:
            if row["user_name"] == user_name:
                return row["sys_id"]
        raise KeyError(user_name)

    # -- changing the data --------------------------------------------------------------------------------------------

    def set_state(self, number: str, state: str) -> None:
        """Put a record into a state by its value. Raises KeyError."""
        self.store.set_state(number, state)

    def change(self, number: str, **values: str) -> None:
        """Change fields of a record as a person may. Raises KeyError."""
        with self.lock:
            self.store.by_number(number).update(values)

    def delete_record(self, number: str) -> None:
        """Remove a record for good. Raises KeyError."""
        with self.lock:
            del self.store.records[self.store.by_number(number)["sys_id"]]

    def hide_record(self, number: str, hidden: bool = True) -> None:
        """Make a record invisible to the API (it still counts in X-Total-Count), or visible again. Raises KeyError."""
        sys_id = self.store.by_number(number)["sys_id"]
        (self.store.hidden.add if hidden else self.store.hidden.discard)(sys_id)

    def copy_record(self, number: str) -> str:
        """Copy a record with its correlation ID, as a person may. Returns the new number. Raises KeyError."""
        with self.lock:
            old = self.store.by_number(number)
            return self.store.add(old["sys_class_name"], old)["number"]

    def add_required_field(self, table: str, **column: Any) -> None:
        """Make a column mandatory in the dictionary; the arguments are those of `Column`."""
        with self.lock:
            self.columns.append(Column(table, **{**column, "mandatory": True}))

    def add_data_policy(
        self, table: str, wanted: list[str], condition: str = "", told: bool = True, active: bool = True
    ) -> None:
        """Demand fields by a data policy; `told=False` keeps it out of the tables clients may read."""
        with self.lock:
            self.policies.append(DataPolicy(table, tuple(wanted), condition, told, active))

    def add_groups(self, count: int) -> None:
        """Many more active groups."""
        with self.lock:
            for number in range(count):
                row = {"sys_id": f"{0xB0000 + number:032x}", "name": f"Team {number:04}", "active": "true"}
                self.lists["sys_user_group"].append(row)

    def revoke_key(self, key: str = API_KEY) -> None:
        """From now on this API key is refused."""
        self.accounts.keys.pop(key, None)

    def revoke_tokens(self) -> None:
        """End every access token."""
        self.accounts.revoke_all()

    def set_password(self, password: str = PASSWORD, user: str = USER_NAME) -> None:
        """Give a user another password."""
        self.accounts.passwords[user] = password

    def set_active(self, user: str, active: bool) -> None:
        """Deactivate or reactivate a user: it vanishes from no list, but may not enter. Raises KeyError."""
        self.user_id(user)
        (self.accounts.inactive.discard if active else self.accounts.inactive.add)(user)
        for row in self.lists["sys_user"]:
            if row["user_name"] == user:
                row["active"] = "true" if active else "false"

    def set(self, **values: Any) -> None:
        """Set lasting knobs by name. Raises KeyError for a name that is none."""
        names = {knob.name for knob in fields(Knobs)}
        with self.lock:
            for name, value in values.items():
                if name not in names:
                    raise KeyError(name)
                setattr(self.knobs, name, set(value) if name in SETS else value)

    def deny(self, *rights: str) -> None:
        """Take rights away ("incident.create", "sys_user.read" …)."""
        with self.lock:
            self.knobs.denied.update(rights)

    def allow(self, *rights: str) -> None:
        """Give rights back."""
        with self.lock:
            self.knobs.denied.difference_update(rights)

    # -- arming faults ------------------------------------------------------------------------------------------------

    def fail_next(
        self,
        status: int,
        times: int | None = 1,
        route: str | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer matching requests with this status before they have any effect."""
        self.faults.arm(Fault("fail", route, times, status=status, body=body, headers=headers or {}))

    def rate_limit(
        self, times: int | None = 1, retry_after: int | None = 1, reset: int | None = None, route: str | None = None
    ) -> None:
        """Answer 429 with every header of ServiceNow's; None leaves Retry-After or X-RateLimit-Reset out."""
        headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Rule": "a4b0ff9a53b21010c4d8ddeeff7b1226"}
        headers |= {"Retry-After": str(retry_after)} if retry_after is not None else {}
        headers |= {"X-RateLimit-Reset": str(reset)} if reset is not None else {}
        self.fail_next(429, times, route, None, headers)

    def hold(
        self, seconds: float | None = None, route: str | None = None, times: int | None = 1, after: bool = False
    ) -> None:
        """Let matching requests wait (None: until `release`) before they have an effect, or `after` it."""
        self.faults.arm(Fault("hold_after" if after else "hold", route, times, seconds=seconds))

    def release(self) -> None:
        """Let held requests go on."""
        self.faults.release()

    def drip(self, seconds: float, route: str | None = None, times: int | None = 1) -> None:
        """Send the body of matching answers one byte every so many seconds."""
        self.faults.arm(Fault("drip", route, times, seconds=seconds))

    def html_instead(self, route: str | None = None, times: int | None = 1, status: int = 200) -> None:
        """Answer matching requests with an HTML page where JSON is expected."""
        self.faults.arm(Fault("html", route, times, status=status))

    def error_with_200(self, route: str | None = None, times: int | None = 1) -> None:
        """Answer matching requests with an error body under status 200, before they have any effect."""
        self.fail_next(200, times, route, CANCELLED)

    def spoil_create(self, kind: str, status: int = 502, times: int = 1) -> None:
        """Spoil the next creates (see CreateFault). Raises KeyError for an unknown kind."""
        if kind not in CREATE_FAULTS:
            raise KeyError(kind)
        with self.lock:
            self.create_faults.extend([CreateFault(kind, status)] * times)

    def take_create_fault(self, *kinds: str) -> CreateFault | None:
        """The next armed create fault if it is one of these kinds."""
        with self.lock:
            if self.create_faults and self.create_faults[0].kind in kinds:
                return self.create_faults.popleft()
        return None


CREATE_FAULTS = ("drop_before", "drop_after", "fail_after", "error_after", "queued_after", "no_id")
CANCELLED = {
    "error": {"message": "Transaction cancelled: maximum execution time exceeded", "detail": None},
    "status": "failure",
}


def sandbox() -> Sandbox:
    """The sandbox the current request belongs to."""
    found: Sandbox = current_app.extensions["sandbox"]
    return found
