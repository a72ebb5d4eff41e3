"""What a ticket is to say: asked for, frozen into its row, thawed for the call that creates it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models import IntegrationUser, Ticket
from providers.values import DestinationFieldKind, FieldValue, TicketDraft
from services.runtime import settings


@dataclass(frozen=True)
class Wanted:
    """A ticket as asked for in the dialog or by a program."""

    form_key: str
    connection_id: int
    integration_user_id: int
    summary: str
    description: str
    destination: Mapping[str, str]
    values: Mapping[str, FieldValue]
    assignee_on_create: bool = True


def freeze(wanted: Wanted, person: IntegrationUser) -> dict[str, Any]:
    """What is sent, as the row keeps it."""
    return {
        "summary": wanted.summary,
        "description": wanted.description,
        "destination": dict(wanted.destination),
        "values": {name: {"kind": str(f.kind), "value": f.value} for name, f in wanted.values.items()},
        "assignee_id": person.external_id,
        "assignee_on_create": wanted.assignee_on_create,
    }


def thaw(ticket: Ticket) -> TicketDraft:
    """What a create call needs, from the row."""
    frozen = ticket.draft
    return TicketDraft(
        marker=ticket.marker,
        summary=frozen["summary"],
        description=frozen["description"],
        destination=frozen["destination"],
        values={n: FieldValue(DestinationFieldKind(f["kind"]), f["value"]) for n, f in frozen["values"].items()},
        assignee_id=frozen["assignee_id"],
        assignee_on_create=frozen["assignee_on_create"],
        incident_url=f"{settings().base_url}/incidents/{ticket.incident_id}",
        incident_key=f"INC-{ticket.incident_id}",
    )
