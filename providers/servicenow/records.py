"""Records of task tables: what we send for a ticket, what came back, and how people find it.

Source: ServiceNow's Table API and state model pages. The Table API drops unknown fields and unusable values without a
word, so every value that comes back is compared with the one that was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.errors import InvalidInput, UnexpectedAnswer
from providers.servicenow import fields, query
from providers.servicenow.answers import display, value
from providers.values import TicketDraft, TicketStatus

DEFAULT_TABLE = "incident"
# Every task table extends this one and can be read through it.
BASE_TABLE = "task"
SUMMARY_LIMIT, TEXT_LIMIT = 160, 4000
CORRELATION_DISPLAY = "Patchpanel"
STATUS_FIELDS = (
    "sys_id", "number", "state", "active", "short_description", "assigned_to", "correlation_id", "sys_class_name",
    "sys_created_on",
)  # fmt: skip
# The field for the person who asks, by table. Elsewhere ServiceNow notes the calling user in opened_by by itself.
CALLER_FIELDS = {"incident": "caller_id", "change_request": "requested_by"}
# First letters of record numbers as the vendor delivers them; numbers of other tables are looked for in all of them.
PREFIXES = {"INC": "incident", "CHG": "change_request", "PRB": "problem", "SCTASK": "sc_task"}
# State values as delivered; a closed record of any table has active=false.
NEW_STATES = {"incident": {"1"}, "change_request": {"-5"}, "problem": {"101", "1"}, "sc_task": {"1", "-5"}}
DONE_STATES = {"incident": {"6", "7", "8"}, "problem": {"106", "107"}}
_NUMBER = re.compile(r"\b([A-Z][A-Z_]{1,9})[0-9]{4,}\b")
_LINKED_ID = re.compile(r"sys_id(?:=|%3D|%253D)([0-9a-f]{32})\b", re.IGNORECASE)
_LINKED_TABLE = re.compile(r"([a-z][a-z0-9_]+)\.do(?:\?|%3F|%253F)", re.IGNORECASE)


def external_id(table: str, sys_id: str) -> str:
    """Our name for a record: its sys_id, with the table in front unless it is an incident."""
    return sys_id if table == DEFAULT_TABLE else f"{table}/{sys_id}"


def located(reference: str) -> tuple[str, str]:
    """Table, and sys_id or number, that an external id or a number stands for."""
    table, slash, rest = reference.rpartition("/")
    if slash:
        return query.table(table), rest
    if query.SYS_ID.fullmatch(reference):
        return DEFAULT_TABLE, reference
    return numbered(reference), reference


def numbered(number: str) -> str:
    """The table whose records have such numbers; the base table when that is not known."""
    prefix = re.match(r"[A-Z_]*", number)
    return PREFIXES.get(prefix.group() if prefix else "", BASE_TABLE)


def reference(text: str) -> str:
    """The external id or number in a pasted number or link. Raises InvalidInput."""
    linked = _LINKED_ID.search(text)
    if linked:
        # The last page named before the id is the record's; those around it are the frame's.
        pages = _LINKED_TABLE.findall(text[: linked.end()])
        table = str(pages[-1]).lower() if pages else BASE_TABLE
        return external_id(BASE_TABLE if table == "nav_to" else table, linked.group(1).lower())
    found = _NUMBER.search(text.strip().upper())
    if found:
        return found.group()
    message = "Enter a record number such as INC0010001, or paste the record's link."
    raise InvalidInput(message, field_errors={"reference": message}, sent=False)


def link(base: str, table: str, sys_id: str) -> str:
    """Address of the record for people."""
    return f"{base}/nav_to.do?uri={table}.do%3Fsys_id%3D{sys_id}"


def new_record(table: str, draft: TicketDraft, caller: str) -> dict[str, str]:
    """The body of a create call; all values are texts."""
    tail = f"\n\n{draft.incident_key}: {draft.incident_url}\nReference: {draft.marker}"
    text = cut(draft.description, len(tail))
    body = {name: fields.payload(entry) for name, entry in draft.values.items()}
    body |= {
        "short_description": " ".join(draft.summary.split())[:SUMMARY_LIMIT],
        "description": f"{text}{tail}".strip(),
        "correlation_id": draft.marker,
        "correlation_display": CORRELATION_DISPLAY,
    }
    if caller and table in CALLER_FIELDS:
        body[CALLER_FIELDS[table]] = caller
    if draft.assignee_id:
        body["assigned_to"] = draft.assignee_id
    return {name: text for name, text in body.items() if text}


def cut(text: str, reserved: int) -> str:
    """The text, shortened when it and `reserved` more characters are too long for a text field.

    ServiceNow would cut it at its end, which is where our reference stands.
    """
    return text if len(text) + reserved <= TEXT_LIMIT else text[: TEXT_LIMIT - reserved - 1] + "…"


def same(sent: str, stored: str) -> bool:
    """Whether ServiceNow kept a value; line ends, outer blanks and leading zeros of numbers do not count."""
    left, right = (" ".join(text.split()) for text in (sent, stored))
    return left == right or _number(left) == _number(right) != ""


def _number(text: str) -> str:
    try:
        return str(float(text))
    except ValueError:
        return ""


def differences(sent: Mapping[str, str], stored: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """What ServiceNow did not keep: why the record is not the person's ("" when it is), and a sentence for the rest."""
    wrong = [name for name, text in sent.items() if not same(text, value(stored.get(name)))]
    warnings = tuple(_warning(name, stored) for name in wrong if name != "assigned_to")
    if "assigned_to" not in wrong:
        return "", warnings
    if "assigned_to" not in stored:
        return "ServiceNow does not show this account who the record is assigned to.", warnings
    return "ServiceNow did not assign the record to this person and gave no reason.", warnings


def _warning(name: str, stored: Mapping[str, Any]) -> str:
    label = name.replace("_", " ").capitalize()
    if name not in stored:
        return f"{label}: ServiceNow did not confirm the value. The table may lack this field, or hide it."
    kept = value(stored[name])
    if not kept:
        return f"{label}: ServiceNow left the value out."
    if len(kept) > 60:
        return f"{label}: ServiceNow stored another text."
    return f"{label}: ServiceNow stored “{kept}” instead."


def category(table: str, state: str, active: str) -> str:
    """Our category (new, active or done) of a state."""
    if state in DONE_STATES.get(table, ()) or active == "false":
        return "done"
    return "new" if state in NEW_STATES.get(table, {"1", "-5"}) else "active"


def status(record: Mapping[str, Any], table: str, base: str, marker: str) -> TicketStatus:
    """A record with display values as ticket. Raises UnexpectedAnswer when it is not one."""
    sys_id, number = value(record.get("sys_id")), value(record.get("number"))
    if not sys_id:
        raise UnexpectedAnswer("ServiceNow's answer is not a task record.", next_step="Try again later.")
    own_table = table if table != BASE_TABLE else value(record.get("sys_class_name")) or table
    state, person = record.get("state"), record.get("assigned_to")
    return TicketStatus(
        external_id=external_id(own_table, sys_id),
        external_key=number or sys_id,
        url=link(base, own_table, sys_id),
        summary=value(record.get("short_description")),
        status=display(state) or "Unknown",
        category=category(own_table, value(state), value(record.get("active"))),
        assignee_id=value(person),
        assignee_name=display(person),
        marker_found=bool(marker) and value(record.get("correlation_id")) == marker,
    )
