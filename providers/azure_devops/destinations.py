"""Where work items can be made: projects, work item types, and what a type demands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.azure_devops import fields, memory
from providers.azure_devops.wire import PROJECTS, READ_ITEMS, Wire
from providers.errors import InvalidInput, NotFound, ProviderError, UnexpectedAnswer
from providers.values import Choice, DestinationSchema

MOST_PAGES = 20
PAGE = "100"
HIDDEN_TYPES = "Microsoft.HiddenCategory"
AREA_DEPTH = "10"


def projects(wire: Wire) -> Sequence[Choice]:
    """All projects the token's owner sees, by name. Their ids stay when they are renamed."""
    found = sorted(_projects(wire), key=lambda project: str(project.get("name", "")).lower())
    return [Choice(str(project["id"]), str(project["name"])) for project in found]


def _projects(wire: Wire) -> Iterator[Mapping[str, Any]]:
    token = ""
    for _ in range(MOST_PAGES):
        more = {"continuationToken": token} if token else {}
        query = {"stateFilter": "wellFormed", "$top": PAGE, **more}
        answer, token = wire.get_page("_apis/projects", needs=PROJECTS, **query)
        yield from wire.entries(answer)
        if not token:
            return


def work_item_types(wire: Wire, project: str) -> Sequence[Choice]:
    """The types of the project's own process that people can make: neither disabled nor hidden ones."""
    path = quote(project, safe="")
    types = wire.entries(wire.get(f"{path}/_apis/wit/workitemtypes", needs=READ_ITEMS))
    hidden = _hidden_types(wire, path)
    names = [str(kind.get("name")) for kind in types if not kind.get("isDisabled")]
    return [Choice(name, name) for name in names if name not in hidden]


def _hidden_types(wire: Wire, project: str) -> frozenset[str]:
    """Types that only tools make, such as test suites. A project without that category hides none."""
    try:
        path = f"{project}/_apis/wit/workitemtypecategories/{HIDDEN_TYPES}"
        kinds = wire.get(path, needs=READ_ITEMS).get("workItemTypes") or []
        return frozenset(str(kind["name"]) for kind in kinds)
    except (NotFound, InvalidInput, AttributeError, KeyError, TypeError):
        return frozenset()


def schema(wire: Wire, destination: Mapping[str, str]) -> DestinationSchema:
    """What the work item type demands, and area, priority and severity where it has them."""
    project, kind = (quote(destination[step], safe="") for step in ("project", "work_item_type"))
    path = f"{project}/_apis/wit/workitemtypes/{kind}/fields"
    found = wire.entries(wire.get(path, needs=READ_ITEMS, **{"$expand": "all"}))
    memory.type_fields.put(memory.key(wire.base, destination), fields.names(found))
    return fields.schema(found, _kinds(wire, project, fields.of_unknown_kind(found)), _areas(wire, project))


def _kinds(wire: Wire, project: str, wanted: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """The general description of these fields; one call for all of them where the answer is not too long."""
    if not wanted:
        return {}
    try:
        found = wire.entries(wire.get(f"{project}/_apis/wit/fields", needs=READ_ITEMS))
    except UnexpectedAnswer:
        # Large organizations have so many fields that the list is longer than any answer we take.
        paths = [f"{project}/_apis/wit/fields/{quote(name, safe='')}" for name in wanted]
        found = [wire.get(path, needs=READ_ITEMS) for path in paths]
    return {fields.name_of(entry): entry for entry in found if fields.name_of(entry) in wanted}


def _areas(wire: Wire, project: str) -> Sequence[Choice] | None:
    wire.door.purpose = "list area paths"
    try:
        path = f"{project}/_apis/wit/classificationnodes/Areas"
        return list(fields.area_choices(wire.get(path, needs=READ_ITEMS, **{"$depth": AREA_DEPTH})))
    except (ProviderError, KeyError, TypeError, AttributeError):
        return None  # the area can be typed instead
