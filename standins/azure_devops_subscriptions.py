"""Service hook subscriptions of the sandbox Azure DevOps, and what it sends to them.

In workitem.updated the resource's id is the number of the update, and the work item's is `workItemId`; the other events
name the work item itself. Source of the shapes: Microsoft's page on service hook events.
"""

from __future__ import annotations

import base64
import datetime as dt
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from standins.azure_devops_knobs import WorkItem
from standins.azure_devops_people import guid
from standins.azure_devops_projects import Project
from standins.hooks import Hooks

EVENTS = ("workitem.created", "workitem.updated", "workitem.deleted", "workitem.restored", "workitem.commented")
CLOUD = "https://dev.azure.com/sandbox"
MASK = "********"


@dataclass
class Subscription:
    """One subscription. `consumer` holds the address and the password as they were sent; `told` counts events."""

    event: str
    publisher: dict[str, str]
    consumer: dict[str, str]
    base: str = CLOUD
    status: str = "enabled"
    told: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: str = field(default_factory=lambda: _moment())

    @property
    def url(self) -> str:
        """Where events are sent."""
        return self.consumer.get("url", "")

    def wants(self, event: str, project: Project) -> bool:
        """Whether it is told of this event in this project; without a project it is told of all of them."""
        return self.status == "enabled" and self.event == event and self.publisher.get("projectId") in ("", project.id)

    def headers(self) -> dict[str, str]:
        """Basic authentication when it was asked for; there is no signature."""
        user, password = self.consumer.get("basicAuthUsername", ""), self.consumer.get("basicAuthPassword", "")
        if not user and not password:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def as_json(self, owner: str) -> dict[str, Any]:
        """The subscription as the API shows it, the password masked."""
        hidden = {"basicAuthPassword": MASK} if self.consumer.get("basicAuthPassword") else {}
        return {
            "id": self.id,
            "url": f"{self.base}/_apis/hooks/subscriptions/{self.id}",
            "status": self.status,
            "publisherId": "tfs",
            "eventType": self.event,
            "resourceVersion": "1.0",
            "eventDescription": "Any work item",
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
            "actionDescription": f"To {self.url}",
            "createdBy": {"id": owner},
            "createdDate": self.created,
            "modifiedBy": {"id": owner},
            "modifiedDate": self.created,
            "publisherInputs": dict(self.publisher),
            "consumerInputs": self.consumer | hidden,
        }


def _moment() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Subscriptions:
    """All subscriptions, and the sender of their events, whose threads start with the first one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sender: Hooks | None = None
        self.all: dict[str, Subscription] = {}
        self.undeliverable: list[str] = []

    @property
    def sender(self) -> Hooks:
        """Who sends."""
        with self._lock:
            if self._sender is None:
                self._sender = Hooks()
            return self._sender

    def stop(self) -> None:
        """Send nothing more."""
        with self._lock:
            sender, self._sender = self._sender, None
        if sender is not None:
            sender.stop()

    def add(self, subscription: Subscription) -> Subscription:
        """Keep one more."""
        self.all[subscription.id] = subscription
        return subscription

    def paste(self, url: str, user: str, password: str, project: str, events: Sequence[str]) -> list[str]:
        """What a person does on the page Service hooks. Returns the ids. Raises KeyError for an unknown event."""
        unknown = set(events) - set(EVENTS)
        if unknown:
            raise KeyError(sorted(unknown)[0])
        consumer = {"url": url, "basicAuthUsername": user, "basicAuthPassword": password}
        return [self.add(Subscription(event, {"projectId": project}, dict(consumer))).id for event in events]

    def tell(self, event: str, item: WorkItem, project: Project, changed: dict[str, Any] | None = None) -> None:
        """Send an event to whoever wants it. An address the sandbox may not call is noted and left alone."""
        for subscription in list(self.all.values()):
            if not subscription.wants(event, project):
                continue
            subscription.told += 1
            body = _body(subscription, item, project, changed or {})
            try:
                self.sender.deliver(subscription.url, body, subscription.headers())
            except ValueError:
                self.undeliverable.append(subscription.url)

    def as_state(self, owner: str) -> dict[str, Any]:
        """Subscriptions and deliveries for the control address; no passwords are in it."""
        shown = [each.as_json(owner) | {"told": each.told} for each in self.all.values()]
        sent = self._sender.deliveries if self._sender else []
        told = [{"url": d.url, "statuses": [a.status for a in d.attempts], "ended": d.ended} for d in sent]
        return {"subscriptions": shown, "deliveries": told}


class WebhookKnobs:
    """What tests do with the webhooks of the sandbox."""

    projects: dict[str, Project]
    subscriptions: Subscriptions

    @property
    def hooks(self) -> Hooks:
        """The sender, for tests that hold, replay or wait; made when it is first needed."""
        return self.subscriptions.sender

    def stop_hooks(self) -> None:
        """Send nothing more of what is on its way."""
        known = getattr(self, "subscriptions", None)
        if known is not None:
            known.stop()

    def paste_webhook(
        self, url: str, username: str = "", password: str = "", project: str = "", events: Sequence[str] = EVENTS
    ) -> list[str]:
        """What a person enters on the page Service hooks; no project means all. Returns the ids. Raises KeyError."""
        place = self.projects[project].id if project else ""
        return self.subscriptions.paste(url, username, password, place, events)

    def replay_webhooks(self, times: int = 1) -> None:
        """Send every delivery so far again, byte by byte the same."""
        for delivery in list(self.hooks.deliveries):
            self.hooks.replay(delivery, times)

    def hold_webhooks(self) -> None:
        """Keep deliveries back until they are released."""
        self.hooks.hold()

    def release_webhooks(self, backwards: bool = False) -> None:
        """Send what was kept back, the newest first if asked to."""
        self.hooks.release(self.hooks.kept[::-1] if backwards else ())


def _body(subscription: Subscription, item: WorkItem, project: Project, changed: dict[str, Any]) -> dict[str, Any]:
    containers = {"collection": guid("collection"), "account": guid("instance"), "project": project.id}
    return {
        "subscriptionId": subscription.id,
        "notificationId": subscription.told,
        "id": str(uuid.uuid4()),
        "eventType": subscription.event,
        "publisherId": "tfs",
        "message": None,
        "detailedMessage": None,
        "resource": _resource(subscription, item, changed),
        "resourceVersion": "1.0",
        "resourceContainers": {name: {"id": number} for name, number in containers.items()},
        "createdDate": _moment(),
    }


def _resource(subscription: Subscription, item: WorkItem, changed: dict[str, Any]) -> dict[str, Any]:
    values = {
        "System.AreaPath": item.project,
        "System.TeamProject": item.project,
        "System.WorkItemType": item.type,
        "System.State": item.state,
        "System.Title": item.title,
    }
    address = f"{subscription.base}/_apis/wit/workItems/{item.id}"
    whole: dict[str, Any] = {"id": item.id, "rev": item.rev, "fields": values, "url": address}
    if subscription.event != "workitem.updated":
        return whole
    return {
        "id": item.rev,
        "workItemId": item.id,
        "rev": item.rev,
        "revisedDate": "9999-01-01T00:00:00Z",
        "fields": changed,
        "url": f"{address}/updates/{item.rev}",
        "revision": whole | {"url": f"{address}/revisions/{item.rev}"},
    }
