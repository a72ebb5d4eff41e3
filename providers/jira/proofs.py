"""How a delivery shows that it comes from Jira: a signature over its body, or a token of the OAuth app.

Sources: Atlassian's page “Webhooks” (admin webhooks: `X-Hub-Signature: sha256=…` over the raw body; webhooks of OAuth
apps: a bearer token, a JWT signed with HS256 and the app's client secret). Which claims the token holds is documented
nowhere, so its signature and its end are judged and nothing else. The token says nothing of the body: whoever sees one
could send it with another body until it ends, and that is why what a delivery says is only a hint.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

# Clocks may differ by so many seconds.
LEEWAY_SECONDS = 60
# What is shorter (NIST SP 800-131A: 112 bits) could be guessed, so nothing signed with it proves anything.
SHORTEST_KEY_BYTES = 14
_METHOD = "sha256="
_LIFETIME = jwt.JWTClaimsRegistry(leeway=LEEWAY_SECONDS, exp={"essential": True})


def signed(header: str, body: bytes, secrets: Sequence[str]) -> bool:
    """Whether `X-Hub-Signature` is the signature of the raw body with one of the secrets."""
    given = header.encode(errors="replace")
    # Every secret is tried to the end, so that the time taken does not tell which one fitted.
    fits = [hmac.compare_digest(_signature(body, secret), given) for secret in secrets if secret]
    return any(fits)


def _signature(body: bytes, secret: str) -> bytes:
    return (_METHOD + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()).encode()


def vouched(header: str, client_secret: str) -> bool:
    """Whether `Authorization` holds a token signed with the client secret that has not ended yet.

    The algorithm is ours to choose, not the token's: anything but HS256 is refused. A token that never ends is too.
    """
    scheme, _, token = header.partition(" ")
    secret = client_secret.encode()
    if scheme.lower() != "bearer" or len(secret) < SHORTEST_KEY_BYTES:
        return False
    try:
        claims = jwt.decode(token, OctKey.import_key(secret), algorithms=["HS256"]).claims
        _LIFETIME.validate({name: claims[name] for name in ("exp", "nbf") if name in claims})
    except (JoseError, ValueError, TypeError, RecursionError):
        return False
    return True
