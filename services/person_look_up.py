"""Looking people up in a ticket system by e-mail address, and saying who of them can be added. Changes nothing here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

import providers
from extensions import db
from models import Connection, IntegrationUser
from providers.base import FindsPeople, Provider
from providers.errors import ProviderError
from providers.values import Person
from services import outbound, store
from services.actors import Actor
from services.errors import Missing, Refused

# Deliberately loose: the ticket system decides. A dot is asked for because look-ups happen while people type.
_EMAIL = re.compile(r"[^@\s<>(),;:\"]{1,64}@[^@\s<>(),;:\"]+\.[^@\s<>(),;:\".]+")
LONGEST_EMAIL = LONGEST_USERNAME = 254


@dataclass(frozen=True)
class Source:
    """A connection people can be looked up in. `tenant` is the outside instance, `label` tells it from its like."""

    id: int
    provider_key: str
    integration_type: str
    tenant: str
    label: str
    enabled: bool


@dataclass(frozen=True)
class Candidate:
    """Somebody the ticket system named; `refusal` says why this person cannot be added, "" when that is possible."""

    person: Person
    refusal: str = ""


@dataclass(frozen=True)
class LookUp:
    """What the ticket system answered to an e-mail address.

    `sentence` (with `detail`) says why nobody can be added yet, `note` what to look at before adding somebody.
    """

    connection_id: int
    tenant: str
    email: str
    candidates: tuple[Candidate, ...] = ()
    sentence: str = ""
    detail: str = ""
    note: str = ""

    @property
    def acceptable(self) -> tuple[Person, ...]:
        """The people who may be added."""
        return tuple(candidate.person for candidate in self.candidates if not candidate.refusal)


class NotAdded(Refused):
    """Nobody was added; `look_up` holds what was found, for the dialog to go on from."""

    def __init__(self, look_up: LookUp) -> None:
        super().__init__(look_up.sentence)
        self.look_up = look_up


def sources() -> list[Source]:
    """All connections whose provider finds people, by tenant; also those that are switched off."""
    known = {provider.key: provider for provider in providers.all_providers() if provider.can(FindsPeople)}
    columns = (Connection.id, Connection.provider_key, Connection.settings, Connection.description, Connection.enabled)
    rows = db.session.execute(select(*columns).where(Connection.provider_key.in_(known)))
    return sorted((_source(known[row.provider_key], row) for row in rows), key=lambda source: (source.label, source.id))


def _source(provider: Provider, row: Any) -> Source:
    tenant = provider.tenant(row.settings)
    label = f"{tenant} ({row.description})" if row.description else tenant
    return Source(row.id, provider.key, provider.integration_type or provider.label, tenant, label, row.enabled)


def look_up(actor: Actor, connection_id: int, email: str) -> LookUp:
    """Ask the ticket system who has this e-mail address. Changes nothing here.

    Raises:
        Missing: no such connection, or its provider finds no people.
        Refused: the address is malformed or the connection is switched off; no call was made.
        ProviderError: what the provider said, with `provider_key` set.
        crypto.CannotOpen: the credentials cannot be opened with the key ring at hand.
    """
    email = _checked_email(email)
    connection = store.get(Connection, connection_id)
    provider = _finder(connection.provider_key)
    source = _source(provider, connection)
    if not connection.enabled:
        text = f"{source.label} is switched off and makes no calls. Switch it on first."
        raise Refused(text, field_errors={"connection_id": text})
    try:
        people = outbound.client_for(connection, actor).find_people(email)
    except ProviderError as error:
        error.provider_key = provider.key  # type: ignore[attr-defined]  # tells the error page whose sentences to use
        raise
    return _judged(source, email, people)


def _checked_email(email: str) -> str:
    email = email.strip()
    if len(email) > LONGEST_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(email):
        text = "Enter a whole e-mail address, for example name@example.com."
        raise Refused(text, field_errors={"email": text})
    return email


def _finder(provider_key: str) -> Provider:
    """The provider. Raises Missing when it is unknown here or finds no people."""
    for provider in providers.all_providers():
        if provider.key == provider_key and provider.can(FindsPeople):
            return provider
    raise Missing(f"people of {provider_key}")


def _judged(source: Source, email: str, people: Sequence[Person]) -> LookUp:
    """Who of these may be added, and what to say to the person who asked."""
    known = _known(source.id, [person.external_id for person in people])
    candidates = tuple(Candidate(person, _refusal(person, source.tenant, known)) for person in people)
    found = LookUp(source.id, source.tenant, email, candidates)
    refusals = [candidate.refusal for candidate in candidates if candidate.refusal]
    if not candidates:
        detail = "Check the spelling: only people who have an account there can be added."
        return replace(found, sentence=f"No user with this email in {source.tenant}", detail=detail)
    if not found.acceptable:
        return replace(found, sentence=". ".join(refusals), detail="Enter the e-mail address of somebody else.")
    notes = [f"{refusal} and cannot be chosen." for refusal in refusals]
    if any(person.email_hidden for person in found.acceptable):
        notes.append(f"{source.tenant} keeps the e-mail address hidden: check that the name is the person you mean.")
    return replace(found, note=" ".join(notes))


def _known(connection_id: int, external_ids: Collection[str]) -> set[str]:
    """Those of the ids that are in the list already."""
    if not external_ids:
        return set()
    chosen = select(IntegrationUser.external_id).where(
        IntegrationUser.connection_id == connection_id, IntegrationUser.external_id.in_(external_ids)
    )
    return set(db.session.scalars(chosen))


def _refusal(person: Person, tenant: str, known: Collection[str]) -> str:
    if not person.active:
        return f"{display_name(person)} is deactivated in {tenant}"
    if person.external_id in known:
        return already_listed(display_name(person))
    return ""


def already_listed(name: str) -> str:
    """The sentence for somebody who need not be added again."""
    return f"{name} is in the list already"


def chosen(found: LookUp, external_id: str) -> Person:
    """The person meant by `external_id`; with "" the only one. Raises NotAdded when that is nobody or not clear."""
    if not external_id:
        return _only(found)
    for candidate in found.candidates:
        if candidate.person.external_id == external_id:
            if candidate.refusal:
                raise NotAdded(replace(found, sentence=candidate.refusal))
            return candidate.person
    if not found.acceptable:
        raise NotAdded(found)
    text = "The person shown before does not have this e-mail address"
    raise NotAdded(replace(found, sentence=text, detail="Check who has it, then press Add User again."))


def _only(found: LookUp) -> Person:
    if not found.acceptable:
        raise NotAdded(found)
    if len(found.acceptable) > 1:
        text = "Several people have this e-mail address"
        raise NotAdded(replace(found, sentence=text, detail="Choose who you mean, then press Add User again."))
    if found.acceptable[0].email_hidden:
        text = "Check the name before adding this person"
        raise NotAdded(replace(found, sentence=text, detail="Press Add User again when it is right."))
    return found.acceptable[0]


def display_name(person: Person) -> str:
    """What to call a person; never empty."""
    return clean(person.name, 200) or clean(person.username, 200) or clean(person.external_id, 200)


def clean(value: str, limit: int) -> str:
    """What the provider sent, without the characters that no database or page should get."""
    return "".join(c for c in value if unicodedata.category(c) not in ("Cc", "Cs")).strip()[:limit]
