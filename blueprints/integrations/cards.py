"""What a card shows of a provider and its connections."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import render_template, url_for

import providers
from blueprints.access import actor
from models import Connection, ConnectionStatus
from providers.base import AuthMethod, CreatesTickets, Group, Provider, utcnow
from services import connections, outbound
from services.actors import Permission


@dataclass(frozen=True)
class Badge:
    """Word and colour of a badge, and the reason beside it."""

    kind: str
    text: str
    reason: str = ""


@dataclass(frozen=True)
class Line:
    """One connection on a card."""

    connection: Connection
    name: str
    tenant: str
    badge: Badge
    acts_as: str
    expiry: str
    expiry_is_near: bool
    attempt_url: str
    # Address that asks for the consent again; empty where there is none.
    reconnect_url: str = ""
    reported_as: str = ""


@dataclass(frozen=True)
class Opener:
    """A button that begins a new connection. `leaves`: it leads to the vendor at once, `other_url` does not."""

    label: str
    url: str
    leaves: bool = False
    other_url: str = ""


@dataclass(frozen=True)
class Card:
    """One provider with its connections."""

    provider: Provider
    lines: list[Line]
    openers: list[Opener]
    # Whether its tickets can be routed.
    routes: bool


def badge(connection: Connection) -> Badge:
    """The badge follows from what the last checks showed; a failure that may pass keeps it."""
    if connection.status == ConnectionStatus.NEEDS_ATTENTION:
        return Badge("attention", "Needs attention", connection.last_error)
    reason = ""
    if connection.failures:
        since = f" since {connection.last_ok_at:%d %b %Y %H:%M} UTC" if connection.last_ok_at else ""
        reason = f"Could not check{since}: {connection.last_error}"
    if not connection.enabled:
        return Badge("connected", "Connected", reason or "Switched off: makes no calls.")
    if connection.status == ConnectionStatus.UNCHECKED:
        return Badge("neutral", "Connected", reason or "Not checked yet.")
    return Badge("active", "Active", reason)


def expiry(day: dt.date | None, today: dt.date | None = None) -> tuple[str, bool]:
    """When the secret expires, in words, and whether that is near."""
    if day is None:
        return "secret expiry not known", False
    days = (day - (today or utcnow().date())).days
    date = f"{day:%d %b %Y}"
    if days < 0:
        return f"secret expired on {date}", True
    left = "today" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"
    return f"secret expires {date}, {left}", days <= 30


def line(connection: Connection) -> Line:
    """One connection as a line of its card."""
    provider = providers.get(connection.provider_key)
    words, near = expiry(connection.credential_expires_on)
    consent = provider.auth_method(connection.auth_method).consent
    acts_as = str(connection.external_account.get("name", ""))
    if consent is not None and connection.credential_expires_on is None:
        words = consent.lifetime
    attempt = connection.last_attempt_id if actor().may(Permission.ACTIVITY_READ) else None
    return Line(
        connection=connection,
        name=outbound.display_name(connection),
        tenant=provider.tenant(connection.settings),
        badge=badge(connection),
        acts_as=acts_as,
        expiry=words,
        expiry_is_near=near,
        attempt_url=url_for("settings.attempt", attempt_id=attempt) if attempt else "",
        reconnect_url=url_for("connect.reconnect", connection_id=connection.id) if consent is not None else "",
        reported_as=acts_as if consent is not None and provider.can(CreatesTickets) else "",
    )


def card(provider: Provider, found: list[Connection]) -> Card:
    """A provider's card. Ways to connect that share an opener are chosen inside its dialog."""
    methods: dict[str, AuthMethod] = {}
    for method in provider.auth_methods:
        methods.setdefault(method.opener, method)
    openers = [opener(provider, method, found) for method in methods.values()]
    return Card(provider, [line(connection) for connection in found], openers, provider.can(CreatesTickets))


def opener(provider: Provider, method: AuthMethod, found: list[Connection]) -> Opener:
    """The button of a way to connect. With an app known from an earlier consent, nothing needs to be typed."""
    if method.consent is None:
        url = url_for("integrations.new", provider_key=provider.key, method_key=method.key)
        return Opener(method.opener, url)
    url = url_for("connect.install", provider_key=provider.key)
    known = any(connection.auth_method == method.key for connection in found)
    return Opener(method.opener, url, known, f"{url}?another=1" if known else "")


def sections() -> list[tuple[Group, list[Card]]]:
    """All cards under the headings of the page; headings without a provider are left out."""
    listed = connections.listed()
    cards = [card(provider, listed.get(provider.key, [])) for provider in providers.all_providers()]
    grouped = [(group, [c for c in cards if c.provider.group is group]) for group in Group]
    return [(group, found) for group, found in grouped if found]


def rendered_card(provider: Provider) -> str:
    """The card as it is now, ready to replace the one on the page."""
    fresh = card(provider, connections.listed().get(provider.key, []))
    return render_template("integrations/_card.html", card=fresh, oob=True)


def page_context(**more: Any) -> dict[str, Any]:
    """What the Integrations page needs."""
    return {"sections": sections(), **more}
