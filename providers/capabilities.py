"""What providers can do beyond being checked: small classes a client inherits from; `provider.can(...)` asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from providers.values import (
    Choice,
    CreatedTicket,
    Delivery,
    DestinationSchema,
    Permission,
    Person,
    Registered,
    TicketDraft,
    TicketStatus,
)

if TYPE_CHECKING:
    from providers.base import ConnectionValues


class CreatesTickets:
    """Capability: opens tickets and finds them again by the marker we put in."""

    quiet_seconds: ClassVar[int]
    empty_looks: ClassVar[int]

    def choices(self, step: str, chosen: Mapping[str, str]) -> Sequence[Choice]:
        """What can be chosen at this step of the destination, given the steps before it."""
        raise NotImplementedError

    def schema(self, destination: Mapping[str, str]) -> DestinationSchema:
        """The fields the destination demands."""
        raise NotImplementedError

    def permissions(self, destination: Mapping[str, str]) -> Sequence[Permission]:
        """What the account may do in this destination. Creates nothing."""
        return ()

    def dry_run(self, draft: TicketDraft) -> bool:
        """Let the provider validate a ticket without creating it. False when it has no way to do so.

        Raises InvalidInput with the provider's reasons.
        """
        return False

    def create_ticket(self, draft: TicketDraft) -> CreatedTicket:
        """Open one ticket with one create call."""
        raise NotImplementedError

    def assign_ticket(self, external_id: str, person_id: str) -> None:
        """Give the ticket to a person."""
        raise NotImplementedError

    def find_by_marker(self, marker: str, destination: Mapping[str, str]) -> Sequence[TicketStatus]:
        """Tickets that carry the marker, oldest first, each proven by its own content."""
        raise NotImplementedError

    def ticket_reference(self, text: str) -> str:
        """The ticket's key or id from what a person pasted (key or link). Raises InvalidInput."""
        raise NotImplementedError


class ReadsStatus:
    """Capability: reads tickets back."""

    batch_size: ClassVar[int] = 100

    def read_ticket(self, reference: str) -> TicketStatus:
        """The ticket now. Raises NotFound when it is gone, NotAllowed when it is known to be out of sight."""
        raise NotImplementedError

    def read_tickets(self, external_ids: Sequence[str]) -> Mapping[str, TicketStatus]:
        """Those of at most `batch_size` tickets that can be seen now, by the id asked for, with one call.

        Missing ones are gone or out of sight: `read_ticket` tells which.
        """
        raise NotImplementedError


class TakesComments:
    """Capability: takes comments on tickets, and finds them again by the marker we put in."""

    def add_comment(self, external_id: str, text: str, marker: str) -> None:
        """Say something in a ticket with one call. The marker stands in the comment's last line."""
        raise NotImplementedError

    def has_comment(self, external_id: str, marker: str) -> bool:
        """Whether the ticket holds a comment with this marker."""
        raise NotImplementedError


class ReceivesWebhooks:
    """Capability: the provider tells us when a ticket changed. What it says is only a hint: the ticket is read back."""

    # What to do at the provider, step by step; {address} and {secret} stand for what is pasted there.
    webhook_steps: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def is_genuine(cls, delivery: Delivery, secrets: Sequence[str], values: ConnectionValues) -> bool:
        """Whether the delivery proves that it knows one of the secrets. Compares in constant time."""
        raise NotImplementedError

    @classmethod
    def touched(cls, delivery: Delivery) -> Sequence[str]:
        """Ids of the tickets it speaks of; empty when it speaks of none. Raises ValueError when it cannot be read."""
        raise NotImplementedError

    @classmethod
    def can_register(cls, auth_method: str) -> bool:
        """Whether we may register the webhook ourselves over a connection made this way."""
        return False

    def register_webhook(self, address: str, secret: str, destinations: Sequence[Mapping[str, str]]) -> Registered:
        """Have the provider call this address about tickets in these destinations."""
        raise NotImplementedError

    def renew_webhook(self, registered: Registered) -> Registered:
        """Keep it for longer, where registrations end by themselves."""
        return registered

    def remove_webhook(self, registered: Registered) -> None:
        """Take it back. One that is gone already is no error."""
        raise NotImplementedError


class FindsPeople:
    """Capability: finds the people of the provider by exact e-mail address."""

    people_batch_size: ClassVar[int] = 50

    def find_people(self, email: str) -> Sequence[Person]:
        """All people whose e-mail address is exactly this one; empty when there are none."""
        raise NotImplementedError

    def read_people(self, external_ids: Sequence[str]) -> Mapping[str, Person]:
        """Those of at most `people_batch_size` people who are still known, by id, with as few calls as the provider
        allows.
        """
        raise NotImplementedError


class TellsExpiry:
    """Capability: knows by itself when the connection's secret ends."""

    def credential_expires_on(self) -> dt.date | None:
        """The day the secret ends; None when the provider does not say."""
        raise NotImplementedError
