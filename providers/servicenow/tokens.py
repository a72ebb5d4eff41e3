"""Access tokens of this process, one per set of credentials, each asked for by one thread at a time.

Source: ServiceNow's OAuth pages. A token lives 1,800 seconds by default; asking again returns the same token with the
seconds it has left, so a fresh answer may be short-lived and must not be taken for a failure. Tokens are kept in
memory only: any process can get its own with the stored credentials.
"""

from __future__ import annotations

import copy
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from providers.errors import AuthenticationFailed, Busy

EARLY_SECONDS = 300.0
MOST_SLOTS = 500
# Keys are hashes of secrets; the salt makes them worthless outside this process.
_SALT = secrets.token_bytes(16)


@dataclass(frozen=True)
class Token:
    """An access token and when to stop using it (on the monotonic clock)."""

    access: str = field(repr=False)
    refresh: str = field(repr=False, default="")
    use_until: float = 0.0

    @classmethod
    def granted(cls, access: str, refresh: str, expires_in: float) -> Token:
        """A token just received: used until 5 minutes before its end, a short-lived one for most of its life."""
        early = EARLY_SECONDS if expires_in >= 2 * EARLY_SECONDS else expires_in * 0.1
        return cls(access, refresh, time.monotonic() + expires_in - early)

    @property
    def good(self) -> bool:
        """Whether it may still be used."""
        return time.monotonic() < self.use_until


@dataclass
class Slot:
    """What this process knows for one set of credentials.

    `account_id` is the sys_id of the user they act as: None until it was asked for, "" when the instance does not tell.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: Token | None = None
    refusals: int = 0
    refusal: AuthenticationFailed | None = None
    account_id: str | None = None

    def get(self, ask: Callable[[], Token], *, patience: float, fresh: bool = False) -> Token:
        """The kept token, else the one `ask` brings; whoever waits meanwhile takes what the first one got.

        A refusal counts for the waiting ones too: five wrong passwords would lock the account.

        Args:
            ask: makes the call; raises ProviderError.
            patience: seconds to wait for another thread's call.
            fresh: do not trust the kept token.

        Raises:
            Busy: another thread's call took longer than `patience`.
        """
        kept, refusals = self.token, self.refusals
        if kept is not None and kept.good and not fresh:
            return kept
        if not self.lock.acquire(timeout=patience):
            raise Busy("Another sign-in to ServiceNow with these credentials is still under way.")
        try:
            newer = self.token
            if newer is not None and newer.good and newer is not kept:
                return newer
            if self.refusals != refusals and self.refusal is not None:
                raise copy.copy(self.refusal)
            return self._renew(ask)
        finally:
            self.lock.release()

    def _renew(self, ask: Callable[[], Token]) -> Token:
        try:
            self.token = ask()
        except AuthenticationFailed as error:
            self.token = None
            self.refusals += 1
            self.refusal = copy.copy(error)
            raise
        return self.token

    def drop(self, token: Token) -> None:
        """Forget a token that was refused, unless another thread has a newer one already."""
        with self.lock:
            if self.token is token:
                self.token = None


class Slots:
    """All slots of this process, by credentials; the oldest goes when there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[str, Slot] = {}

    def slot(self, parts: Sequence[str]) -> Slot:
        """The slot for these credentials (origin, client, user, secrets)."""
        key = hashlib.sha256(_SALT + json.dumps(list(parts)).encode()).hexdigest()
        with self._lock:
            found = self._slots.pop(key, None) or Slot()
            self._slots[key] = found
            while len(self._slots) > MOST_SLOTS:
                del self._slots[next(iter(self._slots))]
            return found

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._slots.clear()


slots = Slots()
