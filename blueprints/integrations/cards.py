"""What a card shows of a provider and its connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import render_template, url_for

import providers
from blueprints.access import actor
from blueprints.context import ahead
from models import Connection, ConnectionStatus
from providers.base import AuthMethod, CreatesTickets, Group, Provider, utcnow
from services import connection_health, connections, expiry, outbound
from services.actors import Permission
from services.connection_health import Told


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
    # What the account may do where tickets go, and whether that was asked just now.
    told: Told | None = None
    checked: bool = False
    # Why no calls are made for the moment; empty while they are.
    rests: str = ""


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


def line(connection: Connection, *, checked: bool = False) -> Line:
    """One connection as a line of its card; `checked` when somebody asked for its check just now."""
    provider = providers.get(connection.provider_key)
    words = expiry.words(connection.credential_expires_on)
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
        expiry_is_near=expiry.is_near(connection.credential_expires_on),
        attempt_url=url_for("settings.attempt", attempt_id=attempt) if attempt else "",
        reconnect_url=url_for("connect.reconnect", connection_id=connection.id) if consent is not None else "",
        reported_as=acts_as if consent is not None and provider.can(CreatesTickets) else "",
        told=connection_health.last_told(connection),
        checked=checked,
        rests=_rests(connection),
    )


def _rests(connection: Connection) -> str:
    if not connection.enabled or connection.rests_until is None or connection.rests_until <= utcnow():
        return ""
    return f"Calls rest, the next goes out {ahead(connection.rests_until)}: {connection.rest_reason}"


def card(provider: Provider, found: list[Connection], checked: int | None = None) -> Card:
    """A provider's card. Ways to connect that share an opener are chosen inside its dialog."""
    methods: dict[str, AuthMethod] = {}
    for method in provider.auth_methods:
        methods.setdefault(method.opener, method)
    openers = [opener(provider, method, found) for method in methods.values()]
    lines = [line(connection, checked=connection.id == checked) for connection in found]
    return Card(provider, lines, openers, provider.can(CreatesTickets))


def opener(provider: Provider, method: AuthMethod, found: list[Connection]) -> Opener:
    """The button of a way to connect. With an app known from an earlier consent, nothing needs to be typed."""
    if method.consent is None:
        url = url_for("integrations.new", provider_key=provider.key, method_key=method.key)
        return Opener(method.opener, url)
    url = url_for("connect.install", provider_key=provider.key)
    known = any(connection.auth_method == method.key for connection in found)
    return Opener(method.opener, url, known, f"{url}?another=1" if known else "")


def sections(checked: int | None = None) -> list[tuple[Group, list[Card]]]:
    """All cards under the headings of the page; headings without a provider are left out."""
    listed = connections.listed()
    cards = [card(provider, listed.get(provider.key, []), checked) for provider in providers.all_providers()]
    grouped = [(group, [c for c in cards if c.provider.group is group]) for group in Group]
    return [(group, found) for group, found in grouped if found]


def rendered_card(provider: Provider, checked: int | None = None) -> str:
    """The card as it is now, ready to replace the one on the page. `checked`: id of the connection just checked."""
    fresh = card(provider, connections.listed().get(provider.key, []), checked)
    return render_template("integrations/_card.html", card=fresh, oob=True)


def page_context(checked: int | None = None, **more: Any) -> dict[str, Any]:
    """What the Integrations page needs. `checked`: id of the connection just checked."""
    return {"sections": sections(checked), **more}
