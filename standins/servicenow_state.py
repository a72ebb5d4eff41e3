"""State of the sandbox ServiceNow and the methods that turn it into a difficult one.

What it shares with the sandboxes of other vendors is in `state`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from flask import current_app

from standins.knobs import CREATE_FAULTS
from standins.servicenow_accounts import Accounts
from standins.servicenow_journal import JOURNALS, TABLE, Journal
from standins.servicenow_knobs import DataPolicy, Knobs
from standins.servicenow_people import API_KEY, PASSWORD, USER_NAME, groups, role_grants, users
from standins.servicenow_rules import Rule, RuleDesk
from standins.servicenow_store import Store, moment
from standins.servicenow_tables import Column, choice_lists, choice_rows, columns, lists, table_rows
from standins.state import SHARED_CONTROLS, State


class Sandbox(RuleDesk, State):
    """Accounts, tables, records, recorded calls, and the knobs."""

    create_route = "POST /api/now/*table/*"
    create_fault_kinds = (*CREATE_FAULTS, "error_after", "queued_after")
    controls: ClassVar[frozenset[str]] = SHARED_CONTROLS | {
        "error_with_200", "set_state", "change", "delete_record", "hide_record", "copy_record", "add_required_field",
        "add_data_policy", "add_groups", "revoke_key", "revoke_tokens", "set_password", "set_active",
        "move_record", "add_note", "notes", "rename_person", "remove_person", "paste_webhook", "remove_webhooks",
        "replay_webhooks", "hold_webhooks", "release_webhooks",
    }  # fmt: skip
    knobs: Knobs

    def reset(self) -> None:
        """Back to the first state; deliveries on their way are not sent any more."""
        self.stop_hooks()
        super().reset()

    def _fresh(self) -> None:
        self.knobs = Knobs()
        self.accounts = Accounts(self.lock)
        self.store = Store(self.lock)
        self.journal = Journal(self.lock)
        self.rules: list[Rule] = []
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

    def as_state(self) -> dict[str, Any]:
        """Calls, creates, grants, revoked tokens (how many), records, business rules and knobs."""
        with self.lock:
            counts = {"grants": self.accounts.grants, "revoked": len(self.accounts.revoked)}
            return {**super().as_state(), **counts, "records": self.records, **self.webhooks_as_state()}

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
            if table == TABLE:
                return [dict(entry) for entry in self.journal.entries]
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

    def journal_text(self, sys_id: str, element: str) -> str:
        """What a journal field of a record shows."""
        with self.lock:
            names = {row["user_name"]: row["name"] for row in self.lists["sys_user"]}
            return self.journal.text(sys_id, element, names)

    def notes(self, number: str) -> list[dict[str, str]]:
        """The journal entries of a record, oldest first. Raises KeyError."""
        return self.journal.of(self.store.by_number(number)["sys_id"])

    # -- changing the data --------------------------------------------------------------------------------------------

    def update(self, record: dict[str, str], values: dict[str, str], notes: dict[str, str], author: str) -> None:
        """Change a record as any update does: write its journals, then let the business rules run."""
        with self.lock:
            record.update({"sys_updated_on": moment(), **values})
            self.journal.add(record["sys_class_name"], record["sys_id"], notes, author)
            told = dict(record)
        self.run_rules(told)

    def set_state(self, number: str, state: str) -> None:
        """Put a record into a state by its value. Raises KeyError."""
        self.store.set_state(number, state)
        self.update(self.store.by_number(number), {}, {}, USER_NAME)

    def change(self, number: str, **values: str) -> None:
        """Change fields of a record as a person may. Raises KeyError."""
        self.update(self.store.by_number(number), values, {}, USER_NAME)

    def add_note(self, number: str, text: str, element: str = "work_notes", author: str = "dana.reyes") -> None:
        """Write a work note or comment as a person may. Raises KeyError."""
        if element not in JOURNALS:
            raise KeyError(element)
        self.update(self.store.by_number(number), {}, {element: text}, author)

    def move_record(self, number: str, table: str, new_number: str = "") -> None:
        """Make a record one of another table, under the same sys_id. Raises KeyError."""
        values = {"sys_class_name": table, "number": new_number or number}
        self.update(self.store.by_number(number), values, {}, USER_NAME)

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

    def rename_person(self, user: str, name: str) -> None:
        """Give a user another name. Raises KeyError."""
        self._person(user)["name"] = name

    def remove_person(self, user: str) -> None:
        """Remove a user for good. Raises KeyError."""
        with self.lock:
            self.lists["sys_user"].remove(self._person(user))

    def _person(self, user: str) -> dict[str, str]:
        wanted = self.user_id(user)
        return next(row for row in self.lists["sys_user"] if row["sys_id"] == wanted)

    # -- arming faults of ServiceNow alone ----------------------------------------------------------------------------

    def rate_limit(
        self,
        times: int | None = 1,
        retry_after: int | str | None = 1,
        route: str | None = None,
        more: dict[str, str] | None = None,
        reset: int | None = None,
    ) -> None:
        """Answer 429 with every header of ServiceNow's; None leaves Retry-After or X-RateLimit-Reset out."""
        told = {} if reset is None else {"X-RateLimit-Reset": str(reset)}
        super().rate_limit(times, retry_after, route, told | (more or {}))

    def _limited(self) -> tuple[dict[str, str], Any]:
        headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Rule": "a4b0ff9a53b21010c4d8ddeeff7b1226"}
        return headers, None

    def error_with_200(self, route: str | None = None, times: int | None = 1) -> None:
        """Answer matching requests with an error body under status 200, before they have any effect."""
        self.fail_next(200, times, route, CANCELLED)


CANCELLED = {
    "error": {"message": "Transaction cancelled: maximum execution time exceeded", "detail": None},
    "status": "failure",
}


def sandbox() -> Sandbox:
    """The sandbox the current request belongs to."""
    found: Sandbox = current_app.extensions["sandbox"]
    return found
