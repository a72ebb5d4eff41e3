"""Incidents: made, edited, moved through their states, noted on. Every change leaves a timeline entry and an event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from extensions import db
from models import SEVERITY_RANK, Incident, IncidentStatus, Severity, TimelineEntry
from providers.base import utcnow
from services import events, store, ticket_comments, ticket_rules
from services.actors import Actor, Permission
from services.errors import Missing, Refused

MANUAL = "Manual"
LIMITS = {"title": 300, "source": 100, "source_key": 200, "resource": 300, "url": 1000, "description": 100_000}
NAMES = {"url": "URL", "source_key": "Source key"}
MOST_LABELS = 20
LONGEST_LABEL = 60
LONGEST_NOTE = 10_000
TIMELINE_SHOWN = 30
TIMELINE_MOST = 1_000
LARGEST_ID = 2**31 - 1
EDITABLE = ("title", "description", "severity", "source", "labels")
STATUS_TEXT = {
    IncidentStatus.OPEN: "Reopened",
    IncidentStatus.IN_PROGRESS: "Work started",
    IncidentStatus.RESOLVED: "Resolved",
}


class ChangedMeanwhile(Refused):
    """Somebody saved another edit after this form was opened; nothing was written."""


@dataclass(frozen=True)
class Draft:
    """What an incident says. `cleaned` checks and tidies it."""

    title: str
    description: str = ""
    severity: str = Severity.MEDIUM
    source: str = ""
    labels: Sequence[str] = ()
    resource: str = ""
    url: str = ""
    source_key: str | None = None
    status: str = IncidentStatus.OPEN
    created_at: dt.datetime | None = None


@dataclass(frozen=True)
class Timeline:
    """What happened, newest first; `more` says that older entries are not shown."""

    entries: Sequence[Any]
    more: bool


def get(actor: Actor, incident_id: int) -> Incident:
    """The incident. Raises Missing when it is absent or not for this actor."""
    if not actor.may(Permission.INCIDENT_READ) or not 0 < incident_id <= LARGEST_ID:
        raise Missing(f"Incident {incident_id}")
    return store.get(Incident, incident_id)


def create(actor: Actor, draft: Draft) -> Incident:
    """Make an incident by hand. Returns it. Raises Refused naming the fields that cannot be used."""
    checked = cleaned(draft)
    with store.write() as session:
        incident = new_row(checked, created_by_id=actor.id)
        session.add(incident)
        session.flush()
        tell_created(session, actor, incident, "Incident created")
    return incident


def update(actor: Actor, incident_id: int, draft: Draft, *, version: int) -> Incident:
    """Save an edit made on `version` of the incident: title, description, severity, source and labels.

    Returns the incident as it is now. Raises Missing, Refused for bad fields, ChangedMeanwhile for an old version.
    """
    get(actor, incident_id)
    checked = cleaned(draft)
    with store.write() as session:
        incident = store.locked(session, Incident, incident_id)
        if incident.version != version:
            raise ChangedMeanwhile(
                "Somebody changed this incident while you were editing. Nothing was saved and your text is still here. "
                "Compare it with what is stored now, then press Save changes again to keep yours."
            )
        apply(session, actor, incident, checked, EDITABLE)
    return incident


def change_status(actor: Actor, incident_id: int, status: str) -> Incident:
    """Move the incident to `status`; when it is there already (double click), do nothing. Raises Missing, Refused."""
    get(actor, incident_id)
    if status not in list(IncidentStatus):
        raise Refused("An incident is open, in progress or resolved.")
    with store.write() as session:
        incident = store.locked(session, Incident, incident_id)
        if incident.status == status:
            return incident
        reopened = incident.status == IncidentStatus.RESOLVED
        move(session, actor, incident, status, STATUS_TEXT[IncidentStatus(status)])
        told = ticket_rules.reopened(session, actor, incident) if reopened else ()
    ticket_comments.wake(told)
    return incident


def move(session: Session, actor: Actor, incident: Incident, status: str, text: str) -> None:
    """Move an incident the caller has locked to another status, with `text` in its timeline."""
    before, incident.status, incident.updated_at = incident.status, status, utcnow()
    add_entry(session, actor, incident.id, f"status_{status}", text)
    _record(session, actor, "incident.status_changed", incident, {"from": before, "to": status})


def add_note(actor: Actor, incident_id: int, text: str) -> Incident:
    """Write a note on the timeline. Raises Missing; Refused when it is empty or too long."""
    get(actor, incident_id)
    note = _plain(text)
    if not note:
        raise Refused("The note is empty.", field_errors={"text": "Write what others should know."})
    if len(note) > LONGEST_NOTE:
        raise Refused("The note is too long.", field_errors={"text": f"At most {LONGEST_NOTE:,} characters."})
    with store.write() as session:
        incident = store.locked(session, Incident, incident_id)
        incident.updated_at = utcnow()
        add_entry(session, actor, incident.id, "note", note)
        _record(session, actor, "incident.note_added", incident)
        told = ticket_rules.noted(session, actor, incident, note)
    ticket_comments.wake(told)
    return incident


def timeline(incident_id: int, *, everything: bool = False) -> Timeline:
    """The newest entries as plain rows (id, at, actor, kind, text); `everything` still ends at a thousand."""
    limit = TIMELINE_MOST if everything else TIMELINE_SHOWN
    columns = (TimelineEntry.id, TimelineEntry.at, TimelineEntry.actor, TimelineEntry.kind, TimelineEntry.text)
    statement = select(*columns).where(TimelineEntry.incident_id == incident_id).order_by(TimelineEntry.id.desc())
    rows = list(db.session.execute(statement.limit(limit + 1)))
    return Timeline(rows[:limit], len(rows) > limit)


def add_entry(session: Session, actor: Actor, incident_id: int, kind: str, text: str) -> TimelineEntry:
    """Add a timeline entry within the caller's transaction."""
    entry = TimelineEntry(incident_id=incident_id, at=utcnow(), actor=actor.name[:200], kind=kind, text=text)
    session.add(entry)
    return entry


def tell_created(session: Session, actor: Actor, incident: Incident, text: str) -> None:
    """Add the first timeline entry and the event of a new incident, within the caller's transaction."""
    add_entry(session, actor, incident.id, "created", text)
    _record(session, actor, "incident.created", incident)


def apply(session: Session, actor: Actor, incident: Incident, draft: Draft, fields: Iterable[str]) -> bool:
    """Write the fields that differ, within the caller's transaction. Returns whether anything did."""
    wanted = {name: _stored(draft, name) for name in fields}
    changed = [name for name, value in wanted.items() if getattr(incident, name) != value]
    if not changed:
        return False
    for name in changed:
        setattr(incident, name, wanted[name])
    incident.severity_rank = SEVERITY_RANK[Severity(incident.severity)]
    incident.version += 1
    incident.updated_at = utcnow()
    add_entry(session, actor, incident.id, "edited", "Changed " + ", ".join(label(name).lower() for name in changed))
    _record(session, actor, "incident.updated", incident, {"changed": changed})
    return True


def new_row(draft: Draft, *, created_by_id: int | None = None) -> Incident:
    """The row of a cleaned draft, not yet added to a session."""
    now = utcnow()
    return Incident(
        **{name: _stored(draft, name) for name in (*EDITABLE, "resource", "url", "source_key", "status")},
        severity_rank=SEVERITY_RANK[Severity(draft.severity)],
        created_by_id=created_by_id,
        created_at=draft.created_at or now,
        updated_at=draft.created_at or now,
        version=1,
        has_ticket=False,
    )


def cleaned(draft: Draft) -> Draft:
    """The draft, tidied. Raises Refused whose `field_errors` name each field that cannot be used."""
    texts = {name: _plain(getattr(draft, name) or "") for name in LIMITS}
    texts["title"] = " ".join(texts["title"].split())
    severity, status = draft.severity.strip().lower(), draft.status.strip().lower().replace(" ", "_")
    labels = tuple(dict.fromkeys(word for word in (" ".join(_plain(each).split()) for each in draft.labels) if word))
    errors = {
        name: f"{label(name)} has more than {limit:,} characters."
        for name, limit in LIMITS.items()
        if len(texts[name]) > limit
    }
    errors.update(_problems(texts, severity, status, labels, draft.created_at))
    if errors:
        raise Refused(" ".join(errors.values()), field_errors=errors)
    return Draft(
        title=texts["title"],
        description=texts["description"],
        severity=severity,
        source=texts["source"] or MANUAL,
        labels=labels,
        resource=texts["resource"],
        url=texts["url"],
        source_key=texts["source_key"] or None,
        status=status,
        created_at=draft.created_at,
    )


def label(name: str) -> str:
    """What people call a field."""
    return NAMES.get(name, name.capitalize())


def _problems(
    texts: dict[str, str], severity: str, status: str, labels: Sequence[str], created_at: dt.datetime | None
) -> dict[str, str]:
    checks = (
        ("title", not texts["title"], "Title is missing."),
        ("severity", severity not in list(Severity), "Severity must be Critical, High, Medium or Low."),
        ("status", status not in list(IncidentStatus), "Status must be open, in progress or resolved."),
        ("labels", len(labels) > MOST_LABELS, f"At most {MOST_LABELS} labels."),
        (
            "labels",
            any(len(each) > LONGEST_LABEL for each in labels),
            f"A label has at most {LONGEST_LABEL} characters.",
        ),
        # Anything else (javascript:, file:) would become a link on the page.
        ("url", not _linkable(texts["url"]), "URL must begin with https:// or http://."),
        ("created_at", created_at is not None and created_at > utcnow(), "The time lies in the future."),
    )
    return {name: sentence for name, wrong, sentence in checks if wrong}


def _linkable(url: str) -> bool:
    return not url or url.lower().startswith(("http://", "https://"))


def _stored(draft: Draft, name: str) -> Any:
    value = getattr(draft, name)
    return list(value) if name == "labels" else value


def _plain(text: str) -> str:
    """Text without what a database or a page cannot hold: NUL, half characters, other line ends."""
    whole = text.encode("utf-8", "replace").decode()
    return whole.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n").strip()


def _record(
    session: Session, actor: Actor, action: str, incident: Incident, details: dict[str, Any] | None = None
) -> None:
    target = f"{incident.key} {incident.title}"
    events.record(session, actor, action, kind="incident", target_id=incident.id, target=target, details=details)
