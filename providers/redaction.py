"""Takes secrets out of texts that a provider may have echoed."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

import requests

DOTS = "•••"
MESSAGE_LIMIT = 500
# A shorter piece of base64 could match ordinary words.
_SHORTEST_PIECE = 8


class Redactor:
    """Replaces every form of the given secrets by dots: plain, URL-quoted, JSON-escaped, base64 and basic auth."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        # Longest first, so that no short form breaks a longer one apart and leaves its rest readable.
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for form in self._forms:
            text = text.replace(form, DOTS)
        return text

    def shorten(self, text: str) -> str:
        """The text without secrets, on one line and of at most 500 characters."""
        clean = " ".join(self(text).split())
        return clean if len(clean) <= MESSAGE_LIMIT else clean[: MESSAGE_LIMIT - 1] + "…"


def credential_of(request: requests.PreparedRequest) -> str:
    """The credential in the Authorization header, in the form it travels in; "" when there is none."""
    value = request.headers.get("Authorization", "")
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text.partition(" ")[2]


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    # Host names are lower-cased on the way, and texts may arrive escaped for a page or for Python.
    forms = {secret, secret.lower(), json.dumps(secret)[1:-1], html.escape(secret), repr(secret)[1:-1]}
    forms |= {*quoted, *(each.lower() for each in quoted if "%" in each)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        forms |= {whole, whole.rstrip("=")}
        forms |= {piece for offset in range(3) if (piece := _piece(encode(b"\0" * offset + raw).decode(), offset, raw))}
    return forms


def _piece(encoded: str, offset: int, raw: bytes) -> str:
    """The part of a base64 text that depends on the secret alone, wherever it stood ("user:secret"); "" if short."""
    first = (0, 2, 3)[offset]
    piece = encoded[first : (offset + len(raw)) * 8 // 6]
    return piece if len(piece) >= _SHORTEST_PIECE else ""
