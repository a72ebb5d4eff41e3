"""Security headers, request ids and the access log line of every answer."""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Flask, Response, abort, g, request

from services.runtime import settings

log = logging.getLogger("patchpanel.requests")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SAFE = {"GET", "HEAD", "OPTIONS"}
_GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def register(app: Flask) -> None:
    """Attach the hooks."""
    app.before_request(_begin)
    app.before_request(_same_site)
    app.after_request(_finish)


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    trusted = settings().trusted_proxies > 0 and _GIVEN_ID.fullmatch(given)
    g.request_id = given if trusted else secrets.token_hex(8)
    g.started = time.perf_counter()


def _same_site() -> None:
    """Refuse changes that another site's page sends; the form token is checked besides (Fetch metadata, then
    Origin).
    """
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            abort(403)
        return
    origin = request.headers.get("Origin")
    if origin and origin not in (settings().base_url, request.host_url.rstrip("/")):
        abort(403)


def _finish(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if settings().secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Request-Id"] = g.get("request_id", "")
    duration = time.perf_counter() - g.get("started", time.perf_counter())
    if not request.path.startswith("/static/"):
        log.info(
            "request",
            extra={
                "method": request.method,
                "path": _path(),
                "status": response.status_code,
                "ms": round(duration * 1000, 1),
            },
        )
    return response


def _path() -> str:
    """The path for the log; one-time tokens are not part of it."""
    token = (request.view_args or {}).get("token")
    return request.path.replace(token, "<token>") if token else request.path
