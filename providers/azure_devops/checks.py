"""What a token and its owner may do, found out without making anything.

Each question is answered yes, no or unknown: a failed look never turns a good check bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from providers.azure_devops import items
from providers.azure_devops.wire import PEOPLE, Wire
from providers.errors import AuthenticationFailed, NotAllowed, ProviderError
from providers.values import Permission

# Microsoft's words: tokens for "all accessible organizations" stop working on this day.
ALL_ORGANIZATIONS = (
    "Token made for this organization alone (this one is for all organizations; "
    "Microsoft stops those on 1 December 2026)"
)


def permissions(wire: Wire, destination: Mapping[str, str]) -> tuple[Permission, ...]:
    """Reading, creating (known only for a chosen project and type) and finding people."""
    return (may_read(wire), may_create(wire, destination), may_find_people(wire))


def may_read(wire: Wire) -> Permission:
    """Whether work items can be read."""
    wire.door.purpose = "check permission to read work items"
    # Items that are absent or out of sight are left out; only a missing scope is refused.
    query = {"ids": "1", "fields": "System.Id", "errorPolicy": "omit"}
    return Permission("Read work items", wire.probe(f"{wire.base}/_apis/wit/workitems", **query))


def may_create(wire: Wire, destination: Mapping[str, str]) -> Permission:
    """Whether work items of this type can be made: one is validated, which saves nothing."""
    label = "Create and assign work items"
    if not destination.get("project") or not destination.get("work_item_type"):
        return Permission(label, None)
    wire.door.purpose = "check permission to create work items"
    try:
        changes = [items.add(f"/fields/{items.TITLE}", "Patchpanel asks for its permissions")]
        wire.patch("POST", items.new_path(destination), changes, validateOnly="true")
    except (NotAllowed, AuthenticationFailed):
        return Permission(label, False)
    except ProviderError:
        # Rules of the process were broken first, as this is no whole item: permissions were not looked at.
        return Permission(label, None)
    return Permission(label, True)


def may_find_people(wire: Wire) -> Permission:
    """Whether people can be looked up by e-mail."""
    label = f"Find people by e-mail ({PEOPLE})"
    wire.door.purpose = "check permission to find people"
    if not wire.people:
        return Permission(label, None)
    query = {"searchFilter": "General", "filterValue": "nobody@patchpanel.invalid", "queryMembership": "none"}
    return Permission(label, wire.probe(f"{wire.people}/_apis/identities", **query))


def warnings(wire: Wire) -> Iterator[Permission]:
    """A line when the token is one for all organizations: only such a token may read outside of any organization."""
    if wire.people:
        wire.door.purpose = "check the token's reach"
        url = f"{wire.people_host}/_apis/profile/profiles/me"
        if wire.probe(url, expected="Refused as it should be: the token is for one organization."):
            yield Permission(ALL_ORGANIZATIONS, False)
