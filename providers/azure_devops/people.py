"""People of an organization by their e-mail address.

Two ways: the people host, which knows everybody but wants a scope many tokens lack, and the members of the teams, which
any token with the project scope may read but which are not everybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from providers.azure_devops.wire import PEOPLE, PROJECTS, Wire
from providers.errors import NotAllowed, NotFound, ProviderError, UnexpectedAnswer, Unreachable
from providers.values import Person

TEAMS_VERSION = "7.1-preview.3"
# A team costs a call; organizations with more teams need the scope for the people host.
MOST_TEAMS = 25
# Ids read with one call: they stand in its address, which must not grow too long.
MOST = 50
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def find(wire: Wire, email: str) -> Sequence[Person]:
    """All people whose sign-in name or mail address is exactly this.

    Raises NotAllowed when the token may not search for people and no team it can see has this one.
    """
    try:
        return _by_host(wire, email)
    except (NotAllowed, NotFound, UnexpectedAnswer, Unreachable) as error:
        found = _in_teams(wire, email)
        if found is None:
            raise _explained(error) from None
        return [found]


def _by_host(wire: Wire, email: str) -> Sequence[Person]:
    _require_host(wire)
    query = {"searchFilter": "General", "filterValue": email, "queryMembership": "none"}
    answer, _ = wire.get_page("_apis/identities", base=wire.people, needs=PEOPLE, **query)
    found: dict[str, Person] = {}
    for identity in wire.entries(answer):
        person = _person(identity, email)
        if person is not None:
            found.setdefault(person.external_id, person)
    return list(found.values())


def read(wire: Wire, ids: Sequence[str]) -> Mapping[str, Person]:
    """Those of at most `MOST` people whom the people host still knows, by the id asked for, with one call.

    Who left the organization comes back inactive. Raises NotAllowed when the token lacks the scope: the members of the
    teams are no substitute here, as somebody without a team would look gone.
    """
    asked = {each.lower(): each for each in ids if _ID.fullmatch(each)}
    if not asked:
        return {}
    _require_host(wire)
    query = {"identityIds": ",".join(asked), "queryMembership": "none"}
    answer, _ = wire.get_page("_apis/identities", base=wire.people, needs=PEOPLE, **query)
    found = (_person(identity) for identity in wire.entries(answer))
    known = {person.external_id.lower(): person for person in found if person is not None}
    return {asked[each]: replace(known[each], external_id=asked[each]) for each in asked if each in known}


def _person(identity: Mapping[str, Any], email: str = "") -> Person | None:
    """A person of the people host; None for groups, and for people who only have a similar address."""
    properties = identity.get("properties")
    kept = properties if isinstance(properties, Mapping) else {}
    account, mail = _text(kept.get("Account")), _text(kept.get("Mail"))
    wanted = email.lower() or mail.lower() or account.lower()
    if identity.get("isContainer") or _text(kept.get("SchemaClassName")) != "User" or not identity.get("id"):
        return None
    if wanted not in (account.lower(), mail.lower()):
        return None
    name = str(identity.get("customDisplayName") or identity.get("providerDisplayName") or account)
    active = identity.get("isActive") is not False
    return Person(str(identity["id"]), name, account or mail, mail if mail.lower() == wanted else account, active)


def _require_host(wire: Wire) -> None:
    if not wire.people:
        raise Unreachable(
            "Patchpanel was not told where this Azure DevOps keeps its people.",
            next_step="Set PATCHPANEL_AZURE_IDENTITY_URL to the address of its people host.",
            sent=False,
        )


def _text(wrapped: Any) -> str:
    """A property's value: Azure DevOps wraps each as {"$type": …, "$value": …}."""
    return str((wrapped.get("$value") if isinstance(wrapped, Mapping) else wrapped) or "")


def _in_teams(wire: Wire, email: str) -> Person | None:
    """The member of a team who signs in with this address, which only one person can. None when there is none.

    What goes wrong on this second way is not told: the first way's reason is what the admin can act on.
    """
    try:
        for member in _members(wire):
            name = str(member.get("uniqueName") or "")
            if name.lower() == email.lower() and member.get("id") and not member.get("isContainer"):
                shown = str(member.get("displayName") or name)
                return Person(str(member["id"]), shown, name, name, not member.get("inactive"))
    except (NotAllowed, NotFound, UnexpectedAnswer, Unreachable):
        return None
    return None


def _members(wire: Wire) -> Iterator[Mapping[str, Any]]:
    teams = wire.entries(wire.get("_apis/teams", needs=PROJECTS, version=TEAMS_VERSION, **{"$top": str(MOST_TEAMS)}))
    for team in teams[:MOST_TEAMS]:
        project, number = (quote(str(team.get(name) or ""), safe="") for name in ("projectId", "id"))
        path = f"_apis/projects/{project}/teams/{number}/members"
        for member in wire.entries(wire.get(path, needs=PROJECTS)):
            identity = member.get("identity")
            if isinstance(identity, Mapping):
                yield identity


def _explained(error: ProviderError) -> ProviderError:
    if not isinstance(error, NotAllowed):
        return error
    told = NotAllowed(
        "The token may not look for people, and no team it can see has a member with this address.",
        next_step=f"Edit the token in Azure DevOps and add the scope “{PEOPLE}”, or add the person to a team.",
        missing=(PEOPLE,),
        vendor_status=error.vendor_status,
        vendor_message=error.vendor_message,
    )
    told.attempt_id = error.attempt_id
    return told
