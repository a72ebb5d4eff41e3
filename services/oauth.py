"""Connecting by consent: sending a person to the vendor, and what comes back.

A flow row is written before the person leaves: it fixes the application, the addresses and the call-back, and it can
be used once, within ten minutes, by the same person in the same browser. What comes back is never trusted further
than the row allows.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

import providers
from extensions import db
from models import Connection, OAuthFlow
from providers.base import AuthMethod, ConnectionValues, Provider, utcnow
from providers.oauth import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Consent, NoSite, Site
from services import connection_health, connections, events, oauth_flows, outbound, store, tokens
from services.actors import Actor
from services.errors import Missing, Refused
from services.oauth_flows import AGAIN, CONSENT, SITE, Visitor, choices
from services.oauth_trip import Trip
from services.runtime import settings


@dataclass(frozen=True)
class App:
    """The organisation's own application at the vendor."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """Where a call-back led: to a connection, or to the flow whose sites are to choose from."""

    connection: Connection | None = None
    flow_id: int | None = None
    reconnected: bool = False


def method_of(provider: Provider) -> AuthMethod:
    """The provider's way to connect by consent. Raises Missing."""
    for method in provider.auth_methods:
        if method.consent is not None:
            return method
    raise Missing(f"{provider.key} offers no consent")


def consent_of(method: AuthMethod) -> Consent:
    """What this way to connect asks consent for. Raises Missing."""
    if method.consent is None:
        raise Missing(f"{method.key} needs no consent")
    return method.consent


def known_app(provider: Provider, method: AuthMethod) -> App | None:
    """The application of the newest connection made this way, None when there is none to reuse."""
    query = (
        select(Connection)
        .where(Connection.provider_key == provider.key, Connection.auth_method == method.key)
        .order_by(Connection.id.desc())
        .limit(1)
    )
    newest = db.session.scalar(query)
    return app_of(newest) if newest is not None else None


def app_of(connection: Connection) -> App | None:
    """The application of a connection; None when its secret was entered for other addresses than those in force.

    Raises crypto.CannotOpen.
    """
    provider = providers.get(connection.provider_key)
    consent = consent_of(provider.auth_method(connection.auth_method))
    if provider.origin(consent.addresses(settings().endpoints)) != connection.origin:
        return None
    values = connection.for_client()
    return App(values.settings[CLIENT_ID], values.credentials[CLIENT_SECRET])


def begin(
    visitor: Visitor,
    provider: Provider,
    app: App,
    *,
    description: str = "",
    connection: Connection | None = None,
) -> str:
    """Note that this person leaves for the vendor's consent page. Returns its address.

    Args:
        connection: the one to connect anew; None installs a new one.
    """
    method = method_of(provider)
    consent = consent_of(method)
    chosen = {CLIENT_ID: app.client_id, **consent.addresses(settings().endpoints)}
    state = secrets.token_urlsafe(32)
    flow = oauth_flows.new_flow(visitor, provider, method, chosen, state)
    flow.description = description
    flow.connection_id = connection.id if connection is not None else None
    flow.seal({CLIENT_SECRET: app.client_secret})
    oauth_flows.keep(flow)
    return consent.authorize_url(chosen, flow.redirect_uri, state)


def complete(visitor: Visitor, provider: Provider, answer: Mapping[str, str]) -> Outcome:
    """Go on with what the vendor's call-back brought.

    Raises:
        Refused: the call-back does not belong to a consent of this person in this browser, or came too late.
        ProviderError: consent declined, code refused, scope missing, no site, vendor unreachable …
    """
    flow = oauth_flows.use(
        visitor, CONSENT, OAuthFlow.state_hash == oauth_flows.digest(answer.get("state", "")), provider.key
    )
    if flow is None:
        raise Refused(
            "This consent was not begun by you in this browser, or its call-back was used already. Nothing was "
            f"connected. {AGAIN}"
        )
    trip = Trip(visitor, provider, flow)
    if "error" in answer or not answer.get("code"):
        raise trip.consent.declined(answer.get("error", ""), answer.get("error_description", ""))
    with trip.told():
        values = _trade(trip, answer["code"])
        sites = trip.consent.sites(trip.door(values), values)
        if flow.connection_id is not None:
            return _reconnect(trip, values, sites)
        if len(sites) == 1:
            return Outcome(_install(trip, values, sites[0]))
    return Outcome(flow_id=oauth_flows.ask(visitor, provider, values, flow, sites))


def _trade(trip: Trip, code: str) -> ConnectionValues:
    """Tokens for the code; sent only where the row says, which was fixed at the start."""
    flow = trip.flow
    before = ConnectionValues(flow.connection_id, flow.auth_method, flow.settings, flow.opened())
    granted = trip.consent.exchange(trip.door(before, also=code), before, code, flow.redirect_uri)
    return ConnectionValues(
        flow.connection_id,
        flow.auth_method,
        {**before.settings, **granted.settings()},
        {**before.credentials, **granted.credentials()},
    )


def choose(visitor: Visitor, provider: Provider, flow_id: int, site_id: str) -> Connection:
    """Connect the chosen site. Raises Missing, Refused and ProviderError."""
    site = next((each for each in choices(visitor, provider, flow_id) if each.id == site_id), None)
    if site is None:
        raise Refused("Choose one of the sites.", field_errors={"site": "Choose one of the sites."})
    flow = oauth_flows.use(visitor, SITE, OAuthFlow.id == flow_id, provider.key)
    if flow is None:
        raise Missing(f"OAuthFlow {flow_id}")
    values = ConnectionValues(None, flow.auth_method, flow.settings, flow.opened())
    trip = Trip(visitor, provider, flow)
    with trip.told():
        return _install(trip, values, site)


def _with_site(values: ConnectionValues, site: Site) -> ConnectionValues:
    return ConnectionValues(
        values.id, values.auth_method, {**values.settings, **site.settings}, dict(values.credentials)
    )


def _install(trip: Trip, values: ConnectionValues, site: Site) -> Connection:
    whole = _with_site(values, site)
    result = trip.client(whole).check()
    typed = connections.Typed(trip.flow.auth_method, {}, {}, description=trip.flow.description)
    return connections.insert(trip.visitor.actor, trip.provider, typed, whole, result)


def _reconnect(trip: Trip, values: ConnectionValues, sites: Sequence[Site]) -> Outcome:
    """New tokens for the same connection: it keeps its tickets, people and rules, so the site must be the same."""
    provider, consent = trip.provider, trip.consent
    connection = store.get(Connection, trip.flow.connection_id or 0)
    same = next((site for site in sites if site.id == consent.site_id(connection.settings)), None)
    if same is None:
        tenant = provider.tenant(connection.settings)
        raise NoSite(
            f"The consent does not cover {tenant}, the site of this connection.",
            next_step="Press Reconnect again and choose that site; other sites are connected with Install.",
        )
    whole = _with_site(values, same)
    result = trip.client(whole).check()
    with store.write() as session:
        current = store.locked(session, Connection, connection.id)
        tokens.supersede(session, current.id)
        current.settings, current.updated_at = dict(whole.settings), utcnow()
        current.seal(dict(whole.credentials), origin=provider.origin(whole.settings))
        connection_health.note_success(session, current, result)
        details = {"secrets": sorted([ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN])}
        _event(session, trip.visitor.actor, "connection.reconnected", current, details)
    return Outcome(current, reconnected=True)


def describe(actor: Actor, connection: Connection, description: str, expires_on: dt.date | None) -> None:
    """Change what people call the connection and the day its secret expires. Makes no call."""
    with store.write() as session:
        current = store.locked(session, Connection, connection.id)
        wanted = {"description": description, "credential_expires_on": expires_on}
        changed = [name for name, value in wanted.items() if getattr(current, name) != value]
        if not changed:
            return
        current.description, current.credential_expires_on = description, expires_on
        current.updated_at = utcnow()
        _event(session, actor, "connection.updated", current, {"changed": changed})


def _event(session: Session, actor: Actor, action: str, connection: Connection, details: dict[str, list[str]]) -> None:
    name = f"{providers.get(connection.provider_key).label}: {outbound.display_name(connection)}"
    events.record(session, actor, action, kind="connection", target_id=connection.id, target=name, details=details)
