"""What people see of the sandbox ServiceNow: a list of records and a page per record, plainly marked as a sandbox."""

from __future__ import annotations

import re

from flask import Blueprint, Response, make_response, redirect, render_template_string, request
from werkzeug.wrappers import Response as AnyResponse

from standins.servicenow_journal import JOURNALS
from standins.servicenow_state import sandbox
from standins.servicenow_tables import STATES
from standins.servicenow_wire import display

pages = Blueprint("pages", __name__)
_TARGET = re.compile(r"([a-z0-9_]+)\.do\?sys_id=([0-9a-f]{32})")

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ record.number ~ " · " ~ record.short_description if record else "Records" }} · Sandbox ServiceNow</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f3f6f5;color:#1d2b2a}
header{background:#1f5c53;color:#fff;padding:.6rem 1.2rem;display:flex;gap:1rem;flex-wrap:wrap}
header a{color:#fff;font-weight:600;text-decoration:none}
main{max-width:50rem;margin:1.5rem auto;padding:1.2rem 1.6rem;background:#fff;
border:1px solid #d8e0de;border-radius:8px}
table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.45rem;border-bottom:1px solid #d8e0de}
.key{color:#536360}.state{padding:.1rem .5rem;border-radius:4px;background:#e1e8e6;font-size:.85rem;font-weight:600}
dl{display:grid;grid-template-columns:10rem 1fr;gap:.4rem}dd{margin:0}dt{color:#536360}
pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere}button{font:inherit;padding:.35rem .9rem;cursor:pointer}
</style>
</head>
<body>
<header><a href="/">Sandbox ServiceNow</a>
<span>A local stand-in for demonstrations and tests, not the vendor's product</span></header>
<main>
{% if record %}
<p class="key">{{ record.number }}</p>
<h1>{{ record.short_description }}</h1>
<dl>
<dt>State</dt><dd><span class="state">{{ shown.state }}</span></dd>
<dt>Assigned to</dt><dd>{{ shown.assigned_to or "Nobody" }}</dd>
<dt>Assignment group</dt><dd>{{ shown.assignment_group or "None" }}</dd>
<dt>Urgency</dt><dd>{{ shown.urgency }}</dd><dt>Impact</dt><dd>{{ shown.impact }}</dd>
<dt>Correlation ID</dt><dd>{{ record.correlation_id or "None" }}</dd>
</dl>
<form method="post" action="/{{ record.sys_class_name }}.do?sys_id={{ record.sys_id }}">
{% for value, label in states.items() %}<button name="state" value="{{ value }}"
{%- if value == record.state %} disabled{% endif %}>{{ label }}</button> {% endfor %}
</form>
<h2>Description</h2>
<pre>{{ record.description or "No description" }}</pre>
{% if notes %}<h2>Notes</h2>
{% for one in notes %}
<p class="key">{{ one.sys_created_on }} · {{ one.sys_created_by }} · {{ journals[one.element] }}</p>
<pre>{{ one.value }}</pre>
{% endfor %}{% endif %}
{% elif missing %}
<h1>Record not found</h1><p>There is no such record in this sandbox.</p>
{% else %}
<h1>Records</h1>
{% if records %}<table><thead><tr><th>Number</th><th>Short description</th><th>Assigned to</th></tr></thead><tbody>
{% for one in records %}<tr><td><a href="/nav_to.do?uri={{ one.sys_class_name }}.do%3Fsys_id%3D{{ one.sys_id }}">
{{- one.number }}</a></td><td>{{ one.short_description }}</td><td>{{ names[one.sys_id] }}</td></tr>{% endfor %}
</tbody></table>{% else %}<p>No records yet. They appear here as soon as a ticket is created.</p>{% endif %}
{% endif %}
</main></body></html>"""
SHOWN = {"state": "", "urgency": "", "impact": "", "assigned_to": "sys_user", "assignment_group": "sys_user_group"}


def _page(status: int = 200, **values: object) -> Response:
    return make_response(render_template_string(PAGE, **values), status)


def _record_page(table: str, sys_id: str) -> Response:
    instance = sandbox()
    record = instance.store.records.get(sys_id)
    if record is None or table not in ("task", record["sys_class_name"]):
        return _page(404, missing=True)
    own = record["sys_class_name"]
    shown = {name: display(instance, own, name, record.get(name, ""), ref) for name, ref in SHOWN.items()}
    notes = list(reversed(instance.journal.of(sys_id)))
    states = STATES.get(own, STATES["task"])
    return _page(record=record, shown=shown, states=states, notes=notes, journals=JOURNALS)


@pages.get("/")
def listing() -> Response:
    """All records, newest first."""
    instance = sandbox()
    records = list(reversed(instance.store.rows("task")))
    names = {r["sys_id"]: display(instance, "", "", r.get("assigned_to", ""), "sys_user") or "Nobody" for r in records}
    return _page(records=records, names=names)


@pages.get("/nav_to.do")
def navigate() -> Response:
    """The record a link from outside leads to."""
    target = _TARGET.fullmatch(request.args.get("uri", ""))
    return _record_page(target.group(1), target.group(2)) if target else _page(404, missing=True)


@pages.get("/<table>.do")
def form(table: str) -> Response:
    """The record's own address."""
    return _record_page(table, request.args.get("sys_id", ""))


@pages.post("/<table>.do")
def change_state(table: str) -> AnyResponse:
    """A person presses one of the state buttons."""
    instance, sys_id, state = sandbox(), request.args.get("sys_id", ""), request.form.get("state", "")
    record = instance.store.records.get(sys_id)
    if record is None or state not in STATES.get(table, STATES["task"]):
        return _page(404, missing=True)
    instance.set_state(record["number"], state)
    return redirect(f"/nav_to.do?uri={table}.do%3Fsys_id%3D{sys_id}", 303)
