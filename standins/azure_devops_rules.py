"""What the sandbox Azure DevOps accepts as a work item, and how it says no."""

from __future__ import annotations

from typing import Any

from flask import Response

from standins import azure_devops_wire as wire
from standins.azure_devops_knobs import WorkItem
from standins.azure_devops_projects import Field, ItemType, Project
from standins.azure_devops_state import sandbox

UNKNOWN_IDENTITY = 600171
TITLE_LIMIT = 255
ASSIGNED_TO, AREA_PATH, TAGS = "System.AssignedTo", "System.AreaPath", "System.Tags"


class Broken(Exception):
    """A work item that is refused, with the answer that says so."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def read_patch(body: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Fields and links of a JSON Patch document. Raises Broken for anything else, such as a plain object."""
    values: dict[str, Any] = {}
    relations: list[dict[str, Any]] = []
    for change in body if isinstance(body, list) and body else [None]:
        path = str(change.get("path", "")) if isinstance(change, dict) and change.get("op") == "add" else ""
        if path.startswith("/fields/"):
            values[path.removeprefix("/fields/")] = change.get("value")
        elif path == "/relations/-":
            relations.append(change.get("value"))
        else:
            message = "You must pass a valid patch document in the body of the request."
            raise Broken(wire.refuse(400, message, "VssPropertyValidationException"))
    return values, relations


def judged(project: Project, kind: ItemType, values: dict[str, Any], relations: list[dict[str, Any]]) -> WorkItem:
    """The work item these values make. Raises Broken with the vendor's answer."""
    azure = sandbox()
    problems = [*_foreign(kind, values), *_rules(kind, values)]
    if problems:
        raise Broken(_rule_error(problems))
    _check_area(project, values)
    _check_tags(values)
    assignee = person_for(values.pop(ASSIGNED_TO, None), ASSIGNED_TO, "Assigned To")
    for field in kind.fields:
        if field.kind == "identity" and values.get(field.name):
            values[field.name] = person_for(values[field.name], field.name, field.label)
        if field.default is not None and field.name != "System.State":
            values.setdefault(field.name, field.default)
    kept = None if azure.knobs.ignore_assignee else assignee
    return WorkItem(-1, project.name, kind.name, values, kept, azure.owner.id, kind.states[0][0], relations)


def check_change(item: WorkItem, values: dict[str, Any]) -> None:
    """Hold a changed work item against all rules its type has now, as every change is. Raises Broken."""
    kind = sandbox().projects[item.project].type(item.type)
    if kind is not None:
        problems = [*_foreign(kind, values), *_rules(kind, {**item.values, **values})]
        if problems:
            raise Broken(_rule_error(problems))
    _check_area(sandbox().projects[item.project], {})


def _foreign(kind: ItemType, values: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Fields the type does not have."""
    return [
        (name, "invalidType", f"TF401326: Invalid field status 'InvalidType' for field '{name}'.")
        for name in values
        if kind.field(name) is None
    ]


def _rules(kind: ItemType, values: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Broken rules of the type: (field, flags, sentence)."""
    found = []
    for field in kind.fields:
        value = values.get(field.name)
        if value in (None, ""):
            if field.required and field.default is None and not _is_computed(field):
                flags = (
                    "required, hasValues, limitedToValues, invalidEmpty" if field.allowed else "required, invalidEmpty"
                )
                found.append((field.name, flags, _rule_sentence(field, "Required, InvalidEmpty")))
        elif problem := _wrong_value(field, value):
            found.append((field.name, problem, _rule_sentence(field, problem)))
    return found


def _is_computed(field: Field) -> bool:
    return field.read_only or field.name in ("System.AreaId", "System.IterationId")


def _wrong_value(field: Field, value: Any) -> str:
    if field.allowed and field.kind != "identity" and str(value) not in field.allowed:
        return "hasValues, limitedToValues, invalidListValue"
    if field.kind == "integer" and not str(value).lstrip("-").isdecimal():
        return "invalidType"
    if field.kind == "boolean" and str(value) not in ("True", "False"):
        return "invalidType"
    if field.kind == "dateTime" and not str(value).endswith("Z"):
        return "invalidDate"
    return "invalidTooLong" if field.name == "System.Title" and len(str(value)) > TITLE_LIMIT else ""


def _rule_sentence(field: Field, flags: str) -> str:
    return f"TF401320: Rule Error for field {field.label}. Error code: {flags}."


def _rule_error(problems: list[tuple[str, str, str]]) -> Response:
    errors = [
        {"fieldReferenceName": name, "fieldStatusFlags": flags, "errorMessage": text, "fieldStatusCode": 524289}
        for name, flags, text in problems
    ]
    custom = {"FieldReferenceName": None, "RuleValidationErrors": errors}
    return wire.refuse(400, problems[0][2], "RuleValidationException", customProperties=custom)


def _check_area(project: Project, values: dict[str, Any]) -> None:
    area = values.get(AREA_PATH)
    if area and area not in project.all_areas:
        message = "TF401347: Invalid tree name given for work item -1, field 'System.AreaPath'."
        custom = {"ReferenceName": AREA_PATH}
        raise Broken(wire.refuse(400, message, "WorkItemFieldInvalidTreeNameException", customProperties=custom))
    if not sandbox().has("SAVE_AREA"):
        message = (
            "TF237111: The current user does not have permissions to save work items under the specified area path."
        )
        raise Broken(wire.refuse(403, message, "WorkItemUnauthorizedSaveException"))


def _check_tags(values: dict[str, Any]) -> None:
    known = {tag.lower() for item in sandbox().work_items.values() for tag in item.tags}
    asked = [tag.strip().lower() for tag in str(values.get(TAGS) or "").split(";") if tag.strip()]
    if not sandbox().has("CREATE_TAGS") and set(asked) - known:
        message = "TF401289: The current user does not have permissions to create tags."
        raise Broken(wire.refuse(403, message, "WorkItemUnauthorizedTagException"))


def person_for(value: Any, name: str, label: str) -> str | None:
    """The id of the person a value means: an id, a sign-in address or "Name <address>". Raises Broken."""
    text = str(value or "").strip()
    if not text:
        return None
    wanted = text.rpartition("<")[2].rstrip(">").lower()
    for person in sandbox().people.values():
        if wanted in (person.id, person.account.lower()) and person.member and person.active and not person.gone:
            return person.id
    message = f"The identity value '{text}' for field '{label}' is an unknown identity."
    custom = {"ReferenceName": name}
    answer = wire.refuse(
        400, message, "WorkItemFieldInvalidException", errorCode=UNKNOWN_IDENTITY, customProperties=custom
    )
    raise Broken(answer)
