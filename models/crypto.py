"""Sealing of credentials: the only file that sees both key and plaintext.

Each stored value has its own random data key (AES-256-GCM); the data key is wrapped by the newest key of the key
ring. Both layers authenticate the value's context, so a sealed value moved to another row, field, version or origin
does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = 1
KEY_BYTES = 32
NONCE_BYTES = 12  # the size AES-GCM is specified for; each nonce is used with one fresh key only
Sealed = dict[str, Any]


class CannotOpen(Exception):
    """A sealed value does not open: its key is missing, or it does not belong where it stands."""


class KeyringError(Exception):
    """The key ring file is missing, unreadable or damaged; the message says which and what to do."""


@dataclass(frozen=True)
class Context:
    """Where a sealed value belongs. Any difference makes it unreadable."""

    table: str
    row: str
    field: str
    version: int
    origin: str

    def authenticated(self) -> bytes:
        """The bytes bound to both layers; the separator cannot occur in any part."""
        parts = (str(FORMAT), self.table, self.row, self.field, str(self.version), self.origin)
        return "\x1f".join(parts).encode()


@dataclass(frozen=True)
class Key:
    """One key of the ring; its id is public."""

    id: str
    value: bytes = field(repr=False)


class Keyring:
    """Keys read from a file, newest first. The newest one seals, the others only open."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)
        self._by_id = {key.id: key for key in keys}

    @property
    def newest(self) -> Key:
        """The key that seals. Raises KeyringError when the ring is empty."""
        if not self.keys:
            raise KeyringError("The key ring holds no key.")
        return self.keys[0]

    def get(self, key_id: str) -> Key:
        """The key with this id. Raises CannotOpen when the ring does not hold it."""
        try:
            return self._by_id[key_id]
        except KeyError:
            raise CannotOpen(f"Key {key_id} is not in the key ring.") from None

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._by_id


_ring = Keyring(())


def use(ring: Keyring) -> None:
    """Make this the process's key ring."""
    global _ring
    _ring = ring


def current() -> Keyring:
    """The process's key ring."""
    return _ring


def key_id(value: bytes) -> str:
    """Public id of a key: the first bytes of its SHA-256."""
    return hashlib.sha256(value).hexdigest()[:12]


def new_key_line() -> str:
    """A fresh random key as a line of the key ring file."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def load(path: Path) -> Keyring:
    """Read a key ring file: one base64 key of 32 bytes per line, newest first; # begins a comment.

    Raises KeyringError naming the file and line.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringError(f"The key ring {path} cannot be read ({error.__class__.__name__}).") from error
    keys = []
    for number, line in enumerate(lines, start=1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        try:
            value = base64.b64decode(text, validate=True)
        except binascii.Error:
            value = b""
        if len(value) != KEY_BYTES:
            raise KeyringError(f"Line {number} of the key ring {path} is not a key (base64 of 32 bytes).")
        keys.append(Key(key_id(value), value))
    if not keys:
        raise KeyringError(f"The key ring {path} holds no key.")
    return Keyring(keys)


def write_new_file(path: Path, content: str) -> bool:
    """Write a secret file with mode 0600 unless it exists. Returns whether it was made.

    Several processes may start at once: the file appears whole or not at all, and the first one wins.
    """
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, path)
    except FileExistsError:
        return False
    finally:
        scratch.unlink()
    return True


def replace_file(path: Path, content: str) -> None:
    """Replace a secret file in one step; a crash leaves the old or the new one, never half of it."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def seal(plaintext: str, context: Context) -> Sealed:
    """Seal a value for its place. Returns a JSON-ready record without any plaintext."""
    data_key = AESGCM.generate_key(bit_length=256)
    nonce = secrets.token_bytes(NONCE_BYTES)
    bound = context.authenticated()
    ciphertext = AESGCM(data_key).encrypt(nonce, plaintext.encode(), bound)
    return {"format": FORMAT, **_wrap(data_key, bound), "nonce": _text(nonce), "ciphertext": _text(ciphertext)}


def unseal(sealed: Mapping[str, Any], context: Context) -> str:
    """The plaintext of a sealed value. Raises CannotOpen, with the same words whatever was wrong with the value."""
    bound = context.authenticated()
    data_key = _unwrap(sealed, bound)
    try:
        plain = AESGCM(data_key).decrypt(_bytes(sealed["nonce"]), _bytes(sealed["ciphertext"]), bound)
    except (InvalidTag, KeyError, ValueError):
        raise CannotOpen("A stored credential does not belong where it stands.") from None
    return plain.decode()


def rewrap(sealed: Mapping[str, Any], context: Context) -> Sealed:
    """The same sealed value with its data key wrapped by the newest key. Raises CannotOpen."""
    bound = context.authenticated()
    return {**sealed, **_wrap(_unwrap(sealed, bound), bound)}


def _wrap(data_key: bytes, bound: bytes) -> dict[str, str]:
    newest = current().newest
    nonce = secrets.token_bytes(NONCE_BYTES)
    wrapped = AESGCM(newest.value).encrypt(nonce, data_key, bound)
    return {"key": newest.id, "wrap_nonce": _text(nonce), "wrapped": _text(wrapped)}


def _unwrap(sealed: Mapping[str, Any], bound: bytes) -> bytes:
    try:
        if sealed["format"] != FORMAT:
            raise CannotOpen("A stored credential has an unknown format.")
        wrapping = current().get(str(sealed["key"]))
        return AESGCM(wrapping.value).decrypt(_bytes(sealed["wrap_nonce"]), _bytes(sealed["wrapped"]), bound)
    except (InvalidTag, KeyError, ValueError, TypeError):
        raise CannotOpen("A stored credential does not belong where it stands.") from None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: Any) -> bytes:
    return base64.b64decode(str(text), validate=True)
