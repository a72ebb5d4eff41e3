"""Who may enter the sandbox ServiceNow: API keys, OAuth tokens, passwords and the lock after too many wrong ones."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field

from standins.servicenow_knobs import Knobs
from standins.servicenow_people import API_KEY, CLIENT_ID, CLIENT_SECRET, PASSWORD, USER_NAME

MOST_BAD_PASSWORDS = 5


@dataclass
class Issued:
    """A token pair that was given out for a client and user."""

    access: str
    refresh: str
    user: str
    client: str
    ends: float

    @property
    def seconds_left(self) -> int:
        """Whole seconds until the access token ends."""
        return int(self.ends - time.monotonic())


@dataclass
class Accounts:
    """Keys, clients, passwords and tokens; everything guarded by one lock."""

    lock: threading.RLock
    keys: dict[str, str] = field(default_factory=lambda: {API_KEY: USER_NAME})
    clients: dict[str, str] = field(default_factory=lambda: {CLIENT_ID: CLIENT_SECRET})
    # The user a client acts as with the client credentials grant.
    client_users: dict[str, str] = field(default_factory=lambda: {CLIENT_ID: USER_NAME})
    passwords: dict[str, str] = field(default_factory=lambda: {USER_NAME: PASSWORD})
    inactive: set[str] = field(default_factory=set)
    bad: dict[str, int] = field(default_factory=dict)
    locked_until: dict[str, float] = field(default_factory=dict)
    issued: list[Issued] = field(default_factory=list)
    grants: int = 0
    revoked: list[str] = field(default_factory=list)

    def by_key(self, key: str) -> str:
        """The user of an API key, "" when there is none."""
        return self._usable(self.keys.get(key, ""))

    def by_token(self, access: str) -> str:
        """The user of an access token that still counts, "" otherwise."""
        with self.lock:
            found = next((t for t in self.issued if t.access == access and t.seconds_left >= 0), None)
        return self._usable(found.user if found else "")

    def _usable(self, user: str) -> str:
        return "" if user in self.inactive else user

    def by_password(self, user: str, password: str, knobs: Knobs) -> bool:
        """Whether a password is right; five wrong ones lock the user, and then the right one is refused too."""
        with self.lock:
            if time.monotonic() < self.locked_until.get(user, 0.0):
                return False
            if password and self.passwords.get(user) == password:
                self.bad.pop(user, None)
                return bool(self._usable(user))
            self.bad[user] = self.bad.get(user, 0) + 1
            if self.bad[user] >= MOST_BAD_PASSWORDS:
                self.locked_until[user] = time.monotonic() + knobs.lock_seconds
            return False

    def grant(self, form: dict[str, str], knobs: Knobs) -> Issued | None:
        """Tokens for a request to the token route; None for every wrong value alike."""
        with self.lock:
            self.grants += 1
            client = form.get("client_id", "")
            if not form.get("client_secret") or self.clients.get(client) != form["client_secret"]:
                return None
            user = self._granted_user(client, form, knobs)
            return self._issue(client, user, knobs) if user else None

    def _granted_user(self, client: str, form: dict[str, str], knobs: Knobs) -> str:
        kind = form.get("grant_type", "")
        if kind == "password" and knobs.password_grant:
            user = form.get("username", "")
            return user if self.by_password(user, form.get("password", ""), knobs) else ""
        if kind == "client_credentials" and knobs.client_credentials:
            return self._usable(self.client_users.get(client, ""))
        if kind == "refresh_token":
            return next((t.user for t in self.issued if t.refresh == form.get("refresh_token")), "")
        return ""

    def _issue(self, client: str, user: str, knobs: Knobs) -> Issued:
        """Asking again gives the token that still counts, with the seconds it has left."""
        kept = next((t for t in self.issued if (t.client, t.user) == (client, user) and t.seconds_left > 0), None)
        if kept:
            return kept
        ends = time.monotonic() + knobs.token_seconds
        made = Issued(f"access-{secrets.token_urlsafe(40)}", f"refresh-{secrets.token_urlsafe(40)}", user, client, ends)
        self.issued.append(made)
        return made

    def revoke(self, token: str) -> bool:
        """End the token pair that this access or refresh token belongs to."""
        with self.lock:
            found = [t for t in self.issued if token and token in (t.access, t.refresh)]
            self.issued = [t for t in self.issued if t not in found]
            self.revoked += [token for _ in found]
            return bool(found)

    def revoke_all(self) -> None:
        """End every token, as an administrator may."""
        with self.lock:
            self.issued = []
