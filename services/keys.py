"""Key files: the signing key of cookies, and the key ring that seals credentials: list, verify, rotate, retire."""

from __future__ import annotations

import base64
import fcntl
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from config import SettingsError
from extensions import db
from models import Connection, Webhook, crypto
from services import events, store
from services.actors import Actor
from services.errors import Refused
from services.watched_ring import WatchedRing

log = logging.getLogger("patchpanel.keys")

HEADER = "# Key ring of Patchpanel, newest key first. Keep a copy apart from the database backups.\n"
# The tables that hold sealed credentials. (Those of consents under way end with them, after minutes.)
SEALED: tuple[Any, ...] = (Connection, Webhook)
BATCH = 20  # rows per transaction while re-wrapping: others never wait long


@dataclass(frozen=True)
class KeyState:
    """One key as lists show it. `present` is False when credentials need a key the ring does not hold."""

    id: str
    newest: bool
    present: bool
    credentials: int


@dataclass(frozen=True)
class Verified:
    """What opening one stored credential showed; `problem` is empty when it opens."""

    connection_id: int
    connection: str
    field: str
    key_id: str
    problem: str


@dataclass
class Rotation:
    """How a rotation went. Credentials that did not open are left exactly as they were."""

    key_id: str
    rewrapped: int = 0
    left: list[Verified] = field(default_factory=list)


def secret_key(path: Path) -> str:
    """The signing key, made on first use.

    Raises:
        SettingsError: the file cannot be made or read, or holds too little.
    """
    try:
        crypto.write_new_file(path, f"{crypto.new_key_line()}\n")
        value = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"PATCHPANEL_SECRET_KEY_FILE: {path} cannot be used ({error.__class__.__name__})."
        ) from error
    if len(value) < 32:
        raise SettingsError(f"PATCHPANEL_SECRET_KEY_FILE: {path} holds less than 32 characters.")
    return value


def load_ring(path: Path) -> None:
    """Use the key ring of this file, made on first start. `problem` tells what is wrong; nothing is repaired."""
    try:
        made = crypto.write_new_file(path, f"{HEADER}{crypto.new_key_line()}\n")
    except OSError as error:
        made = False
        log.error("key ring cannot be made", extra={"reason": error.__class__.__name__})
    if made:
        log.warning("new key ring made", extra={"file": str(path)})
    crypto.use(WatchedRing(path))


def _ring() -> WatchedRing:
    ring = crypto.current()
    if not isinstance(ring, WatchedRing):
        raise Refused("No key ring was loaded.")
    ring.refresh()
    return ring


def problem() -> str:
    """What is wrong with the key ring file now, as a sentence; empty when it is in order."""
    return _ring().problem


def open_to_others() -> bool:
    """Whether other accounts of the machine may read the key ring file."""
    try:
        return bool(_ring().path.stat().st_mode & 0o077)
    except OSError:
        return False


def listed() -> Sequence[KeyState]:
    """Every key of the ring, newest first, then keys that are needed but missing."""
    ring = _ring()
    used = _used(db.session())
    present = [KeyState(key.id, number == 0, True, used[key.id]) for number, key in enumerate(ring.keys)]
    missing = sorted(set(used) - {key.id for key in ring.keys})
    return [*present, *(KeyState(key_id, False, False, used[key_id]) for key_id in missing)]


def _used(session: Session) -> Counter[str]:
    """How many stored credentials each key wraps."""
    used: Counter[str] = Counter()
    for model in SEALED:
        for credentials in session.execute(select(model.credentials)).scalars():
            used.update(str(sealed.get("key", "")) for sealed in credentials.values())
    return used


def verify() -> Sequence[Verified]:
    """Open every stored credential and say of each whether it did. No secret leaves this function."""
    _ring()
    found: list[Verified] = []
    for model in SEALED:
        query = select(model).order_by(_number(model)).execution_options(populate_existing=True)
        found.extend(result for row in db.session.execute(query).scalars() for result in _verify(row))
    return found


def _number(model: Any) -> Any:
    """The column that numbers the rows of a table."""
    return inspect(model).primary_key[0]


def _verify(row: Any) -> Iterator[Verified]:
    for name, sealed in row.credentials.items():
        trouble = ""
        try:
            crypto.unseal(sealed, row.context(name))
        except crypto.CannotOpen as error:
            trouble = str(error)
        yield _result(row, name, trouble)


def _result(row: Any, name: str, trouble: str) -> Verified:
    key_id = str(row.credentials[name].get("key", ""))
    if isinstance(row, Webhook):
        return Verified(row.connection_id, f"webhook of connection {row.connection_id}", name, key_id, trouble)
    return Verified(row.id, row.description or row.slug, name, key_id, trouble)


def rotate(actor: Actor, *, resume: bool = False) -> Rotation:
    """Put a new key first in the ring and wrap every credential with it, while everything keeps running.

    The old keys stay in the file until they are retired. May be interrupted at any moment and run again.

    Args:
        resume: make no new key, only finish wrapping with the newest one.

    Raises:
        Refused: the key ring file cannot be used or written.
    """
    ring = _ring()
    if ring.problem:
        raise Refused(ring.problem)
    if not resume:
        line = crypto.new_key_line()
        with _file_lock(ring.path):
            _replace(ring.path, f"{HEADER}{line}\n" + ring.path.read_text(encoding="ascii").removeprefix(HEADER))
        ring.refresh()
        with store.write() as session:
            events.record(session, actor, "keys.rotated", kind="key", target_id=ring.newest.id, target=ring.newest.id)
    return _rewrap_all(actor, Rotation(ring.newest.id))


def _rewrap_all(actor: Actor, rotation: Rotation) -> Rotation:
    for model in SEALED:
        ids = list(db.session.execute(select(_number(model)).order_by(_number(model))).scalars())
        for start in range(0, len(ids), BATCH):
            with store.write() as session:
                query = select(model).where(_number(model).in_(ids[start : start + BATCH])).with_for_update()
                for row in session.execute(query.execution_options(populate_existing=True)).scalars():
                    _rewrap(row, rotation)
    with store.write() as session:
        details = {"credentials": rotation.rewrapped, "left": len(rotation.left)}
        events.record(
            session,
            actor,
            "keys.rewrapped",
            kind="key",
            target_id=rotation.key_id,
            target=rotation.key_id,
            details=details,
        )
    return rotation


def _rewrap(row: Any, rotation: Rotation) -> None:
    """Wrap the credentials of one locked row anew. One that does not open stays as it is and is reported."""
    sealed = dict(row.credentials)
    for name, value in row.credentials.items():
        if value.get("key") == rotation.key_id:
            continue
        try:
            sealed[name] = crypto.rewrap(value, row.context(name))
        except crypto.CannotOpen as error:
            rotation.left.append(_result(row, name, str(error)))
        else:
            rotation.rewrapped += 1
    if sealed != row.credentials:
        row.credentials = sealed


def retire(actor: Actor, key_id: str) -> None:
    """Take a key out of the ring file for good.

    Raises:
        Refused: it is not in the ring, is the newest one, or credentials still need it.
    """
    ring = _ring()
    with _file_lock(ring.path):
        ring.refresh()
        if ring.problem:
            raise Refused(ring.problem)
        if key_id not in ring:
            raise Refused(f"Key {key_id} is not in the key ring.")
        if ring.newest.id == key_id:
            raise Refused("This is the newest key. Rotate first; then the old one can be retired.")
        with store.write() as session:
            if session.get_bind().dialect.name == "postgresql":
                # Nobody changes credentials between this look and the end (SQLite has one writer anyway).
                session.execute(text("LOCK TABLE connections, webhooks IN SHARE ROW EXCLUSIVE MODE"))
            needed = _used(session)[key_id]
            if needed:
                raise Refused(
                    f"{needed} stored credentials still need key {key_id}. "
                    "Run “keys rotate --resume”, or type those secrets again."
                )
            events.record(session, actor, "keys.retired", kind="key", target_id=key_id, target=key_id)
            session.flush()
            _replace(ring.path, _without(ring.path.read_text(encoding="ascii"), key_id))
        ring.refresh()


def _without(content: str, key_id: str) -> str:
    kept = [line for line in content.splitlines(keepends=True) if not _is_key(line, key_id)]
    return "".join(kept)


def _is_key(line: str, key_id: str) -> bool:
    bare = line.split("#", 1)[0].strip()
    return bool(bare) and crypto.key_id(base64.b64decode(bare)) == key_id


def _replace(path: Path, content: str) -> None:
    try:
        crypto.replace_file(path, content)
    except OSError as error:
        raise Refused(f"The key ring {path} cannot be written ({error.__class__.__name__}).") from error


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """One change of the file at a time, over all processes of this machine."""
    lock = path.with_name(path.name + ".lock")
    try:
        file = lock.open("w")
    except OSError as error:
        raise Refused(f"The folder of the key ring {path} cannot be written ({error.__class__.__name__}).") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
