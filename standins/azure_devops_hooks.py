"""Service hook subscriptions of the sandbox Azure DevOps over REST.

They take the right “Edit subscriptions”, and addresses that are reachable from the internet alone: neither localhost
nor one out of a special range, and https where a password is to be sent. The knob `private_targets` lets all others in.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, request
from werkzeug.wrappers import Response as AnyResponse

from standins import azure_devops_wire as wire
from standins.azure_devops_state import sandbox
from standins.azure_devops_subscriptions import EVENTS, Subscription
from standins.azure_devops_wire import listed, needs

hooks = Blueprint("hooks", __name__)
RIGHT = "EDIT_SUBSCRIPTIONS"
FILTERS = {"publisherId": "tfs", "consumerId": "webHooks", "consumerActionId": "httpRequest"}


def _no_right() -> Response | None:
    """The refusal of an owner without the right, in the face the knob asks for."""
    azure = sandbox()
    if azure.has(RIGHT):
        return None
    if azure.knobs.hook_refusal == 401:
        return wire.not_authorized(azure.owner.id)
    message = (
        "TF50309: The following account does not have sufficient permissions to complete the operation: "
        f"{azure.owner.name}. The following permissions are needed to perform this operation: Edit subscriptions."
    )
    return wire.refuse(403, message, "AccessCheckException")


def _no_subscription(number: str) -> Response:
    message = f"The subscription with the ID {number} could not be found."
    return wire.refuse(404, message, "SubscriptionNotFoundException")


@hooks.post("/sandbox/_apis/hooks/subscriptions")
@needs("vso.work")
def subscribe() -> AnyResponse:
    """Make a subscription."""
    refused = _no_right()
    if refused is not None:
        return refused
    sent = g.body if isinstance(g.body, dict) else {}
    publisher, consumer = sent.get("publisherInputs"), sent.get("consumerInputs")
    if not isinstance(publisher, dict) or not isinstance(consumer, dict) or sent.get("eventType") not in EVENTS:
        return _wrong("The subscription is incomplete.")
    if any(sent.get(name) != value for name, value in FILTERS.items()):
        return _wrong("The publisher or consumer does not exist.")
    project = str(publisher.get("projectId") or "")
    if project and sandbox().project(project) is None:
        return wire.no_project(project)
    problem = _wrong_target(consumer)
    if problem:
        return _wrong(problem)
    made = Subscription(sent["eventType"], {"projectId": project}, dict(consumer), wire.base_url())
    return wire.answer(sandbox().subscriptions.add(made).as_json(sandbox().owner.id))


def _wrong(message: str) -> Response:
    return wire.refuse(400, message, "SubscriptionInputException")


def _wrong_target(consumer: dict[str, Any]) -> str:
    """What is wrong with the address, "" when nothing is."""
    try:
        address = urlsplit(str(consumer.get("url") or ""))
        host = address.hostname or ""
    except ValueError:
        return "The URL is not valid."
    if address.scheme not in ("http", "https") or not host:
        return "The URL is not valid."
    if sandbox().knobs.private_targets:
        return ""
    if _is_private(host):
        return f"Service hooks cannot be sent to localhost or to a special range address: {host}."
    if consumer.get("basicAuthPassword") and address.scheme != "https":
        return "Basic authentication requires a secure URL (https)."
    return ""


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@hooks.get("/sandbox/_apis/hooks/subscriptions")
@needs("vso.work")
def subscriptions() -> AnyResponse:
    """All subscriptions; passwords are masked."""
    wanted, owner = request.args.get("eventType"), sandbox().owner.id
    if any(request.args.get(name, value) != value for name, value in FILTERS.items()):
        return listed([])
    return listed(
        [each.as_json(owner) for each in sandbox().subscriptions.all.values() if wanted in (None, each.event)]
    )


@hooks.get("/sandbox/_apis/hooks/subscriptions/<number>")
@needs("vso.work")
def subscription(number: str) -> AnyResponse:
    """One subscription."""
    found = sandbox().subscriptions.all.get(number)
    return _no_subscription(number) if found is None else wire.answer(found.as_json(sandbox().owner.id))


@hooks.delete("/sandbox/_apis/hooks/subscriptions/<number>")
@needs("vso.work")
def unsubscribe(number: str) -> AnyResponse:
    """Remove a subscription."""
    refused = _no_right()
    if refused is not None:
        return refused
    if sandbox().subscriptions.all.pop(number, None) is None:
        return _no_subscription(number)
    return Response(status=200)
