"""The key ring of a running process, kept in step with its file."""

from __future__ import annotations

import logging
from pathlib import Path

from models import crypto

log = logging.getLogger("patchpanel.keys")


class WatchedRing(crypto.Keyring):
    """The key ring of a file that may change while we run.

    Looks at the file before every seal and whenever a key is missing, so a rotation in another process is seen at once.
    A file that cannot be used never stops the process: the keys already read stay, and `problem` says what is wrong.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(())
        self.path = path
        self.problem = ""
        self._seen: tuple[int, int, int] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read the file again if it changed."""
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen == self._seen:
                return
            loaded = crypto.load(self.path)
        except OSError as error:
            self._report(f"The key ring {self.path} cannot be read ({error.__class__.__name__}).")
            return
        except crypto.KeyringError as error:
            self._report(str(error))
            return
        super().__init__(loaded.keys)
        self.problem, self._seen = "", seen

    def _report(self, problem: str) -> None:
        self._seen = None
        if problem != self.problem:
            log.error("key ring cannot be used", extra={"reason": problem})
        self.problem = problem

    @property
    def newest(self) -> crypto.Key:
        """The key that seals. Raises KeyringError when there is none."""
        self.refresh()
        if not self.keys and self.problem:
            raise crypto.KeyringError(self.problem)
        return super().newest

    def get(self, key_id: str) -> crypto.Key:
        """The key with this id. Raises CannotOpen when the file does not hold it."""
        if key_id not in self:
            self.refresh()
        return super().get(key_id)
