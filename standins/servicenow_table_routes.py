"""The Table API of the sandbox ServiceNow: list, read, create, change, with everything it drops without a word."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, g, request

from standins import servicenow_journal as journal
from standins.knobs import CreateFault
from standins.server import dropped
from standins.servicenow_query import Query
from standins.servicenow_state import CANCELLED, sandbox
from standins.servicenow_tables import READ_ONLY, TASKS, Column
from standins.servicenow_wire import base_url, fields_of, hidden, refuse, shown
from standins.wire import JSON_TYPE, answer, spoiled

tables = Blueprint("tables", __name__, url_prefix="/api/now")
DEFAULT_LIMIT = 10_000
NO_RECORD = ("No Record found", "Record doesn't exist or ACL restricts the record retrieval")
TEXTS = ("string", "journal_input")
READABLE = {*READ_ONLY, *TASKS, "task"}


def _names() -> list[str]:
    return [name for name in request.args.get("sysparm_fields", "").split(",") if name]


def _no_table(table: str) -> Response | None:
    """400 for a table that does not exist, 403 for one that is refused openly."""
    if table not in READABLE:
        return refuse(400, f"Invalid table {table}")
    if table in sandbox().knobs.refuse_reads:
        return refuse(403, "User Not Authorized", "Failed API level ACL Validation")
    return None


def _visible(table: str, row: dict[str, str]) -> bool:
    instance = sandbox()
    closed = table == journal.TABLE and not instance.knobs.journal_open
    return not closed and f"{table}.read" not in instance.knobs.denied and row["sys_id"] not in instance.store.hidden


@tables.get("/table/<table>")
@tables.get("/<version>/table/<table>")
def listing(table: str, version: str = "v2") -> Response:
    """Rows that match. The limit counts before access rules, so that a page can be short or empty."""
    instance, refusal = sandbox(), _no_table(table)
    if refusal:
        return refusal
    limit, offset = _number("sysparm_limit", DEFAULT_LIMIT), _number("sysparm_offset", 0)
    known = fields_of(table)
    query = Query(request.args.get("sysparm_query", ""), known - instance.knobs.ignored_terms)
    nothing = bool(query.dropped) and instance.knobs.invalid_query_returns_no_rows
    listed = [row for row in instance.rows(table) if instance.store.is_listed(row["sys_id"], instance.knobs.list_lag)]
    found = [] if nothing else query.select(listed)
    page = [shown(table, row, _names(), known) for row in found[offset : offset + limit] if _visible(table, row)]
    if not page and version == "v1":
        return refuse(404, *NO_RECORD)
    response = answer({"result": page})
    if instance.knobs.total_count:
        response.headers["X-Total-Count"] = str(len(found))
    if offset + limit < len(found):
        response.headers["Link"] = f'<{base_url()}{request.path}?sysparm_offset={offset + limit}>;rel="next"'
    return response


def _number(name: str, default: int) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() else default


@tables.get("/table/<table>/<sys_id>")
@tables.get("/<version>/table/<table>/<sys_id>")
def read(table: str, sys_id: str, version: str = "v2") -> Response:
    """One record; absent and hidden ones look the same."""
    refusal = _no_table(table)
    if refusal:
        return refusal
    row = next((r for r in sandbox().rows(table) if r["sys_id"] == sys_id and _visible(table, r)), None)
    return refuse(404, *NO_RECORD) if row is None else answer({"result": shown(table, row, _names())})


@tables.post("/table/<table>")
@tables.post("/<version>/table/<table>")
def create(table: str, version: str = "v2") -> Response:
    """Make a record; armed create faults spoil the answer, never the storing."""
    instance = sandbox()
    if instance.take_fault_before_create():
        return dropped()
    if table not in TASKS:
        return refuse(400, f"Invalid table {table}") if table not in READABLE else refuse(403, *NO_INSERT)
    if f"{table}.create" in instance.knobs.denied:
        return refuse(403, *NO_INSERT)
    values = _accepted(table, g.body)
    missing = _missing(table, values)
    if missing:
        return refuse(403, "Operation Failed", f"Data Policy Exception: {WANTED} {', '.join(missing)}")
    values["opened_by"] = instance.user_id(g.user)
    notes = _notes(values)
    record = instance.store.add(table, values)
    instance.journal.add(table, record["sys_id"], notes, g.user)
    fault = instance.take_fault_after_create()
    if fault:
        return _spoiled(fault, table, record)
    response = answer({"result": shown(table, record, _names())}, 201)
    response.headers["Location"] = f"{base_url()}/api/now/table/{table}/{record['sys_id']}"
    return response


NO_INSERT = ("Operation Failed", "ACL Exception Insert Failed due to security constraints")
NO_UPDATE = ("Operation Failed", "ACL Exception Update Failed due to security constraints")
WANTED = "The following fields are mandatory:"


def _spoiled(fault: CreateFault, table: str, record: dict[str, str]) -> Response:
    """The answer to a create that worked but must look as if nobody knew."""
    if fault.kind == "error_after":
        return answer(CANCELLED)
    if fault.kind == "queued_after":
        return answer({"status": "queued"}, 202)
    return spoiled(fault, lambda: _without_id(table, record))


def _without_id(table: str, record: dict[str, str]) -> Response:
    body = json.dumps({"result": shown(table, record, [])})
    return Response(body[: body.index('"sys_id"')], status=201, content_type=JSON_TYPE)


@tables.patch("/table/<table>/<sys_id>")
@tables.patch("/<version>/table/<table>/<sys_id>")
def change(table: str, sys_id: str, version: str = "v2") -> Response:
    """Change fields of a record."""
    instance = sandbox()
    record = instance.store.records.get(sys_id)
    if record is None or table not in ("task", record["sys_class_name"]) or not _visible(table, record):
        return refuse(404, *NO_RECORD)
    if f"{table}.write" in instance.knobs.denied:
        return refuse(403, *NO_UPDATE)
    values = _accepted(record["sys_class_name"], g.body)
    instance.update(record, values, _notes(values), g.user)
    return answer({"result": shown(table, record, _names())})


def _accepted(table: str, body: dict[str, Any]) -> dict[str, str]:
    """What is taken of a body: known, visible, writable fields with values that can be resolved; texts are cut."""
    instance = sandbox()
    known, taken = instance.known(table), {}
    for name, value in body.items():
        column = known.get(name)
        ignored = hidden(table, name) or f"{table}.{name}" in instance.knobs.ignored_fields
        if column is None or ignored or name in ("sys_id", "number", "opened_by"):
            continue
        text = "" if value is None else str(value)
        if _resolves(table, column, text):
            taken[name] = text[: column.max_length] if column.type in TEXTS else text
    return taken


def _notes(values: dict[str, str]) -> dict[str, str]:
    """What is written to journals, taken out of the values: the record itself keeps none of it."""
    return {name: values.pop(name) for name in journal.JOURNALS if name in values}


def _resolves(table: str, column: Column, value: str) -> bool:
    instance = sandbox()
    if not value:
        return True
    if column.reference:
        return any(row["sys_id"] == value for row in instance.rows(column.reference))
    entries = instance.choices.get((table, column.element)) or instance.choices.get(("task", column.element))
    return entries is None or value in entries


def _missing(table: str, values: dict[str, str]) -> list[str]:
    """Labels of the fields that data policies miss."""
    instance = sandbox()
    known = instance.known(table)
    wanted = [name for p in instance.policies if p.table in (table, "task") and p.active for name in p.fields]
    return [known[name].label if name in known else name for name in wanted if not values.get(name)]
