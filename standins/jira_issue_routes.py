"""Routes of the sandbox Jira for issues: create, read, assign, change, transition, link, property."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, g, request

from standins.jira_create import account, judge, labels_problem, person_problem
from standins.jira_issues import TRANSITIONS, Issue
from standins.jira_state import sandbox
from standins.jira_wire import base_url, issue_json, nothing, refuse, say, signed_in
from standins.server import dropped
from standins.wire import JSON_TYPE, answer, spoiled

issues = Blueprint("issues", __name__, url_prefix="/rest/api/3/issue")
BULK_LIMIT = 100
PROPERTY_LIMIT = 32_768
GLOBAL_ID_LIMIT = 255


def seen(reference: str) -> Issue | None:
    """The issue if this caller may see it."""
    issue = sandbox().find(reference)
    return issue if issue and signed_in() and not issue.hidden and sandbox().may("BROWSE_PROJECTS") else None


def no_issue() -> Response:
    """404 for absent and invisible alike."""
    return refuse(404, say("no_issue"))


@issues.post("")
def create() -> Response:
    """Create an issue, whole or not at all; armed create faults spoil the answer, never the storing."""
    jira = sandbox()
    if jira.take_fault_before_create():
        return dropped()
    if not signed_in():
        return refuse(400, say("anonymous_create"))
    with jira.lock:
        judgement = judge(jira, g.body)
        if not judgement.good or judgement.project is None or judgement.issue_type is None:
            return refuse(400, *judgement.messages, errors=judgement.errors)
        issue = jira.store(judgement.project, judgement.issue_type, judgement.values, judgement.assignee)
        issue.properties = {p["key"]: p.get("value") for p in g.body.get("properties") or []}
    fault = jira.take_fault_after_create()
    if fault:
        return spoiled(fault, lambda: _without_key(issue))
    return answer(_created(issue), 201)


def _created(issue: Issue) -> dict[str, Any]:
    done = {"status": 200, "errorCollection": {"errorMessages": [], "errors": {}}}
    return {"id": issue.id, "key": issue.key, "self": f"{base_url()}/rest/api/3/issue/{issue.id}", "transition": done}


def _without_key(issue: Issue) -> Response:
    body = json.dumps(_created(issue))
    return Response(body[: body.index('"key"')], status=201, content_type=JSON_TYPE)


@issues.post("/bulkfetch")
def bulk_fetch() -> Response:
    """Many issues at once, by rising id; those that are gone are simply missing."""
    wanted, fields = g.body.get("issueIdsOrKeys") or [], g.body.get("fields") or ["*navigable"]
    if not wanted or len(wanted) > BULK_LIMIT:
        return refuse(400, f"Between 1 and {BULK_LIMIT} issue ids or keys must be given.")
    found = {issue.id: issue for issue in (seen(str(reference)) for reference in wanted) if issue}
    failed = sorted(sandbox().knobs.unfetchable & set(found))
    errors = [{"id": issue_id, "errorMessage": say("unfetchable")} for issue_id in failed]
    good = [found[issue_id] for issue_id in sorted(found, key=int) if issue_id not in failed]
    return answer({"issues": [issue_json(issue, fields) for issue in good], "issueErrors": errors})


@issues.get("/<reference>")
def read(reference: str) -> Response:
    """One issue by id or key; a former key answers with the present one."""
    issue = seen(reference)
    if issue is None:
        return no_issue()
    data = issue_json(issue, request.args.get("fields", "*all").split(","))
    asked = [name for name in request.args.get("properties", "").split(",") if name]
    if asked:
        data["properties"] = {name: issue.properties[name] for name in asked if name in issue.properties}
    return answer(data)


@issues.put("/<reference>")
def change(reference: str) -> Response:
    """Change summary or description, and set, add or remove labels."""
    issue = seen(reference)
    if issue is None:
        return no_issue()
    values, steps = g.body.get("fields") or {}, (g.body.get("update") or {}).get("labels") or []
    unknown = [*(set(values) - {"summary", "description", "labels"}), *(set(g.body.get("update") or {}) - {"labels"})]
    if unknown:
        return refuse(400, errors={name: say("not_on_screen", field=name) for name in unknown})
    labels = list(values.get("labels", issue.labels))
    for step in steps:
        labels = [label for label in labels if label != step.get("remove")] + ([step["add"]] if "add" in step else [])
    message = labels_problem(sandbox(), labels)
    if message:
        return refuse(400, errors={"labels": message})
    sandbox().change_issue(issue, values | {"labels": labels})
    return nothing()


@issues.put("/<reference>/assignee")
def assign(reference: str) -> Response:
    """Give the issue to somebody, or to nobody (`accountId: null`)."""
    jira, issue = sandbox(), seen(reference)
    if issue is None:
        return no_issue()
    if not jira.may("ASSIGN_ISSUES"):
        return refuse(403, say("no_assign"))
    if g.body.get("accountId", "") is not None:
        message = person_problem(jira, g.body)
        if jira.knobs.assign_fails:
            message = say("not_assignable", name=account(g.body))
        if message:
            return refuse(400, errors={"assignee": message})
    jira.give_issue(issue, account(g.body))
    return nothing()


@issues.get("/<reference>/transitions")
def transitions(reference: str) -> Response:
    """What can be done with the issue; nothing without the permission."""
    issue = seen(reference)
    if issue is None:
        return no_issue()
    listed = TRANSITIONS.items() if sandbox().may("TRANSITION_ISSUES") else ()
    flags = {"hasScreen": False, "isGlobal": True, "isInitial": False, "isAvailable": True, "isConditional": False}
    steps = [{"id": key, "name": to.name, "to": to.as_json(base_url()), **flags} for key, to in listed]
    return answer({"expand": "transitions", "transitions": steps})


@issues.post("/<reference>/transitions")
def transition(reference: str) -> Response:
    """Move the issue along: 204 without a body."""
    issue = seen(reference)
    if issue is None:
        return no_issue()
    wanted = str((g.body.get("transition") or {}).get("id"))
    if wanted not in TRANSITIONS or not sandbox().may("TRANSITION_ISSUES"):
        return refuse(400, say("bad_transition", id=wanted))
    sandbox().set_status(issue.key, TRANSITIONS[wanted].name)
    return nothing()


@issues.post("/<reference>/remotelink")
def link(reference: str) -> Response:
    """Link to a page outside: 201 for a new link, 200 when one with this globalId was replaced."""
    issue = seen(reference)
    if issue is None:
        return no_issue()
    target = g.body.get("object") or {}
    errors = {name: say(name) for name in ("title", "url") if not target.get(name)}
    global_id = g.body.get("globalId")
    if global_id and len(global_id) > GLOBAL_ID_LIMIT:
        errors["globalId"] = "'globalId' is too long."
    if errors:
        return refuse(400, errors=errors)
    with sandbox().lock:
        old = next((entry for entry in issue.links if global_id and entry.get("globalId") == global_id), None)
        entry = old if old is not None else {"id": 10000 + len(issue.links)}
        entry.update(g.body)
        if old is None:
            issue.links.append(entry)
    self_url = f"{base_url()}/rest/api/3/issue/{issue.id}/remotelink/{entry['id']}"
    return answer({"id": entry["id"], "self": self_url}, 201 if old is None else 200)


@issues.delete("/<reference>/remotelink")
def unlink(reference: str) -> Response:
    """Remove the link with this globalId. Jira wants a Content-Type even here (measured): 415 without."""
    issue = seen(reference)
    wanted = request.args.get("globalId")
    if issue is None or all(entry.get("globalId") != wanted for entry in issue.links):
        return no_issue()
    issue.links = [entry for entry in issue.links if entry.get("globalId") != wanted]
    return nothing()


@issues.get("/<reference>/properties/<key>")
def read_property(reference: str, key: str) -> Response:
    """One entity property."""
    issue = seen(reference)
    if issue is None or key not in issue.properties:
        return no_issue() if issue is None else refuse(404, f"The property {key} does not exist.")
    return answer({"key": key, "value": issue.properties[key]})


@issues.put("/<reference>/properties/<key>")
def write_property(reference: str, key: str) -> Response:
    """Set one entity property: 201 when new, 200 when replaced."""
    issue = seen(reference)
    if issue is None:
        return no_issue()
    if len(key) > 255 or len(json.dumps(g.body)) > PROPERTY_LIMIT:
        return refuse(400, "The property is too long.")
    with sandbox().lock:
        known = key in issue.properties
        issue.properties[key] = g.body
    return answer({}, 200 if known else 201)
