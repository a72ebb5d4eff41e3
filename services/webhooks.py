"""Being called by providers: the secret a call must show, and what it sets in motion.

A webhook is only a hint. Whatever it says, its tickets are read back from the provider, each at most once in two
seconds; so replayed, late, reordered or invented deliveries change nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import providers
from extensions import db
from models import Connection, RoutingRule, Webhook, crypto
from models.crypto import CannotOpen
from providers.base import ReceivesWebhooks, utcnow
from providers.errors import NotFound, ProviderError
from providers.values import Delivery, Registered
from services import events, outbound, store, ticket_sync
from services.actors import Actor
from services.errors import Missing, Refused
from services.runtime import settings

# After a new secret was made the former one is accepted for so long: the provider's side is changed by hand.
OVERLAP = dt.timedelta(hours=24)
# Registrations that end by themselves are renewed with this much left.
RENEW_BEFORE = dt.timedelta(days=16)
NOTE_EVERY = dt.timedelta(minutes=1)
SECRET, PREVIOUS = "secret", "previous"
log = logging.getLogger("patchpanel.webhooks")


class NotGenuine(Exception):
    """The delivery does not know the secret."""


def of(connection_id: int) -> Webhook | None:
    """The webhook of a connection; None when it has none."""
    return db.session.get(Webhook, connection_id, populate_existing=True)


def address(webhook: Webhook) -> str:
    """Where the provider calls."""
    return f"{settings().base_url}/webhooks/{webhook.uid}"


def make_secret(actor: Actor, connection: Connection) -> tuple[Webhook, str]:
    """Set the webhook up, or give it a new secret. Returns it and the secret, which is shown this once only."""
    fresh = secrets.token_urlsafe(32)
    with store.write() as session:
        store.locked(session, Connection, connection.id)
        webhook = session.get(Webhook, connection.id, populate_existing=True)
        if webhook is None:
            uid = secrets.token_hex(16)
            webhook = Webhook(
                connection_id=connection.id,
                uid=uid,
                credentials={},
                credentials_version=0,
                origin=connection.origin,
                registered=[],
                problem="",
                created_at=utcnow(),
            )
            session.add(webhook)
        kept = _opened(webhook).get(SECRET)
        _seal(webhook, {SECRET: fresh, **({PREVIOUS: kept} if kept else {})})
        webhook.previous_until = utcnow() + OVERLAP if kept else None
        _event(session, actor, "webhook.secret_made", connection)
    return webhook, fresh


def _seal(webhook: Webhook, values: Mapping[str, str]) -> None:
    webhook.credentials_version += 1
    webhook.credentials = {name: crypto.seal(value, webhook.context(name)) for name, value in values.items()}


def _opened(webhook: Webhook) -> dict[str, str]:
    """The secrets that count now. Ones that cannot be opened are left out: a new secret can always be made."""
    found = {}
    for name, sealed in webhook.credentials.items():
        over = name == PREVIOUS and (webhook.previous_until is None or webhook.previous_until <= utcnow())
        if over:
            continue
        try:
            found[name] = crypto.unseal(sealed, webhook.context(name))
        except CannotOpen:
            log.warning("the secret of a webhook cannot be opened", extra={"connection": webhook.connection_id})
    return found


def receive(uid: str, delivery: Delivery) -> int:
    """Take a delivery: its tickets are due to be read back. Returns how many of them are ours.

    Nothing happens for a connection that is switched off.

    Raises:
        Missing: no such address.
        NotGenuine: it does not know the secret.
        ValueError: it cannot be read.
    """
    webhook = db.session.scalar(select(Webhook).where(Webhook.uid == uid).execution_options(populate_existing=True))
    if webhook is None:
        raise Missing(f"webhook {uid}")
    connection = store.get(Connection, webhook.connection_id)
    client: type[ReceivesWebhooks] = providers.get(connection.provider_key).client  # type: ignore[assignment]  # only such connections have webhooks
    known = tuple(_opened(webhook).values())
    try:
        values = connection.for_client()
    except CannotOpen:
        raise NotGenuine from None
    store.release()
    genuine = client.is_genuine(delivery, known, values)
    _note(webhook, genuine=genuine)
    if not genuine:
        raise NotGenuine
    touched = client.touched(delivery)
    if not touched or not connection.enabled:
        return 0
    return ticket_sync.ask_for(connection.id, touched)


def _note(webhook: Webhook, *, genuine: bool) -> None:
    """Remember when the last good and the last refused delivery came; a flood writes once a minute."""
    now, last = utcnow(), webhook.seen_at if genuine else webhook.refused_at
    if last is not None and now - last < NOTE_EVERY:
        return
    with store.write() as session:
        current = session.get(Webhook, webhook.connection_id, populate_existing=True)
        if current is not None:
            if genuine:
                current.seen_at = now
            else:
                current.refused_at = now


def can_register(connection: Connection) -> bool:
    """Whether we may register the webhook at the provider ourselves."""
    client = providers.get(connection.provider_key).client
    return issubclass(client, ReceivesWebhooks) and client.can_register(connection.auth_method)


def register(actor: Actor, connection: Connection) -> Webhook:
    """Register the webhook at the provider, with a new secret; what was registered before is taken back.

    Raises Refused when the public address cannot be called from outside, ProviderError with what the provider said.
    """
    if not settings().base_url.startswith("https://"):
        raise Refused(
            f"The provider calls the public address, and {settings().base_url} is not an https address. "
            "Set PATCHPANEL_BASE_URL to the address people use, then register again."
        )
    earlier = of(connection.id)
    webhook, secret = make_secret(actor, connection)
    client = outbound.client_for(connection, actor, forced=True)
    made: Registered = client.register_webhook(address(webhook), secret, _destinations(connection))
    with store.write() as session:
        current = session.get(Webhook, connection.id, populate_existing=True)
        if current is not None:
            current.registered, current.registered_until, current.problem = list(made.ids), made.until, ""
            _event(session, actor, "webhook.registered", connection)
    if earlier is not None and earlier.registered and set(earlier.registered) != set(made.ids):
        _take_back(actor, connection, [each for each in earlier.registered if each not in made.ids])
    return of(connection.id) or webhook


def _destinations(connection: Connection) -> Sequence[Mapping[str, str]]:
    """Where tickets of this connection go."""
    rules = db.session.scalars(select(RoutingRule.destination).where(RoutingRule.connection_id == connection.id)).all()
    return [each for each in (*rules, connection.destination) if each]


def remove(actor: Actor, connection: Connection) -> None:
    """Forget the webhook, and take back what was registered; that this may fail stops nothing."""
    webhook = of(connection.id)
    if webhook is None:
        return
    _take_back(actor, connection, webhook.registered)
    with store.write() as session:
        current = session.get(Webhook, connection.id, populate_existing=True)
        if current is not None:
            session.delete(current)
            _event(session, actor, "webhook.removed", connection)


def _take_back(actor: Actor, connection: Connection, ids: Sequence[str]) -> None:
    if not ids or not connection.enabled:
        return
    try:
        outbound.client_for(connection, actor).remove_webhook(Registered(tuple(ids)))
    except (ProviderError, CannotOpen) as error:
        log.info("a webhook was not taken back", extra={"reason": str(error)})


def renew_due(actor: Actor, *, everything: bool = False) -> int:
    """Renew registrations that end by themselves. Returns how many were renewed.

    One the provider has forgotten is registered anew; one that fails says so in the connection's dialog.
    """
    before = utcnow() + (dt.timedelta(days=3650) if everything else RENEW_BEFORE)
    query = select(Webhook.connection_id).where(
        Webhook.registered_until.is_not(None), Webhook.registered_until < before
    )
    renewed = 0
    for connection_id in db.session.scalars(query).all():
        connection = store.get(Connection, connection_id)
        if connection.enabled:
            renewed += _renew(actor, connection)
    store.release()
    return renewed


def _renew(actor: Actor, connection: Connection) -> bool:
    webhook, kept, problem = of(connection.id), None, ""
    if webhook is None:
        return False
    known = Registered(tuple(webhook.registered), webhook.registered_until)
    try:
        kept = outbound.client_for(connection, actor, seconds=outbound.WORKER_SECONDS).renew_webhook(known)
    except NotFound:
        return _again(actor, connection)
    except (ProviderError, CannotOpen) as error:
        problem = str(error)
    _renewed(connection.id, kept, problem)
    return kept is not None


def _again(actor: Actor, connection: Connection) -> bool:
    try:
        register(actor, connection)
    except (ProviderError, CannotOpen, Refused) as error:
        _renewed(connection.id, None, str(error))
        return False
    return True


def _renewed(connection_id: int, kept: Registered | None, problem: str) -> None:
    with store.write() as session:
        current = session.get(Webhook, connection_id, populate_existing=True)
        if current is not None:
            current.problem = problem
            if kept is not None:
                current.registered, current.registered_until = list(kept.ids), kept.until


def _event(
    session: Session, actor: Actor, action: str, connection: Connection, details: dict[str, Any] | None = None
) -> None:
    name = f"{providers.get(connection.provider_key).label}: {outbound.display_name(connection)}"
    events.record(session, actor, action, kind="connection", target_id=connection.id, target=name, details=details)
