"""The tables of the sandbox ServiceNow: hierarchy, dictionary, choice lists, numbers.

Source: the dictionary and state model as ServiceNow delivers them, reduced to the columns our client touches.
"""

from __future__ import annotations

from dataclasses import dataclass

TASKS = {
    "incident": ("Incident", "INC"),
    "change_request": ("Change Request", "CHG"),
    "problem": ("Problem", "PRB"),
    "sc_task": ("Catalog Task", "SCTASK"),
    "u_facilities_request": ("Facilities Request", "FAC"),
}
# Tables that only lists are read from. sys_db_object and the like describe the others.
READ_ONLY = (
    "sys_user", "sys_user_group", "sys_user_has_role", "sys_dictionary", "sys_choice", "sys_db_object",
    "sys_data_policy_rule", "cmdb_ci", "cmn_location", "sys_journal_field",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One row of the dictionary."""

    table: str
    element: str
    label: str
    type: str = "string"
    reference: str = ""
    choice: str = "0"
    max_length: int = 40
    mandatory: bool = False
    default: str = ""

    def row(self) -> dict[str, str]:
        """The column as a row of sys_dictionary."""
        return {
            "sys_id": f"{abs(hash((self.table, self.element))):032x}"[-32:],
            "name": self.table,
            "element": self.element,
            "column_label": self.label,
            "internal_type": self.type,
            "reference": self.reference,
            "choice": self.choice,
            "max_length": str(self.max_length),
            "mandatory": "true" if self.mandatory else "false",
            "read_only": "false",
            "active": "true",
            "default_value": self.default,
        }


COLUMNS = (
    Column("task", "sys_id", "Sys ID", "GUID", max_length=32),
    Column("task", "number", "Number"),
    Column("task", "sys_class_name", "Task type", "sys_class_name", max_length=80),
    Column("task", "sys_created_on", "Created", "glide_date_time"),
    Column("task", "sys_updated_on", "Updated", "glide_date_time"),
    Column("task", "short_description", "Short description", max_length=160),
    Column("task", "description", "Description", max_length=4000),
    Column("task", "correlation_id", "Correlation ID", max_length=100),
    Column("task", "correlation_display", "Correlation display", max_length=100),
    Column("task", "state", "State", "integer", choice="3"),
    Column("task", "active", "Active", "boolean"),
    Column("task", "urgency", "Urgency", "integer", choice="3"),
    Column("task", "impact", "Impact", "integer", choice="3"),
    Column("task", "priority", "Priority", "integer", choice="3"),
    Column("task", "assigned_to", "Assigned to", "reference", "sys_user", max_length=32),
    Column("task", "assignment_group", "Assignment group", "reference", "sys_user_group", max_length=32),
    Column("task", "opened_by", "Opened by", "reference", "sys_user", max_length=32),
    Column("task", "cmdb_ci", "Configuration item", "reference", "cmdb_ci", max_length=32),
    Column("task", "location", "Location", "reference", "cmn_location", max_length=32),
    Column("task", "comments", "Additional comments", "journal_input", max_length=4000),
    Column("task", "work_notes", "Work notes", "journal_input", max_length=4000),
    Column("incident", "short_description", "Short description", max_length=160, mandatory=True),
    Column("incident", "caller_id", "Caller", "reference", "sys_user", max_length=32, mandatory=True),
    Column("incident", "incident_state", "Incident state", "integer", choice="3"),
    Column("incident", "category", "Category", choice="3"),
    Column("incident", "close_code", "Resolution code", choice="3"),
    Column("incident", "close_notes", "Resolution notes", max_length=4000),
    Column("incident", "u_notes", "Internal notes", max_length=1000),
    Column("incident", "u_follow_up", "Follow up", "glide_date_time"),
    Column("problem", "category", "Category", choice="3"),
    Column("problem", "u_review_on", "Review on", "glide_date", mandatory=True),
    Column("change_request", "requested_by", "Requested by", "reference", "sys_user", max_length=32),
    Column("change_request", "type", "Type", choice="3", mandatory=True, default="normal"),
    Column("change_request", "category", "Category", choice="3"),
    Column("change_request", "justification", "Justification", max_length=4000, mandatory=True),
    Column("change_request", "start_date", "Planned start date", "glide_date_time", mandatory=True),
    Column("sc_task", "u_effort", "Effort in hours", "integer", mandatory=True),
    Column("u_facilities_request", "location", "Location", "reference", "cmn_location",
           max_length=32, mandatory=True),
)  # fmt: skip


def columns() -> list[Column]:
    """A fresh dictionary."""
    return list(COLUMNS)


STATES = {
    "task": {"-5": "Pending", "1": "Open", "2": "Work in Progress", "3": "Closed Complete", "4": "Closed Incomplete"},
    "incident": {
        "1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled",
    },
    "change_request": {
        "-5": "New", "-4": "Assess", "-3": "Authorize", "-2": "Scheduled", "-1": "Implement", "0": "Review",
        "3": "Closed", "4": "Canceled",
    },
    "problem": {"101": "New", "102": "Assess", "104": "Fix in Progress", "106": "Resolved", "107": "Closed"},
}  # fmt: skip
FIRST_STATE = {"change_request": "-5", "problem": "101"}
INACTIVE = {"incident": {"7", "8"}, "change_request": {"3", "4"}, "problem": {"107"}}
INACTIVE_ELSEWHERE = {"3", "4"}
LEVELS = {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"}
PRIORITIES = {"1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low", "5": "5 - Planning"}
OTHER_LISTS = {
    ("task", "urgency"): LEVELS,
    ("task", "impact"): LEVELS,
    ("task", "priority"): PRIORITIES,
    ("incident", "category"): {"inquiry": "Inquiry / Help", "network": "Network", "database": "Database"},
    ("incident", "close_code"): {"Solved (Permanently)": "Solved (Permanently)"},
    ("problem", "category"): {"software": "Software", "network": "Network"},
    ("change_request", "type"): {"normal": "Normal", "standard": "Standard", "emergency": "Emergency"},
    ("change_request", "category"): {"Network": "Network", "Other": "Other"},
}


def choice_lists() -> dict[tuple[str, str], dict[str, str]]:
    """Fresh choice lists by (table, element): value to label."""
    lists = {key: dict(entries) for key, entries in OTHER_LISTS.items()}
    lists |= {(table, "state"): dict(entries) for table, entries in STATES.items()}
    lists["incident", "incident_state"] = dict(STATES["incident"])
    return lists


def choice_rows(lists: dict[tuple[str, str], dict[str, str]]) -> list[dict[str, str]]:
    """The choice lists as rows of sys_choice; an inactive and a German one are there to be left out."""
    rows = []
    for (table, element), entries in lists.items():
        for sequence, (value, label) in enumerate(entries.items()):
            row = {"name": table, "element": element, "value": value, "label": label, "sequence": f"{sequence:03}"}
            rows.append({**row, "inactive": "false", "language": "en"})
    level = {"name": "task", "element": "urgency", "sequence": "000"}
    rows.append({**level, "value": "9", "label": "Former level", "inactive": "true", "language": "en"})
    rows.append({**level, "value": "1", "label": "1 - Hoch", "inactive": "false", "language": "de"})
    return [{"sys_id": f"{number:032x}", **row} for number, row in enumerate(rows, 0xC000)]


def table_rows() -> list[dict[str, str]]:
    """Rows of sys_db_object; `u_sealed` is closed to web services."""
    base = {"ws_access": "true", "create_access": "true"}
    rows = [{"name": "task", "label": "Task", "super_class.name": "", **base}]
    for name, (label, _) in TASKS.items():
        rows.append({"name": name, "label": label, "super_class.name": "task", **base})
    rows.append({"name": "u_sealed", "label": "Sealed", "super_class.name": "task", **base, "ws_access": "false"})
    rows.append({"name": "sys_user", "label": "User", "super_class.name": "", **base})
    unset = {"super_class.super_class.name": "", "super_class.super_class.super_class.name": ""}
    return [{"sys_id": f"{number:032x}", **row, **unset} for number, row in enumerate(rows, 0xD000)]


def lists() -> dict[str, list[dict[str, str]]]:
    """Fresh rows of the tables references may point to: one too large for a list, one small."""
    items = [{"sys_id": f"{number:032x}", "name": f"server-{number}"} for number in range(0xE000, 0xE078)]
    places = ("Lisbon", "Porto")
    return {
        "cmdb_ci": items,
        "cmn_location": [{"sys_id": f"{n:032x}", "name": place} for n, place in enumerate(places, 0xF000)],
    }
