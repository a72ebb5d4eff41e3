"""Rows of consents under way: who left for the vendor, in which browser, for what. Each is used once."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, delete

from models import OAuthFlow
from providers.base import AuthMethod, ConnectionValues, Provider, utcnow
from providers.oauth import Site
from services import store
from services.actors import Actor
from services.errors import Missing, Refused
from services.runtime import settings

LIFE = dt.timedelta(minutes=10)
CONSENT, SITE = "consent", "site"
AGAIN = "Open the Integrations page and press Install again."


@dataclass(frozen=True)
class Visitor:
    """The person who gives the consent, in the browser they do it with."""

    actor: Actor
    session_id: int

    @property
    def user_id(self) -> int:
        """Row number of the person. Raises Missing: the system itself gives no consent."""
        if self.actor.id is None:
            raise Missing("nobody is signed in")
        return self.actor.id


def redirect_uri(provider: Provider) -> str:
    """The call-back address to register at the vendor."""
    return f"{settings().base_url}/connect/{provider.key}/callback"


def new_flow(
    visitor: Visitor, provider: Provider, method: AuthMethod, chosen: Mapping[str, str], state: str
) -> OAuthFlow:
    """A new row for this person, not stored yet and without secrets."""
    now = utcnow()
    return OAuthFlow(
        uid=secrets.token_hex(16),
        state_hash=digest(state),
        provider_key=provider.key,
        auth_method=method.key,
        phase=CONSENT,
        user_id=visitor.user_id,
        session_id=visitor.session_id,
        redirect_uri=redirect_uri(provider),
        settings=dict(chosen),
        origin=provider.origin(chosen),
        created_at=now,
        expires_at=now + LIFE,
    )


def keep(flow: OAuthFlow) -> None:
    """Store the row; those of people who never came back go."""
    with store.write() as session:
        session.execute(delete(OAuthFlow).where(OAuthFlow.expires_at < utcnow() - LIFE))
        session.add(flow)


def use(visitor: Visitor, phase: str, which: ColumnElement[bool], provider_key: str) -> OAuthFlow | None:
    """Take the row away, in one statement: of several who come with the same one, one gets it.

    Raises Refused when it is too old.
    """
    mine = delete(OAuthFlow).where(
        which,
        OAuthFlow.phase == phase,
        OAuthFlow.provider_key == provider_key,
        OAuthFlow.user_id == visitor.user_id,
        OAuthFlow.session_id == visitor.session_id,
    )
    with store.write() as session:
        statement = mine.returning(OAuthFlow).execution_options(synchronize_session=False)
        flow: OAuthFlow | None = session.execute(statement).scalar_one_or_none()
        if flow is not None:
            session.expunge(flow)
    if flow is not None and flow.expires_at <= utcnow():
        minutes = round(LIFE.total_seconds() / 60)
        raise Refused(
            f"This consent took longer than {minutes} minutes and has expired. Nothing was connected. {AGAIN}"
        )
    return flow


def ask(visitor: Visitor, provider: Provider, values: ConnectionValues, flow: OAuthFlow, sites: Sequence[Site]) -> int:
    """Keep tokens and sites until the person has chosen. Returns the number of the row that keeps them."""
    kept = new_flow(
        visitor, provider, provider.auth_method(flow.auth_method), values.settings, secrets.token_urlsafe(32)
    )
    kept.phase, kept.description = SITE, flow.description
    kept.sites = [asdict(site) for site in sites]
    kept.seal(dict(values.credentials))
    keep(kept)
    return kept.id


def choices(visitor: Visitor, provider: Provider, flow_id: int) -> Sequence[Site]:
    """The sites to choose among. Raises Missing."""
    flow = store.get(OAuthFlow, flow_id)
    mine = flow.user_id == visitor.user_id and flow.session_id == visitor.session_id
    if not mine or flow.phase != SITE or flow.provider_key != provider.key or flow.expires_at <= utcnow():
        raise Missing(f"OAuthFlow {flow_id}")
    return [Site(**{**site, "scopes": tuple(site["scopes"])}) for site in flow.sites]


def digest(state: str) -> str:
    """What is stored of a state."""
    return hashlib.sha256(state.encode()).hexdigest()
