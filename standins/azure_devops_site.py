"""The sandbox Azure DevOps apart from work items: who is signed in, projects, processes, teams, people.

The people host is another host at the vendor; here the same application answers for it, on as many ports as wanted.
"""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.wrappers import Response as AnyResponse

from standins import azure_devops_wire as wire
from standins.azure_devops_people import ANONYMOUS, DOMAIN, Person, guid
from standins.azure_devops_projects import Field, Project
from standins.azure_devops_state import sandbox
from standins.azure_devops_wire import listed, needs

site = Blueprint("site", __name__)
TOO_LONG = 2_200_000  # more characters than a client should take


@site.get("/sandbox/_apis/connectionData")
def connection_data() -> AnyResponse:
    """Who the token belongs to; works with every scope. In no published description."""
    if not g.caller.signed_in:
        anonymous = Person(ANONYMOUS, "Anonymous", "Anonymous")
        return wire.answer(_connection(anonymous)) if sandbox().knobs.anonymous else wire.bad_token()
    return wire.answer(_connection(sandbox().owner))


def _connection(person: Person) -> dict[str, Any]:
    user = {
        "id": person.id,
        "descriptor": f"Microsoft.IdentityModel.Claims.ClaimsIdentity;{DOMAIN}\\{person.account}",
        "subjectDescriptor": person.descriptor,
        "providerDisplayName": person.name,
        "isActive": True,
        "properties": {"Account": {"$type": "System.String", "$value": person.account}},
        "resourceVersion": 2,
        "metaTypeId": 0,
    }
    place = {"instanceId": guid("instance"), "deploymentId": guid("deployment"), "deploymentType": "hosted"}
    return {"authenticatedUser": user, "authorizedUser": user, **place, "locationServiceData": {}}


# -- projects and processes ----------------------------------------------------------------------------------------


@site.get("/sandbox/_apis/projects")
@needs("vso.project")
def projects() -> AnyResponse:
    """Projects the token's owner sees, in pages whose next one a header names."""
    azure = sandbox()
    state = request.args.get("stateFilter", "wellFormed")
    found = [p for p in azure.projects.values() if p.visible and state in ("all", p.state)]
    start = int(request.args.get("continuationToken") or request.args.get("$skip") or 0)
    end = start + min(int(request.args.get("$top", 100)), azure.knobs.project_page)
    headers = {"x-ms-continuationtoken": str(end)} if end < len(found) else {}
    return listed([_project(project) for project in found[start:end]], headers)


def _project(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "url": f"{wire.base_url()}/_apis/projects/{project.id}",
        "state": project.state,
        "revision": 11,
        "visibility": "private",
        "lastUpdateTime": "2026-05-04T09:12:31.213Z",
    }


@site.get("/sandbox/<project>/_apis/wit/workitemtypes")
@needs("vso.work")
def types(project: str) -> AnyResponse:
    """All types of a project, disabled and hidden ones too."""
    found = sandbox().project(project)
    if found is None:
        return wire.no_project(project)
    base = wire.base_url()
    shown = [
        {
            "name": kind.name,
            "referenceName": f"Microsoft.VSTS.WorkItemTypes.{kind.name.replace(' ', '')}",
            "description": "",
            "color": "CC293D",
            "icon": {"id": "icon_insect", "url": f"{base}/_apis/wit/workItemIcons/icon_insect"},
            "isDisabled": kind.disabled,
            "states": [_state(name, category) for name, category in kind.states],
            "fields": [],
            "transitions": {},
            "url": f"{base}/{found.id}/_apis/wit/workItemTypes/{kind.name}",
        }
        for kind in found.types
    ]
    return listed(shown)


def _state(name: str, category: str) -> dict[str, str]:
    return {"name": name, "color": "b2b2b2", "category": category}


@site.get("/sandbox/<project>/_apis/wit/workitemtypecategories/Microsoft.HiddenCategory")
@needs("vso.work")
def hidden_types(project: str) -> AnyResponse:
    """The types that only tools make."""
    found = sandbox().project(project)
    if found is None:
        return wire.no_project(project)
    hidden = [kind.name for kind in found.types if kind.hidden]
    if not hidden:
        message = "VS402613: The work item type category Microsoft.HiddenCategory does not exist."
        return wire.refuse(404, message, "WorkItemTypeCategoryNotFoundException")
    members = [{"name": name, "url": f"{wire.base_url()}/_apis/wit/workItemTypes/{name}"} for name in hidden]
    name = "Hidden Types Category"
    return wire.answer({"name": name, "referenceName": "Microsoft.HiddenCategory", "workItemTypes": members})


@site.get("/sandbox/<project>/_apis/wit/workitemtypes/<kind>/<what>")
@needs("vso.work")
def type_details(project: str, kind: str, what: str) -> AnyResponse:
    """The states of a type, or its fields; allowed values only when they are asked for."""
    place = sandbox().project(project)
    found = place.type(kind) if place else None
    if place is None or found is None:
        return wire.no_project(project) if place is None else wire.no_type(place, kind)
    if what == "states":
        return listed([_state(name, category) for name, category in found.states])
    if what != "fields":
        return wire.answer({"standin": f"not implemented in the sandbox Azure DevOps: {what}"}, 501)
    shown = [each.of_type(wire.base_url()) for each in found.fields]
    if request.args.get("$expand", "none").lower() not in ("all", "allowedvalues"):
        for entry in shown:
            del entry["allowedValues"]
    return listed(shown)


def _all_fields(project: Project) -> dict[str, Field]:
    return {each.name: each for kind in project.types for each in kind.fields}


@site.get("/sandbox/<project>/_apis/wit/fields")
@needs("vso.work")
def fields(project: str) -> AnyResponse:
    """Of which kind every field is."""
    found = sandbox().project(project)
    if found is None:
        return wire.no_project(project)
    shown = [each.in_general(wire.base_url()) for each in _all_fields(found).values()]
    if sandbox().knobs.long_field_list:
        shown[0]["description"] = "x" * TOO_LONG
    return listed(shown)


@site.get("/sandbox/<project>/_apis/wit/fields/<name>")
@needs("vso.work")
def one_field(project: str, name: str) -> AnyResponse:
    """Of which kind one field is."""
    found = sandbox().project(project)
    field = _all_fields(found).get(name) if found else None
    if field is None:
        return wire.refuse(
            404, f"TF51535: Cannot find field {name}.", "WorkItemTrackingFieldDefinitionNotFoundException"
        )
    return wire.answer(field.in_general(wire.base_url()))


@site.get("/sandbox/<project>/_apis/wit/classificationnodes/Areas")
@needs("vso.work")
def areas(project: str) -> AnyResponse:
    """The tree of area paths, as deep as it is asked for."""
    found = sandbox().project(project)
    if found is None:
        return wire.no_project(project)
    root = _node(found.name, f"\\{found.name}\\Area")
    for path in found.areas if int(request.args.get("$depth", 0)) else ():
        node = root
        for name in path.split("\\"):
            children = node.setdefault("children", [])
            node["hasChildren"] = True
            known = next((child for child in children if child["name"] == name), None)
            if known is None:
                known = _node(name, f"{node['path']}\\{name}")
                children.append(known)
            node = known
    return wire.answer(root)


def _node(name: str, path: str) -> dict[str, Any]:
    identifier = guid(f"area{path}")
    return {
        "id": 1,
        "identifier": identifier,
        "name": name,
        "structureType": "area",
        "hasChildren": False,
        "path": path,
    }


# -- people --------------------------------------------------------------------------------------------------------


@site.get("/sandbox/_apis/teams")
@needs("vso.project")
def teams() -> AnyResponse:
    """All teams of the organization."""
    azure, base = sandbox(), wire.base_url()
    names = sorted({team for person in azure.people.values() for team in person.teams})
    shown = []
    for name in names:
        project = azure.projects[name.removesuffix(" Team")]
        shown.append({"id": guid(name), "name": name, "url": f"{base}/_apis/projects/{project.id}/teams/{guid(name)}",
                      "description": "", "projectName": project.name, "projectId": project.id})  # fmt: skip
    return listed(shown[: int(request.args.get("$top", 100))])


@site.get("/sandbox/_apis/projects/<project>/teams/<team>/members")
@needs("vso.project")
def members(project: str, team: str) -> AnyResponse:
    """The members of a team."""
    azure, base = sandbox(), wire.base_url()
    if azure.project(project) is None:
        return wire.no_project(project)
    inside = [person for person in azure.people.values() if team in map(guid, person.teams) and not person.gone]
    return listed([{"isTeamAdmin": False, "identity": person.as_reference(base)} for person in inside])


@site.get("/sandbox/_apis/identities")
@needs("vso.identity")
def identities() -> AnyResponse:
    """Accounts that begin with the text: groups among them, and null for what may not be told.

    With ids instead: those accounts in that order, null for who is not known; one id that is none spoils the call.
    """
    if "identityIds" in request.args:
        return _by_ids(request.args["identityIds"].split(","))
    wanted = request.args.get("filterValue", "")
    found: list[Any] = [p.as_identity() for p in sandbox().people.values() if wanted and p.answers_to(wanted)]
    return listed([*found, None] if found else [])


def _by_ids(asked: list[str]) -> AnyResponse:
    try:
        known = [sandbox().people.get(str(uuid.UUID(each))) for each in asked]
    except ValueError:
        message = "The value is not a valid GUID. Parameter name: identityIds"
        return wire.refuse(400, message, "VssPropertyValidationException")
    return listed([None if person is None or person.gone else person.as_identity() for person in known])


@site.get("/_apis/profile/profiles/me")
def profile() -> AnyResponse:
    """The profile of the token's owner: outside of any organization, so only tokens for all of them read it."""
    token = g.caller.token
    if not g.caller.signed_in or not token.everywhere or "vso.profile" not in token.scopes:
        return wire.bad_token() if not g.caller.signed_in else wire.html("Unauthorized", 401)
    owner = sandbox().owner
    data = {"displayName": owner.name, "publicAlias": owner.id, "emailAddress": owner.account, "id": owner.id}
    return wire.answer({**data, "coreRevision": 1, "revision": 1, "timeStamp": "2026-05-04T09:12:31.213+00:00"})


@site.route("/<organization>/<path:rest>", methods=["GET", "POST", "PATCH"])
def another(organization: str, rest: str) -> Response:
    """An organization that does not exist answers with a page; a route that does not exist here is 501."""
    if organization == "sandbox":
        message = f"not implemented in the sandbox Azure DevOps: {request.method} {request.path}"
        return wire.answer({"standin": message}, 501)
    return wire.html("404 - Page not found", 404)
