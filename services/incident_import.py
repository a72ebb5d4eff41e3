"""Storing incidents that an outside source names: (source, source_key) recognises them, so nothing is doubled.

The status is taken when an incident is made; later it is Patchpanel's own and a source does not undo people's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import BinaryIO

from sqlalchemy import select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import Incident
from services import automatic_tickets, incident_file, incidents, store
from services.actors import Actor

BATCH = 200
FROM_SOURCE = ("title", "description", "severity", "labels", "resource", "url")
Key = tuple[str, str]


class Outcome(StrEnum):
    """What storing a row did."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Arrival:
    """A cleaned draft with a source key, and the fields its sender gave: the others stay as they are."""

    draft: incidents.Draft
    given: frozenset[str] = frozenset(FROM_SOURCE)

    @property
    def key(self) -> Key:
        """What recognises it. Raises ValueError without a source key."""
        if not self.draft.source_key:
            raise ValueError("an arrival needs a source key")
        return self.draft.source, self.draft.source_key


@dataclass
class Report:
    """What an import did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    ignored_columns: set[str] = field(default_factory=set)

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return self.added + self.changed + self.unchanged + self.refused

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Add the outcomes of a batch."""
        for outcome in outcomes:
            setattr(self, outcome, getattr(self, outcome) + 1)


def run(
    actor: Actor,
    file: BinaryIO,
    *,
    name: str,
    report: Report,
    on_refused: Callable[[int, str], None],
    automatic: bool = False,
) -> None:
    """Store the incidents of a file, a batch per transaction, so that memory stays flat for any size.

    Args:
        file: JSON Lines or CSV, opened for bytes and read once; `name` is its file name.
        report: filled while it goes on, so it is true also when reading ends early.
        automatic: new incidents get the tickets that routing rules create without asking.
        on_refused: called with row number and reason for each row that cannot be used; the others are stored.

    Raises:
        Refused: the file cannot be read (any further); what `report` counts is stored.
    """
    rows = incident_file.rows(file, name=name)
    pending: list[Arrival] = []
    try:
        while batch := list(islice(rows, BATCH)):
            for row in batch:
                report.ignored_columns.update(row.ignored)
                if row.draft is None:
                    report.refused += 1
                    on_refused(row.number, row.reason)
                else:
                    pending.append(Arrival(row.draft, row.given))
            report.count(place_all(actor, pending, automatic=automatic))
            pending = []
    finally:
        rows.close()


def place(actor: Actor, arrival: Arrival, *, automatic: bool = False) -> tuple[Outcome, Incident]:
    """Make the incident, or bring the one of this source and key up to date. Returns what happened and the incident.

    With `automatic` a new one gets the tickets that routing rules create without asking.
    """
    return _place(actor, [arrival], automatic)[0]


def place_all(actor: Actor, arrivals: Sequence[Arrival], *, automatic: bool = False) -> list[Outcome]:
    """The same for many, in one transaction and in order."""
    return [outcome for outcome, _ in _place(actor, arrivals, automatic)]


def _place(actor: Actor, arrivals: Sequence[Arrival], automatic: bool) -> list[tuple[Outcome, Incident]]:
    if not arrivals:
        return []
    for last_try in (False, True):
        try:
            with store.write() as session:
                return _Batch(session, actor, arrivals, automatic=automatic).place()
        except IntegrityError:
            # Somebody else added one of them between our look and our write: the next look sees it.
            if last_try:
                raise
    raise AssertionError("unreachable")


class _Batch:
    """Arrivals being placed in one transaction."""

    def __init__(self, session: Session, actor: Actor, arrivals: Sequence[Arrival], *, automatic: bool) -> None:
        self._automatic = automatic
        self._session = session
        self._actor = actor
        self._arrivals = arrivals
        self._known = self._find()
        self._fresh: dict[Key, Incident] = {}

    def place(self) -> list[tuple[Outcome, Incident]]:
        """Place all of them."""
        placed = [self._one(arrival) for arrival in self._arrivals]
        self._write_fresh()
        return placed

    def _find(self) -> dict[Key, Incident]:
        keys = {arrival.key for arrival in self._arrivals}
        statement = select(Incident).where(tuple_(Incident.source, Incident.source_key).in_(keys)).with_for_update()
        rows = self._session.scalars(statement, execution_options={"populate_existing": True})
        return {(row.source, row.source_key or ""): row for row in rows}

    def _one(self, arrival: Arrival) -> tuple[Outcome, Incident]:
        if arrival.key in self._fresh:
            # A second row about an incident of the same batch: that one needs its number before it can be changed.
            self._write_fresh()
        incident = self._known.get(arrival.key)
        if incident is None:
            incident = incidents.new_row(arrival.draft, created_by_id=self._actor.id)
            self._known[arrival.key] = self._fresh[arrival.key] = incident
            return Outcome.ADDED, incident
        fields = [name for name in FROM_SOURCE if name in arrival.given]
        changed = incidents.apply(self._session, self._actor, incident, arrival.draft, fields)
        return (Outcome.CHANGED if changed else Outcome.UNCHANGED), incident

    def _write_fresh(self) -> None:
        """Write what is new in one go, then its timeline entries and events."""
        self._session.add_all(self._fresh.values())
        self._session.flush()
        for incident in self._fresh.values():
            incidents.tell_created(self._session, self._actor, incident, f"Received from {incident.source}")
        if self._automatic:
            automatic_tickets.arrived(self._session, self._actor, self._fresh.values())
        self._fresh = {}
