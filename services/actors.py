"""Who does something: handed to every service, by pages, API and command line alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models import Role


class Permission(StrEnum):
    """What a signed-in person may do, as `resource:action`, in alphabetical order."""

    ACTIVITY_READ = "activity:read"
    AUDIT_READ = "audit:read"
    CONNECTION_MANAGE = "connection:manage"
    INCIDENT_READ = "incident:read"
    INCIDENT_WRITE = "incident:write"
    INTEGRATION_USER_MANAGE = "integration_user:manage"
    INTEGRATION_USER_READ = "integration_user:read"
    OWN_ACCOUNT = "own_account:manage"
    SYSTEM_READ = "system:read"
    TICKET_WRITE = "ticket:write"
    USER_MANAGE = "user:manage"


_MEMBER = frozenset({Permission.INCIDENT_READ, Permission.OWN_ACCOUNT})
_RESPONDER = _MEMBER | {Permission.INCIDENT_WRITE, Permission.TICKET_WRITE, Permission.INTEGRATION_USER_READ}
PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.MEMBER: _MEMBER,
    Role.RESPONDER: _RESPONDER,
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True)
class Actor:
    """A person or the system itself. `address` and `request_id` go into events and attempts."""

    id: int | None
    name: str
    permissions: frozenset[Permission]
    address: str = ""
    request_id: str = ""

    def may(self, permission: Permission) -> bool:
        """Whether this actor has the permission."""
        return permission in self.permissions


SYSTEM = Actor(id=None, name="Patchpanel", permissions=frozenset(Permission))
COMMAND_LINE = Actor(id=None, name="Command line", permissions=frozenset(Permission))


def permissions_of(role: str) -> frozenset[Permission]:
    """What a role may do; nothing for an unknown one."""
    return PERMISSIONS.get(role, frozenset())
