"""Secrets to plant, the ways a provider may give them back, and the search for every form they can take."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from standins.jira import ADMIN_EMAIL

# Good ones first; each carries characters that some encoding changes.
PLAIN = "ATATT3canary7Gk2plain"
MARKS = "ATATT3/+=canary&amp;%41\"'<b>\\x;~"
BLANKS = "ATATT3 two words \u00a7 canary"
LATIN = "ATATT3-c\u00e4nary-\u00df\u00f8"
WIDE = "ATATT3-canary-\u2713-\u6f22"
LONG = "ATATT3longcanary" + "0123456789abcdef" * 40
CANARIES = (PLAIN, MARKS, BLANKS, LATIN, WIDE, LONG)
ACCEPTED = (PLAIN, MARKS)


@dataclass(frozen=True)
class ConsentSecrets:
    """Everything secret about a connection by consent, before and after its tokens were renewed."""

    client_secret: str = "canary/+=client&amp;%41\"'<b>\\x;~secret"
    code: str = "canary-code/+=&amp;\"'<i>~"
    access: str = "eyJcanary.access-1/+=&amp;\"'<b>~"
    refresh: str = "canary-refresh-1/+=&amp;%42\"'<b>\u00a7~"
    next_access: str = "eyJcanary.access-2/+=&amp;\"'<b>~"
    next_refresh: str = "canary-refresh-2/+=&amp;%42\"'<b>\u2713~"


CONSENT = ConsentSecrets()


def forms_of(secret: str) -> set[str]:
    """Every text a secret may show up as."""
    raw = secret.encode()
    pair = f"{ADMIN_EMAIL}:{secret}".encode()
    quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
    forms = {
        secret,
        *quoted,
        *(each.lower() for each in quoted),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        html.escape(html.escape(secret)),
        str(html.escape(secret)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
        repr(secret)[1:-1],
        raw.hex(),
        raw.hex().upper(),
        raw.hex().swapcase(),
    }
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= {encode(pair).decode().rstrip("="), *(_inner(encode, raw, offset) for offset in range(3))}
    return forms


def _inner(encode: Callable[[bytes], bytes], raw: bytes, offset: int) -> str:
    """The part of a base64 text that depends on the secret alone, when `offset` bytes of a group stand before it."""
    whole = encode(b"\0" * offset + raw + b"\0" * (-(offset + len(raw)) % 3)).decode()
    return whole[(0, 2, 3)[offset] : (offset + len(raw)) * 4 // 3 - 1]


FORMS = sorted({form for secret in CANARIES for form in forms_of(secret)})
CONSENT_FORMS = sorted({form for secret in vars(CONSENT).values() for form in forms_of(secret)})


def hits(out: str, forms: Sequence[str] = FORMS) -> list[str]:
    """What of the canaries is in a text, with a little around it. Plain searches: one big pattern is far slower."""
    places = [(place, len(form)) for form in forms if (place := out.find(form)) >= 0]
    return sorted({out[max(0, place - 80) : place + length + 20] for place, length in places})


def echoes(secret: str) -> dict[str, Any]:
    """Bodies of failures in which a provider gives the secret back."""
    basic = base64.b64encode(f"{ADMIN_EMAIL}:{secret}".encode()).decode()
    said = {"errorMessages": [f"The token {secret} is not known."], "errors": {"summary": f"{secret} and {basic}"}}
    return {
        "as JSON": said,
        "as text": f"Refused: {secret} ({quote(secret, safe='')})",
        "as a page": f"<html><body>{html.escape(secret)} {secret}</body></html>",
        "as a header": {"errorMessages": [f"Authorization: Basic {basic}"], "errors": {}},
        "in odd shapes": {"errorMessages": {secret: [secret]}, "errors": [secret], "message": secret},
    }


def consent_echoes(*secrets: str) -> Iterator[Any]:
    """Bodies in which a vendor's token endpoint, gateway or list of sites gives secrets back."""
    all_of_them = " ".join(secrets)
    bearer = f"Bearer {secrets[-1]}"
    yield {"error": "invalid_grant", "error_description": f"{all_of_them} is not known"}
    yield {"error": all_of_them, "error_description": [*secrets]}
    yield {"code": 401, "message": f"Unauthorized: {bearer}; scope {all_of_them}"}
    yield {"code": {secret: 1 for secret in secrets}, "message": {"said": all_of_them}}
    yield {"errorMessages": [f"Authorization: {bearer}"], "errors": {"summary": all_of_them}}
    yield f"Refused: {all_of_them} ({quote(all_of_them, safe='')})"
    yield f"<html><body>{html.escape(all_of_them)} {all_of_them}</body></html>"
