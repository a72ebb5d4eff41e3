"""How the sandbox ServiceNow reads credentials and words its answers (ServiceNow's inbound REST and OAuth pages)."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Request, Response, request

from standins import servicenow_journal as journal
from standins.servicenow_state import Sandbox, sandbox
from standins.servicenow_tables import READ_ONLY, TASKS
from standins.wire import HTML_TYPE, answer

HIBERNATING = (
    "<!doctype html><html><head><title>Instance Hibernating page</title></head><body><h1>Your instance is "
    "hibernating.</h1><p>Sign in to developer.servicenow.com to wake it.</p></body></html>"
)
ACCESS_DENIED = {"error_description": "access_denied", "error": "server_error"}


def base_url() -> str:
    """The instance's address as the caller reached it."""
    return request.host_url.rstrip("/")


def refuse(status: int, message: str, detail: str | None = None) -> Response:
    """An error in ServiceNow's shape."""
    return answer({"error": {"message": message, "detail": detail}, "status": "failure"}, status)


def not_authenticated() -> Response:
    """401 of the REST routes; it also sets a session cookie that clients must not keep."""
    response = refuse(401, "User Not Authenticated", "Required to provide Auth information")
    response.headers["WWW-Authenticate"] = 'BASIC realm="Service-now"'
    response.set_cookie("JSESSIONID", secrets.token_hex(16))
    return response


def hibernating() -> Response:
    """The page of a sleeping developer instance: status 200 for every address."""
    return Response(HIBERNATING, content_type=HTML_TYPE)


def authenticate(incoming: Request, instance: Sandbox) -> str:
    """User name the request acts as, "" when its credentials are no good. Basic sign-in is switched off here."""
    key = incoming.headers.get("x-sn-apikey", "")
    if key and instance.knobs.api_key_policy:
        return instance.accounts.by_key(key)
    scheme, _, value = incoming.headers.get("Authorization", "").partition(" ")
    return instance.accounts.by_token(value) if scheme.lower() == "bearer" else ""


def shown(table: str, row: dict[str, str], names: list[str], known: set[str] | None = None) -> dict[str, Any]:
    """A row in the form the caller asked for.

    Hidden and unknown fields are missing; `known` are the table's fields where the caller has them already. References
    are {link, value} unless `sysparm_exclude_reference_link`; `sysparm_display_value=all` gives {display_value, value,
    link} for every field.
    """
    instance, there = sandbox(), known or fields_of(table)
    wanted = [name for name in names or sorted(there) if name in there and not _unreadable(table, name)]
    return {name: _field(instance, table, name, row) for name in wanted}


def hidden(table: str, name: str) -> bool:
    """Whether an access rule hides a field."""
    return f"{table}.{name}" in sandbox().knobs.hidden_fields


def _unreadable(table: str, name: str) -> bool:
    return hidden(table, name) or f"{table}.{name}" in sandbox().knobs.unread_fields


def fields_of(table: str) -> set[str]:
    """The fields a table has."""
    instance = sandbox()
    if table == "task" or table in TASKS:
        return set(instance.known(table))
    return {name for row in instance.rows(table) for name in row} | _COLUMNS.get(table, set())


# Columns of a table that may be empty.
_COLUMNS = {
    journal.TABLE: set(journal.COLUMNS),
    "sys_data_policy_rule": {"table", "field", "mandatory", "sys_data_policy.active", "sys_data_policy.conditions"},
}


def _field(instance: Sandbox, table: str, name: str, row: dict[str, str]) -> Any:
    if name not in journal.JOURNALS or table in READ_ONLY:
        return _value(instance, table, name, row.get(name, ""))
    text = instance.journal_text(row["sys_id"], name) if instance.knobs.show_journals else ""
    wanted = request.args.get("sysparm_display_value", "false")
    return {"display_value": text, "value": ""} if wanted == "all" else text if wanted == "true" else ""


def _value(instance: Sandbox, table: str, name: str, value: str) -> Any:
    column = None if table in READ_ONLY else instance.known(table).get(name)
    reference = column.reference if column else ""
    label = display(instance, table, name, value, reference)
    link = f"{base_url()}/api/now/table/{reference}/{value}" if reference and value else ""
    wanted = request.args.get("sysparm_display_value", "false")
    bare = request.args.get("sysparm_exclude_reference_link") == "true"
    if wanted == "all":
        return {"display_value": label, "value": value, **({} if bare or not link else {"link": link})}
    if wanted == "true":
        return {"display_value": label, "link": link} if link and not bare else label
    return {"link": link, "value": value} if link and not bare else value


def display(instance: Sandbox, table: str, name: str, value: str, reference: str = "") -> str:
    """What people see of a value: the name behind a reference, the label of a choice."""
    if reference:
        row = next((r for r in instance.rows(reference) if r.get("sys_id") == value), {})
        return row.get("name") or row.get("number") or ""
    for owner in (table, "task"):
        if (owner, name) in instance.choices:
            return instance.choices[owner, name].get(value, value)
    return value
