"""All tables. Importing this package makes them known to the database extension."""

from models.connections import Connection, ConnectionStatus, IntegrationUser
from models.incidents import (
    OPEN_STATES,
    SEVERITY_RANK,
    Incident,
    IncidentStatus,
    Severity,
    Ticket,
    TicketState,
    TimelineEntry,
)
from models.ledger import Attempt, Event, Lease
from models.oauth import OAuthFlow
from models.people import KnownAddress, OneTimeToken, Role, Session, SignInFailure, User
from models.routing import KeptList, RoutingRule
from models.work import CommentState, Notice, PeriodicRun, TicketComment, Webhook, WorkerProcess

__all__ = [
    "OPEN_STATES",
    "SEVERITY_RANK",
    "Attempt",
    "CommentState",
    "Connection",
    "ConnectionStatus",
    "Event",
    "Incident",
    "IncidentStatus",
    "IntegrationUser",
    "KeptList",
    "KnownAddress",
    "Lease",
    "Notice",
    "OAuthFlow",
    "OneTimeToken",
    "PeriodicRun",
    "Role",
    "RoutingRule",
    "Session",
    "Severity",
    "SignInFailure",
    "Ticket",
    "TicketComment",
    "TicketState",
    "TimelineEntry",
    "User",
    "Webhook",
    "WorkerProcess",
]
