"""Work items as tickets: the JSON Patch document that makes one, the fields that are read back."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from providers.azure_devops import fields
from providers.azure_devops.texts import safe_html
from providers.values import TicketDraft, TicketStatus

TITLE, DESCRIPTION, TAGS = "System.Title", "System.Description", "System.Tags"
ASSIGNED_TO, HISTORY = "System.AssignedTo", "System.History"
REPRO_STEPS = "Microsoft.VSTS.TCM.ReproSteps"
STATUS_FIELDS = ("System.Title", "System.State", ASSIGNED_TO, "System.TeamProject", "System.WorkItemType", TAGS)
TITLE_LIMIT = 255
COMMON_TAG = "Patchpanel"
CATEGORIES = {"Proposed": "new", "InProgress": "active", "Resolved": "active", "Completed": "done", "Removed": "done"}
# For states whose category cannot be read: the names of Microsoft's own processes.
_USUAL = {"new": "new", "to do": "new", "proposed": "new", "approved": "new", "design": "new", "ready": "active",
          "closed": "done", "done": "done", "completed": "done", "removed": "done", "inactive": "done"}  # fmt: skip


def usual_category(state: str) -> str:
    """The category of a state by its name alone."""
    return _USUAL.get(state.lower(), "active")


# -- asking --------------------------------------------------------------------------------------------------------


def new_path(destination: Mapping[str, str]) -> str:
    """The path that makes a work item. The vendor wants the dollar sign as it is."""
    project, kind = (quote(destination[step], safe="") for step in ("project", "work_item_type"))
    return f"{project}/_apis/wit/workitems/${kind}"


def path(number: str) -> str:
    """The path of a work item, whichever project it lies in."""
    return f"_apis/wit/workitems/{quote(number, safe='')}"


def marker_query(marker: str) -> str:
    """The query for work items with the marker as a tag."""
    text = marker.replace("'", "''")
    return f"SELECT [System.Id] FROM WorkItems WHERE [System.Tags] CONTAINS '{text}' ORDER BY [System.Id]"  # noqa: S608 - WIQL, quoted


# -- making --------------------------------------------------------------------------------------------------------


def document(draft: TicketDraft, text_fields: Iterable[str]) -> list[dict[str, Any]]:
    """The JSON Patch document of a new work item. `text_fields` take the description; types differ in which they have.

    The marker is a tag: the only thing that can be searched for at once, and exactly.
    """
    values: dict[str, Any] = {
        name: fields.payload(value.kind, value.value) for name, value in draft.values.items() if value.value != ""
    }
    values[TITLE] = " ".join(draft.summary.split())[:TITLE_LIMIT]
    text = description(draft)
    values.update(dict.fromkeys(text_fields, text))
    values[TAGS] = f"{COMMON_TAG}; {draft.marker}"
    if draft.assignee_on_create and draft.assignee_id:
        values[ASSIGNED_TO] = draft.assignee_id
    changes = [add(f"/fields/{name}", value) for name, value in values.items()]
    if draft.incident_url:
        link = {"rel": "Hyperlink", "url": draft.incident_url, "attributes": {"comment": draft.incident_key}}
        changes.append(add("/relations/-", link))
    return changes


def add(path: str, value: Any) -> dict[str, Any]:
    """One change of a JSON Patch document."""
    return {"op": "add", "path": path, "value": value}


def description(draft: TicketDraft) -> str:
    """The text as HTML, with the way back to the incident and the marker at its end."""
    back = f'<a href="{html.escape(draft.incident_url)}">{html.escape(draft.incident_key)}</a>'
    return f"{safe_html(draft.description)}<p>{back}<br>Reference: {html.escape(draft.marker)}</p>"


# -- reading -------------------------------------------------------------------------------------------------------


def link(base: str, project: str, number: str) -> str:
    """The address of a work item for people."""
    return f"{base}/{quote(project, safe='')}/_workitems/edit/{number}"


def key(number: str) -> str:
    """A work item's number as people write it."""
    return f"#{number}"


def person(value: Any) -> tuple[str, str]:
    """Id and name in an identity field, empty when nobody is meant."""
    if isinstance(value, Mapping):
        return str(value.get("id") or ""), str(value.get("displayName") or value.get("uniqueName") or "")
    return "", str(value or "")


def carries(values: Mapping[str, Any], marker: str) -> bool:
    """Whether a work item proves by its own tags or text that it is the one with the marker."""
    tags = [tag.strip().lower() for tag in str(values.get(TAGS) or "").split(";")]
    texts = (str(values.get(name) or "") for name in (DESCRIPTION, REPRO_STEPS))
    return bool(marker) and (marker.lower() in tags or any(f"Reference: {marker}<" in text for text in texts))


def values_of(item: Any) -> Mapping[str, Any] | None:
    """The fields of a work item, None when it is not one."""
    values = item.get("fields") if isinstance(item, Mapping) else None
    if not isinstance(values, Mapping) or not isinstance(item.get("id"), int) or not values.get("System.State"):
        return None
    return values


def status(number: str, values: Mapping[str, Any], base: str, category: str, marker: str) -> TicketStatus:
    """A work item with these values as ticket."""
    assignee_id, assignee_name = person(values.get(ASSIGNED_TO))
    return TicketStatus(
        external_id=number,
        external_key=key(number),
        url=link(base, str(values.get("System.TeamProject") or ""), number),
        summary=str(values.get(TITLE) or ""),
        status=str(values["System.State"]),
        category=category,
        assignee_id=assignee_id,
        assignee_name=assignee_name,
        marker_found=carries(values, marker),
    )
