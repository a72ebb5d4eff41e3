"""Being called by Jira when an issue changes.

Sources: Atlassian's page “Webhooks” and its REST v3 description of the webhook routes; docs/providers.md lists the
facts. Anybody who administers the site can create a webhook with a secret by hand. Only OAuth apps may register one
over the API: it is answered with 200 even when it was refused, and ends after 30 days unless it is renewed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from providers.base import ConnectionValues, ReceivesWebhooks, utcnow
from providers.errors import InvalidInput, NotAllowed, NotFound
from providers.http import amend
from providers.jira import answers, oauth, proofs
from providers.jira.wire import JiraWire
from providers.oauth import SCOPES, MissingScope
from providers.values import Delivery, Registered

OAUTH_METHOD = "oauth"
EVENTS = ("jira:issue_updated", "jira:issue_deleted")
# What we show of an issue; "project" is the trace of a move.
FIELDS = ("summary", "status", "assignee", "project")
LIFETIME = dt.timedelta(days=30)
MOST_DIGITS = 19  # ids are 64-bit numbers
BY_HAND = "Create the webhook in Jira by hand instead, as the steps say."


class HearsOfChanges(JiraWire, ReceivesWebhooks):
    """Capability: is told by Jira when an issue changed."""

    webhook_steps = (
        "In Jira, as an administrator, open Settings (the cog) → System, then WebHooks under Advanced.",
        "Press “Create a WebHook” and give it a name, for example Patchpanel.",
        "URL: {address}",
        "Secret: {secret}",
        "Under the events for issues (newer sites: work items), tick “updated” and “deleted”. In the JQL field above "
        "them, enter the projects your tickets go to, for example: project in (OPS, WEB).",
        "Leave “Exclude body” off, then press Create.",
    )

    @classmethod
    def is_genuine(cls, delivery: Delivery, secrets: Sequence[str], values: ConnectionValues) -> bool:
        """Whether the body is signed with one of the secrets, or, for a connection made by consent, the delivery
        carries a token signed with the app's client secret.
        """
        by_secret = proofs.signed(delivery.headers.get("x-hub-signature", ""), delivery.body, secrets)
        if by_secret or values.auth_method != OAUTH_METHOD:
            return by_secret
        client_secret = values.credentials.get("client_secret", "")
        return proofs.vouched(delivery.headers.get("authorization", ""), client_secret)

    @classmethod
    def touched(cls, delivery: Delivery) -> Sequence[str]:
        """Id of the issue it speaks of; empty when it speaks of none. Raises ValueError when it is no JSON object."""
        try:
            told = json.loads(delivery.body, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(told, dict):
            raise ValueError("not a JSON object")
        issue = told.get("issue")
        number = issue.get("id") if isinstance(issue, dict) else None
        text = str(number) if isinstance(number, str | int) else ""
        return [text] if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else []

    @classmethod
    def can_register(cls, auth_method: str) -> bool:
        """Only connections made by consent: Jira refuses API tokens."""
        return auth_method == OAUTH_METHOD

    def register_webhook(self, address: str, secret: str, destinations: Sequence[Mapping[str, str]]) -> Registered:
        """Have Jira call this address about issues in the projects of these destinations, for 30 days.

        `secret` is not used: Jira signs with the app's client secret. Deliveries of an app that is not shared come only
        when its owner gave the consent; Jira does not say so.

        Raises NotAllowed for connections with an API token and for consents without the scope, InvalidInput when Jira
        does not take the webhook.
        """
        self.door.purpose = "register webhook"
        webhook = {"events": list(EVENTS), "jqlFilter": _filter(destinations), "fieldIdsFilter": list(FIELDS)}
        with self._as_app(), self.door.creating():
            answer = self._send("POST", "webhook", {"url": address, "webhooks": [webhook]})
        results = self._entries(answer, ("webhookRegistrationResult",))
        result = results[0] if results else {}
        if result.get("errors"):
            self._refuse(result["errors"])
        if not isinstance(result.get("createdWebhookId"), int):
            raise self._unexpected("Jira's answer does not name the new webhook.")
        return Registered((str(result["createdWebhookId"]),), utcnow() + LIFETIME)

    def renew_webhook(self, registered: Registered) -> Registered:
        """Keep it for 30 more days. Raises NotFound when Jira no longer has it: asked to renew an unknown one, it says
        yes all the same, so its list is read first.
        """
        self.door.purpose = "renew webhook"
        with self._as_app():
            kept = {str(webhook.get("id")) for webhook in self._pages("webhook", ("values",))}
        if not set(registered.ids) <= kept:
            raise NotFound("Jira no longer has this webhook.", next_step="Register it again.")
        with self._as_app():
            answer = self._send("PUT", "webhook/refresh", _numbers(registered))
        told = answer.get("expirationDate") if isinstance(answer, dict) else None
        return Registered(registered.ids, _moment(told) or utcnow() + LIFETIME)

    def remove_webhook(self, registered: Registered) -> None:
        """Take it back. Jira passes over those it does not have."""
        self.door.purpose = "remove webhook"
        with self._as_app():
            self._send("DELETE", "webhook", _numbers(registered))

    @contextmanager
    def _as_app(self) -> Iterator[None]:
        """Calls inside are open to OAuth apps with the scope for webhooks only. Raises NotAllowed otherwise."""
        if not self.by_consent:
            cause = "Jira lets only connections made with Install register webhooks, not those with an API token."
            raise NotAllowed(cause, next_step=BY_HAND, sent=False)
        granted = self.values.settings.get(SCOPES, "").split()
        if granted and oauth.WEBHOOK_SCOPE not in granted:
            raise oauth.no_webhook_scope()
        try:
            with self._of_site():
                yield
        except MissingScope as refused:
            raise oauth.no_webhook_scope(refused) from refused

    def _refuse(self, errors: Any) -> NoReturn:
        """Raise InvalidInput for an answer that says 200 and holds refusals."""
        words = "; ".join(str(error) for error in errors) if isinstance(errors, list) else str(errors)
        response = self._answers[-1]
        refused = InvalidInput(
            "Jira did not take the webhook.",
            next_step=f"See what Jira says, and try again. {BY_HAND}",
            vendor_status=response.status_code,
            vendor_message=getattr(response, "shorten", str)(words),
        )
        refused.attempt_id = getattr(response, "attempt_id", None)
        amend(response, "refused", f"{refused.cause} {refused.vendor_message}")
        raise refused


def _filter(destinations: Sequence[Mapping[str, str]]) -> str:
    """The projects of the destinations in the little JQL that webhooks may use."""
    projects = dict.fromkeys(destination["project"] for destination in destinations if destination.get("project"))
    if not projects:
        cause = "No ticket goes to a Jira project yet, so there is nothing to be told about."
        raise InvalidInput(cause, next_step="Choose where tickets go, then register the webhook.", sent=False)
    return f"project in ({', '.join(map(_value, projects))})"


def _value(project: str) -> str:
    return project if project.isascii() and project.isdecimal() else f'"{answers.jql_text(project)}"'


def _numbers(registered: Registered) -> dict[str, list[int]]:
    return {"webhookIds": [int(number) for number in registered.ids]}


def _moment(told: Any) -> dt.datetime | None:
    """A date as Jira writes it (text, as it answers) or as it describes it (milliseconds); None for anything else."""
    try:
        if isinstance(told, str):
            moment = dt.datetime.fromisoformat(told)
            return moment.astimezone(dt.UTC) if moment.tzinfo else None
        return dt.datetime.fromtimestamp(told / 1000, dt.UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
