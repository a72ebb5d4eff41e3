"""Routes of the sandbox Jira about the site: account, server, projects, create screens, people, permissions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, request

from standins.jira_issues import jira_time
from standins.jira_oauth import CLOUD_ID
from standins.jira_people import Person
from standins.jira_projects import IssueType, Project
from standins.jira_state import sandbox
from standins.jira_wire import (
    NOT_AUTHENTICATED,
    BadNumber,
    base_url,
    number,
    page_of,
    person_json,
    problem,
    refuse,
    say,
    signed_in,
)
from standins.wire import HTML_TYPE, answer

site = Blueprint("site", __name__)
CREATEMETA_LIMIT = 200
PERMISSIONS = {
    "BROWSE_PROJECTS": ("10", "Browse Projects", "PROJECT"),
    "CREATE_ISSUES": ("11", "Create Issues", "PROJECT"),
    "EDIT_ISSUES": ("12", "Edit Issues", "PROJECT"),
    "ASSIGN_ISSUES": ("13", "Assign Issues", "PROJECT"),
    "TRANSITION_ISSUES": ("46", "Transition Issues", "PROJECT"),
    "LINK_ISSUES": ("21", "Link Issues", "PROJECT"),
    "ADD_COMMENTS": ("15", "Add Comments", "PROJECT"),
    "MODIFY_REPORTER": ("30", "Modify Reporter", "PROJECT"),
    "USER_PICKER": ("27", "Browse users and groups", "GLOBAL"),
}


@site.get("/rest/api/3/myself")
def myself() -> Response:
    """The account behind the credentials: the only route that refuses bad ones with 401 (as text/html)."""
    if not signed_in():
        refused = Response(NOT_AUTHENTICATED, status=401, content_type=HTML_TYPE)
        refused.headers["WWW-Authenticate"] = 'OAuth realm="' + base_url() + '"'
        return refused
    extra = {"locale": "en_US", "groups": {"size": 1, "items": []}, "applicationRoles": {"size": 1, "items": []}}
    return answer(person_json(g.caller.person) | extra | {"expand": "groups,applicationRoles"})


@site.get("/rest/api/3/serverInfo")
def server_info() -> Response:
    """What kind of Jira this is; needs no credentials."""
    base, now = base_url(), jira_time(dt.datetime.now(dt.UTC))
    return answer(
        {
            "baseUrl": base,
            "displayUrl": base,
            "version": "1001.0.0-SNAPSHOT",
            "versionNumbers": [1001, 0, 0],
            "deploymentType": sandbox().knobs.deployment_type,
            "buildNumber": 100293,
            "buildDate": now,
            "serverTime": now,
            "scmInfo": "sandbox",
            "serverTitle": "Jira",
            # Atlassian's description declares text here (its prose shows an object); clients need neither.
            "serverTimeZone": "Europe/Lisbon",
        }
    )


@site.get("/_edge/tenant_info")
def tenant_info() -> Response:
    """The public cloud id of the site."""
    return answer({"cloudId": CLOUD_ID})


def visible(project: Project | None) -> Project | None:
    """The project if this caller may see it."""
    return project if project and signed_in() and sandbox().may("BROWSE_PROJECTS") else None


def creatable(project: Project) -> bool:
    """Whether this caller may create issues in a visible project."""
    return project.creatable and sandbox().may("CREATE_ISSUES")


@site.get("/rest/api/3/project/search")
def project_search() -> Response:
    """Projects page by page; `action=create` leaves out those where creating is not allowed."""
    start, size = number("startAt", 0), min(number("maxResults", 50), 100)
    text = request.args.get("query", "").lower()
    only_creatable = request.args.get("action") == "create"
    found = [
        project
        for project in sorted(sandbox().projects.values(), key=lambda p: p.key)
        if visible(project)
        and (text in project.name.lower() or text in project.key.lower())
        and (creatable(project) or not only_creatable)
    ]
    values, figures = page_of(found, start, size)
    data: dict[str, Any] = {"self": request.url, **figures, "isLast": start + len(values) >= len(found)}
    if not data["isLast"]:
        data["nextPage"] = f"{request.base_url}?startAt={start + len(values)}&maxResults={size}"
    return answer(data | {"values": [project.as_json(base_url()) for project in values]})


def _no_project(key: str) -> Response:
    return refuse(404, say("no_project", key=key))


@site.get("/rest/api/3/project/<key>")
def project_one(key: str) -> Response:
    """One project by key or id."""
    project = visible(sandbox().project(key))
    if project is None:
        return _no_project(key)
    base = base_url()
    return answer(project.as_json(base) | {"issueTypes": [t.as_json(base) for t in project.types]})


def _named(first: str, twin: str, items: list[Any]) -> dict[str, list[Any]]:
    """The list under the name documented first, under its twin, or under both."""
    names = {"named": (first,), "twins": (twin,), "both": (first, twin)}[sandbox().knobs.createmeta_names]
    return dict.fromkeys(names, items)


def _createmeta(items: list[Any], as_json: Callable[[Any], Any], names: tuple[str, str]) -> Response:
    start, size = number("startAt", 0), number("maxResults", 50)
    if size > CREATEMETA_LIMIT:
        return refuse(400, say("max_results"))
    values, figures = page_of(items, start, size)
    return answer(figures | _named(*names, [as_json(value) for value in values]))


@site.get("/rest/api/3/issue/createmeta/<key>/issuetypes")
def createmeta_types(key: str) -> Response:
    """Issue types of a project the caller may create in."""
    project = visible(sandbox().project(key))
    if project is None or not creatable(project):
        return _no_project(key)
    base = base_url()
    return _createmeta(project.types, lambda t: t.as_json(base), ("issueTypes", "createMetaIssueType"))


@site.get("/rest/api/3/issue/createmeta/<key>/issuetypes/<type_id>")
def createmeta_fields(key: str, type_id: str) -> Response:
    """Fields on the create screen of one issue type."""
    project = visible(sandbox().project(key))
    found = project.issue_type(type_id) if project and creatable(project) else None
    if found is None:
        return _no_project(key) if project is None else refuse(404, say("bad_type"))
    base = base_url()
    return _createmeta(screen(found), lambda f: f.as_json(base), ("fields", "results"))


def screen(issue_type: IssueType) -> list[Any]:
    """Fields on the create screen of a type for this caller."""
    jira = sandbox()
    hide_assignee = jira.knobs.assignee_not_on_create_screen or not jira.may("ASSIGN_ISSUES")
    return [f for f in issue_type.fields if not (f.id == "assignee" and hide_assignee)]


@site.get("/rest/api/3/field")
def all_fields() -> Response:
    """Every field of the site (the `jira` package reads this list before it searches)."""
    known = {f.id: f for p in sandbox().projects.values() for t in p.types for f in t.fields}
    return answer(
        [
            {"id": f.id, "key": f.id, "name": f.name, "custom": not f.system, "navigable": True, "orderable": True,
             "searchable": True, "clauseNames": [f.id], "schema": f.schema_json()}
            for f in known.values()
        ]
    )  # fmt: skip


def _people(wanted: Callable[[Person], bool]) -> Response:
    """One page of the accounts that match; nobody for callers without the right to look."""
    if not (signed_in() and sandbox().may("USER_PICKER")):
        return answer([])
    start, size = number("startAt", 0), min(number("maxResults", 50), 1000)
    found = [person for person in sandbox().people.values() if wanted(person)]
    return answer([person_json(person) for person in found[start : start + size]])


@site.get("/rest/api/3/user/search")
def user_search() -> Response:
    """Accounts by prefix of name or e-mail, or by account id. 200 [] without the permission, not 403."""
    query, account_id = request.args.get("query"), request.args.get("accountId")
    if not (query or account_id):
        return refuse(400, say("no_query"))
    return _people(lambda person: person.account_id == account_id if account_id else person.matches(query or ""))


@site.get("/rest/api/3/user/bulk")
def users_bulk() -> Response:
    """Accounts by id, page by page; those that are gone are missing. Needs no right to search people."""
    ids = request.args.getlist("accountId")
    if not ids:
        return refuse(400, say("no_query"))
    jira, base = sandbox(), request.url
    size = min(number("maxResults", 10), jira.knobs.people_page_limit)
    known = [jira.people[each] for each in dict.fromkeys(ids) if each in jira.people] if signed_in() else []
    start = number("startAt", 0)
    values, figures = page_of([person_json(person) for person in known], start, size)
    last = start + len(values) >= len(known)
    return answer({"self": base, **figures, "isLast": last, "values": values})


@site.get("/rest/api/3/user/assignable/search")
def assignable_search() -> Response:
    """Accounts that may be given issues of a project."""
    key, query = request.args.get("project"), request.args.get("query")
    account_id = request.args.get("accountId")
    if not key or not (query or account_id):
        return refuse(400, say("no_query"))
    if visible(sandbox().project(key)) is None:
        return _no_project(key)
    if account_id:
        return _people(lambda person: person.can_be_assigned() and person.account_id == account_id)
    return _people(lambda person: person.can_be_assigned() and person.matches(query or ""))


@site.get("/rest/api/3/mypermissions")
def my_permissions() -> Response:
    """What the caller may do, overall or in one project."""
    asked = [key for key in request.args.get("permissions", "").split(",") if key]
    if not asked:
        return refuse(400, say("no_permissions"))
    unknown = [key for key in asked if key not in PERMISSIONS]
    if unknown:
        return refuse(400, say("bad_permission", key=", ".join(unknown)))
    key = request.args.get("projectKey") or request.args.get("projectId")
    project = sandbox().project(key) if key else None
    if key and signed_in() and visible(project) is None:
        return _no_project(key)
    return answer({"permissions": {name: _permission(name, project) for name in asked}})


def _permission(key: str, project: Project | None) -> dict[str, Any]:
    number_, name, kind = PERMISSIONS[key]
    have = signed_in() and sandbox().may(key)
    if key == "CREATE_ISSUES" and project is not None:
        have = have and project.creatable
    return {"id": number_, "key": key, "name": name, "type": kind, "description": "", "havePermission": have}


@site.app_errorhandler(BadNumber)
def bad_number(error: BadNumber) -> Response:
    """A query parameter that should be a number and is not."""
    return problem(400, "Bad Request", str(error))
