"""Work items read back: one, or many with one call; and why one is not to be seen.

Sources: wit/workitems, wit/recyclebin and wit/workitemtypes/{type}/states of REST 7.1. The batch leaves null for what
is absent or out of sight (`errorPolicy=omit`) and takes 200 numbers (VS403474 above). A work item keeps its number when
it is moved to another project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.azure_devops import answers, items, memory
from providers.azure_devops.wire import READ_ITEMS, Wire
from providers.errors import (
    AuthenticationFailed,
    Busy,
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from providers.values import TicketStatus

MOST = 200
NOT_IMPLEMENTED = 501
_NUMBER = re.compile(r"[0-9]{1,9}")


def one(wire: Wire, number: str) -> TicketStatus:
    """The work item with this number.

    Raises NotFound when it was deleted, NotAllowed when it is neither to be seen nor in the recycle bin.
    """
    query = {"fields": ",".join(items.STATUS_FIELDS)}
    try:
        item = wire.get(items.path(number), needs=READ_ITEMS, **query)
    except NotFound as error:
        raise _why_gone(wire, number, error) from None
    values = items.values_of(item)
    if values is None:
        raise wire.unexpected("Azure DevOps' answer is not a work item.", "Try again later.")
    return _status(wire, item["id"], values, _Categories(wire))


def by_number(wire: Wire, numbers: Sequence[str]) -> Mapping[str, TicketStatus]:
    """Those of at most `MOST` work items that can be seen, by the number as it was asked for."""
    asked = {str(int(number)): number for number in numbers if _NUMBER.fullmatch(number)}
    found = _read(wire, list(asked), items.STATUS_FIELDS, "")
    return {asked[status.external_id]: status for status in found if status.external_id in asked}


def several(wire: Wire, numbers: Sequence[str], marker: str) -> Sequence[TicketStatus]:
    """The work items that can be seen, each with whether it proves that it carries the marker."""
    return _read(wire, numbers, (*items.STATUS_FIELDS, items.DESCRIPTION, items.REPRO_STEPS), marker)


def _read(wire: Wire, numbers: Sequence[str], names: Sequence[str], marker: str) -> list[TicketStatus]:
    """One call; what is no work item in its answer is left out, so that one odd entry does not hide the others."""
    if not numbers:
        return []
    query = {"ids": ",".join(numbers), "fields": ",".join(names), "errorPolicy": "omit"}
    entries = wire.entries(wire.get("_apis/wit/workitems", needs=READ_ITEMS, **query))
    categories = _Categories(wire)
    found = ((item, items.values_of(item)) for item in entries)
    return [_status(wire, item["id"], values, categories, marker) for item, values in found if values is not None]


def _status(
    wire: Wire, number: int, values: Mapping[str, Any], categories: _Categories, marker: str = ""
) -> TicketStatus:
    project, kind = (str(values.get(name) or "") for name in ("System.TeamProject", "System.WorkItemType"))
    category = categories.of(project, kind, str(values["System.State"]))
    return items.status(str(number), values, wire.base, category, marker)


# -- what a state means --------------------------------------------------------------------------------------------


class _Categories:
    """Categories of states while one answer is read: each type is asked for at most once, however many items it has."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._asked: set[memory.Key] = set()
        self._in_vain = False

    def of(self, project: str, kind: str, state: str) -> str:
        """new, active or done: the category of a state is fixed by the vendor, its name is free.

        Where the type's states cannot be read, what they were before counts, then the state's name alone.
        """
        key = (self._wire.base, project, kind)
        known = memory.states.get(key)
        if (known is None or state not in known) and key not in self._asked and not self._in_vain:
            known = self._ask(key, state)
        known = known or memory.states.old(key) or {}
        return items.CATEGORIES.get(known.get(state, ""), items.usual_category(state))

    def _ask(self, key: memory.Key, state: str) -> dict[str, str] | None:
        """Read the type's states. A state it does not list, which items may keep, is remembered as unknown."""
        self._asked.add(key)
        door, purpose = self._wire.door, self._wire.door.purpose
        door.purpose = "read states"
        project, kind = (quote(part, safe="") for part in key[1:])
        try:
            path = f"{project}/_apis/wit/workitemtypes/{kind}/states"
            listed = self._wire.entries(self._wire.get(path, needs=READ_ITEMS))
        except ProviderError as error:
            # Whoever cannot answer for one type cannot for the next: the other types are not asked for either.
            self._in_vain = isinstance(error, (RateLimited, Unreachable, Busy))
            return None
        finally:
            door.purpose = purpose
        known = {str(entry.get("name")): str(entry.get("category")) for entry in listed}
        known.setdefault(state, "")
        memory.states.put(key, known)
        return known


# -- what is not to be seen ----------------------------------------------------------------------------------------


def _why_gone(wire: Wire, number: str, gone: NotFound) -> ProviderError:
    """Deleted, or only out of sight: the vendor's refusal is the same, the recycle bin tells.

    A bin that cannot answer just now settles nothing: its error is raised, and the question is asked again later.
    """
    try:
        wire.get(f"_apis/wit/recyclebin/{quote(number, safe='')}", needs=READ_ITEMS)
    except NotFound as absent:
        # Only the API itself names a code; a page without one is not the bin's word.
        return _hidden(number, gone) if absent.vendor_code else gone
    except (NotAllowed, AuthenticationFailed, InvalidInput, UnexpectedAnswer):
        return gone
    except Unreachable as error:
        if error.vendor_status != NOT_IMPLEMENTED:
            raise
        return gone
    cause = f"Work item {number} was deleted; it lies in the recycle bin of its project."
    answers.say(gone, cause, "Restore it there, or create another ticket.")
    return gone


def _hidden(number: str, gone: NotFound) -> NotAllowed:
    hidden = NotAllowed(
        f"Azure DevOps shows no work item {number}: it is gone for good, or hidden from the token's owner.",
        next_step="Check in Azure DevOps that the owner may view work items in its area path.",
        vendor_status=gone.vendor_status,
        vendor_code=gone.vendor_code,
        vendor_message=gone.vendor_message,
    )
    hidden.attempt_id = gone.attempt_id
    return hidden
