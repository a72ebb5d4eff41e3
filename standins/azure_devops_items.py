"""Work items of the sandbox Azure DevOps over REST: making, changing, reading, querying."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.wrappers import Response as AnyResponse

from standins import azure_devops_wire as wire
from standins.azure_devops_knobs import WorkItem
from standins.azure_devops_rules import Broken, check_change, judged, person_for, read_patch
from standins.azure_devops_state import sandbox
from standins.azure_devops_wire import listed, needs
from standins.server import dropped
from standins.wire import spoiled

items = Blueprint("items", __name__)
MOST_IDS = 200
HISTORY, ASSIGNED_TO = "System.History", "System.AssignedTo"
_TAG = re.compile(r"\[System\.Tags\]\s+CONTAINS\s+'((?:[^']|'')*)'", re.IGNORECASE)
_PROJECT = re.compile(r"\[System\.TeamProject\]\s*=\s*@project", re.IGNORECASE)


@items.post("/sandbox/<project>/_apis/wit/workitems/$<kind>")
@needs("vso.work_write")
def create(project: str, kind: str) -> AnyResponse:
    """Make a work item. The answer is 200, never 201; `validateOnly` saves nothing and gives no number."""
    azure = sandbox()
    place = azure.project(project)
    found = place.type(kind) if place else None
    if place is None or found is None:
        return wire.no_project(project) if place is None else wire.no_type(place, kind)
    try:
        values, relations = read_patch(g.body)
        item = judged(place, found, values, relations)
    except Broken as broken:
        return broken.answer
    if request.args.get("validateOnly", "").lower() == "true":
        shown = wire.item_json(item)
        del shown["id"]
        return wire.answer(shown)
    if azure.take_fault_before_create():
        return dropped()
    if values.get(HISTORY):
        item.say(str(values[HISTORY]), item.creator)
    azure.store(item)
    return _harmed() or wire.answer(wire.item_json(item))


def _harmed() -> Response | None:
    fault = sandbox().take_fault_after_create()
    if fault is None:
        return None
    return spoiled(
        fault,
        lambda: wire.answer({"rev": 1, "fields": {}}),
        lambda status: wire.html("TF400898: An Internal Error Occurred.", status),
    )


@items.patch("/sandbox/_apis/wit/workitems/<int:number>")
@needs("vso.work_write")
def change(number: int) -> AnyResponse:
    """Change fields of a work item: here, who it is assigned to, and its discussion."""
    item = sandbox().visible(number)
    if item is None:
        return wire.no_item(number)
    try:
        values, _ = read_patch(g.body)
        foreign = sorted(set(values) - {ASSIGNED_TO, HISTORY})
        if foreign:
            return wire.answer({"standin": f"not implemented: changing {foreign}"}, 501)
        check_change(item, values)
        if ASSIGNED_TO in values:
            _assign(item, person_for(values[ASSIGNED_TO], ASSIGNED_TO, "Assigned To"))
    except Broken as broken:
        return broken.answer
    if values.get(HISTORY):
        _say(item, str(values[HISTORY]))
    return wire.answer(wire.item_json(item))


def _assign(item: WorkItem, person: str | None) -> None:
    before, item.assignee = item.assignee, person
    people = sandbox().people
    names = tuple(people[each].name if each else None for each in (before, person))
    sandbox().changed(item, System_AssignedTo=(names[0], names[1]))


def _say(item: WorkItem, text: str) -> None:
    """A comment is a change of the history, and both are told."""
    item.say(text, sandbox().owner.id)
    sandbox().changed(item, System_History=(None, text))
    sandbox().tell("workitem.commented", item)


def _wanted() -> list[str] | None:
    names = request.args.get("fields")
    return names.split(",") if names else None


@items.get("/sandbox/_apis/wit/workitems/<int:number>")
@needs("vso.work")
def read(number: int) -> AnyResponse:
    """One work item."""
    if request.args.get("fields") and request.args.get("$expand"):
        message = "The expand parameter can not be used with the fields parameter."
        return wire.refuse(400, message, "ConflictingParametersException")
    item = sandbox().visible(number)
    return wire.no_item(number) if item is None else wire.answer(wire.item_json(item, _wanted()))


@items.get("/sandbox/_apis/wit/workitems")
@needs("vso.work")
def batch() -> AnyResponse:
    """Several work items; with errorPolicy=omit those that cannot be shown are null."""
    numbers = [int(text) for text in request.args.get("ids", "").split(",") if text.strip()]
    if len(numbers) > MOST_IDS:
        return wire.refuse(
            400, "VS403474: You are limited to 200 work items at a time.", "VssPropertyValidationException"
        )
    found = [(number, sandbox().visible(number)) for number in numbers]
    missing = [number for number, item in found if item is None]
    if missing and request.args.get("errorPolicy", "fail").lower() != "omit":
        return wire.no_item(missing[0])
    return listed([None if item is None else wire.item_json(item, _wanted()) for _, item in found])


@items.get("/sandbox/_apis/wit/recyclebin/<int:number>")
@needs("vso.work")
def recycled(number: int) -> AnyResponse:
    """A work item in the recycle bin."""
    item = sandbox().work_items.get(number)
    if item is None or not item.deleted or item.hidden or not sandbox().projects[item.project].visible:
        message = f"VS404112: Deleted work item {number} does not exist, or you do not have permissions to access it."
        return wire.refuse(404, message, "WorkItemNotFoundException")
    data = {"id": number, "type": item.type, "name": item.title, "project": item.project}
    return wire.answer(
        {**data, "deletedDate": "2026-11-20T15:04:05.123Z", "deletedBy": sandbox().owner.name, "code": 200}
    )


@items.post("/sandbox/<project>/_apis/wit/wiql")
@needs("vso.work")
def query(project: str) -> AnyResponse:
    """Work items with a tag, in all projects unless the query says otherwise."""
    azure = sandbox()
    place = azure.project(project)
    if place is None:
        return wire.no_project(project)
    text = str((g.body or {}).get("query", "")) if isinstance(g.body, dict) else ""
    tag = _TAG.search(text)
    if not text.upper().startswith("SELECT [SYSTEM.ID] FROM WORKITEMS WHERE") or tag is None:
        return wire.refuse(
            400, "TF51006: The query statement is missing a FROM clause.", "VssPropertyValidationException"
        )
    wanted = tag.group(1).replace("''", "'").lower()
    only_here = _PROJECT.search(text) is not None
    hits = [
        {"id": number, "url": f"{wire.base_url()}/_apis/wit/workItems/{number}"}
        for number, item in sorted(azure.work_items.items())
        if wanted in map(str.lower, item.tags)
        and azure.queryable(item)
        and (not only_here or item.project == place.name)
    ]
    column = {"referenceName": "System.Id", "name": "ID", "url": f"{wire.base_url()}/_apis/wit/fields/System.Id"}
    answer: dict[str, Any] = {
        "queryType": "flat",
        "queryResultType": "workItem",
        "asOf": "2026-11-20T15:04:05.123Z",
        "columns": [column],
        "sortColumns": [],
        "workItems": hits[: int(request.args.get("$top", 20_000))],
    }
    return wire.answer(answer)
