"""Service hooks: Azure DevOps tells of changed work items.

Sources: hooks/subscriptions of REST 7.1 and Microsoft's pages on service hook events and web hooks. Deliveries carry
basic authentication and no signature. In workitem.updated `resource.id` is the number of the update, not of the work
item; in the other events it is the work item's.
"""

from __future__ import annotations

import base64
import hmac
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.azure_devops.answers import say
from providers.azure_devops.wire import READ_ITEMS, Wire
from providers.errors import InvalidInput, NotAllowed, NotFound, ProviderError
from providers.values import Delivery, Registered

USER = "patchpanel"
UPDATED = "workitem.updated"
EVENTS = (UPDATED, "workitem.deleted", "workitem.restored")
# Events somebody may have chosen by hand as well.
OTHER_EVENTS = ("workitem.created", "workitem.commented")
STEPS = (
    "Open the project in Azure DevOps and go to Project settings → Service hooks.",
    "Select Create subscription, choose Web Hooks and select Next.",
    "Choose the trigger “Work item updated” and select Next.",
    "As URL, enter {address}",
    f"As Basic authentication username, enter {USER}, and as Basic authentication password {{secret}}",
    "Leave “Resource details to send” at All and select Finish.",
    "Do the same for the triggers “Work item deleted” and “Work item restored”, in every project that gets tickets.",
)
RIGHT = "Edit subscriptions"
SUBSCRIPTIONS = "_apis/hooks/subscriptions"
_WRONG_ADDRESS = "Azure DevOps does not accept the address for webhooks."
_MOST_NUMBER = 2**31 - 1
_IN_URL = re.compile(r"/_apis/wit/workitems/([0-9]{1,9})(?:/|$)", re.IGNORECASE)


# -- deliveries ----------------------------------------------------------------------------------------------------


def is_genuine(delivery: Delivery, secrets: Sequence[str]) -> bool:
    """Whether the Authorization header is, as a whole, the one of a secret. Takes as long for each of them."""
    given = delivery.headers.get("authorization", "").encode("utf-8", "surrogatepass")
    genuine = False
    for secret in filter(None, secrets):
        wanted = b"Basic " + base64.b64encode(f"{USER}:{secret}".encode())
        genuine |= hmac.compare_digest(given, wanted)
    return genuine


def touched(delivery: Delivery) -> Sequence[str]:
    """The number of the work item an event is about; empty for other events. Raises ValueError for what is no JSON."""
    try:
        event = json.loads(delivery.body)
    except RecursionError:
        raise ValueError("The delivery is nested too deeply.") from None
    kind, resource = (event.get("eventType"), event.get("resource")) if isinstance(event, dict) else ("", None)
    if not isinstance(resource, dict):
        return ()
    if kind == UPDATED:
        number = _number_of_updated(resource)
    else:
        number = _number(resource.get("id")) if kind in (*EVENTS, *OTHER_EVENTS) else ""
    return (number,) if number else ()


def _number_of_updated(resource: Mapping[str, Any]) -> str:
    """Where only minimal details are sent, the work item's number is in the address of the update alone."""
    revision = resource.get("revision")
    inside = revision.get("id") if isinstance(revision, Mapping) else None
    in_url = _IN_URL.search(str(resource.get("url") or "")[:2000])
    return _number(resource.get("workItemId")) or _number(inside) or (in_url.group(1) if in_url else "")


def _number(value: Any) -> str:
    """A work item's number, "" for what cannot be one."""
    return str(value) if type(value) is int and 0 < value <= _MOST_NUMBER else ""


# -- subscriptions -------------------------------------------------------------------------------------------------


def register(wire: Wire, address: str, secret: str, destinations: Iterable[Mapping[str, str]]) -> Registered:
    """Subscribe the address to the events of each project. What was made is removed when it fails half-way.

    Subscriptions of this address that are there already, from a call whose answer was lost or with an older secret,
    are removed. Raises NotAllowed with the right that is missing, InvalidInput when the address is not accepted.
    """
    projects = sorted({destination.get("project", "") for destination in destinations} - {""})
    if not projects:
        cause = "No project of Azure DevOps gets tickets yet."
        raise InvalidInput(cause, next_step="Choose where tickets go first.", sent=False)
    # Should the vendor quote what it was sent, the secret must not show.
    wire.door.secrets = (*wire.door.secrets, secret)
    older, made = _subscribed(wire, address), list[str]()
    try:
        for project, event in itertools.product(projects, EVENTS):
            made.append(_subscribe(wire, event, project, address, secret))
    except ProviderError as error:
        _remove_quietly(wire, made)
        if isinstance(error, InvalidInput) and "project" not in error.field_errors:
            say(error, _WRONG_ADDRESS, "It must begin with https:// and be reachable from the internet.")
        raise _named(error) from None
    _remove_quietly(wire, older)
    return Registered(tuple(made))


def _subscribe(wire: Wire, event: str, project: str, address: str, secret: str) -> str:
    wanted = {
        "publisherId": "tfs",
        "eventType": event,
        "resourceVersion": "1.0",
        "consumerId": "webHooks",
        "consumerActionId": "httpRequest",
        "publisherInputs": {"projectId": project},
        "consumerInputs": {
            "url": address,
            "basicAuthUsername": USER,
            "basicAuthPassword": secret,
            "resourceDetailsToSend": "all",
            "messagesToSend": "none",
            "detailedMessagesToSend": "none",
        },
    }
    with wire.door.creating():
        answer = wire.post(SUBSCRIPTIONS, wanted, needs=READ_ITEMS)
    found = answer.get("id") if isinstance(answer, Mapping) else None
    if not found:
        raise wire.unexpected("Azure DevOps' answer names no subscription.", "Look at the project's service hooks.")
    return str(found)


def _subscribed(wire: Wire, address: str) -> list[str]:
    """Subscriptions that call this address; none where they cannot be listed."""
    query = {"publisherId": "tfs", "consumerId": "webHooks", "consumerActionId": "httpRequest"}
    try:
        listed = wire.entries(wire.get(SUBSCRIPTIONS, needs=READ_ITEMS, **query))
    except ProviderError:
        return []
    inputs = ((entry.get("id"), entry.get("consumerInputs")) for entry in listed)
    return [str(each) for each, given in inputs if each and isinstance(given, Mapping) and given.get("url") == address]


def _named(error: ProviderError) -> ProviderError:
    """The error with the right that is missing, when one is. It looks like a missing scope where 401 says it."""
    if isinstance(error, NotAllowed):
        error.missing = (RIGHT,)
        cause = f"The token's owner lacks the right “{RIGHT}” for service hooks."
        say(error, cause, "Have a Project Collection Administrator grant it, or set the webhook up by hand as shown.")
    return error


def remove(wire: Wire, ids: Iterable[str]) -> None:
    """Remove these subscriptions. Those that are gone already are no error; others are removed even if one fails."""
    failed: ProviderError | None = None
    for each in ids:
        try:
            wire.delete(f"{SUBSCRIPTIONS}/{quote(each, safe='')}", needs=READ_ITEMS)
        except NotFound:
            continue
        except ProviderError as error:
            failed = failed or error
    if failed is not None:
        raise _named(failed)


def _remove_quietly(wire: Wire, ids: Iterable[str]) -> None:
    try:
        remove(wire, ids)
    except ProviderError:
        # Those left over call with a secret that is refused; the next registration removes them.
        return
