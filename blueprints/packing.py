"""Packs pages before they are sent.

A page holds form tokens beside text that others wrote, so its packed length must not tell what is in it (BREACH):
each answer gets a random number of bytes in the gzip header, as Django does.
"""

from __future__ import annotations

import gzip
import io
import secrets

from flask import Flask, Response, request

SMALLEST = 1000
LEVEL = 5
MOST_RANDOM_BYTES = 100
TYPES = ("text/html", "application/json", "application/problem+json")


def register(app: Flask) -> None:
    """Attach the hook."""
    app.after_request(_pack)


def _pack(response: Response) -> Response:
    if response.mimetype not in TYPES or response.direct_passthrough or response.is_streamed:
        return response
    response.vary.add("Accept-Encoding")
    body = response.get_data()
    if len(body) < SMALLEST or "gzip" not in request.headers.get("Accept-Encoding", ""):
        return response
    packed = io.BytesIO()
    noise = "a" * (1 + secrets.randbelow(MOST_RANDOM_BYTES))
    with gzip.GzipFile(filename=noise, mode="wb", compresslevel=LEVEL, fileobj=packed, mtime=0) as file:
        file.write(body)
    response.set_data(packed.getvalue())
    response.headers["Content-Encoding"] = "gzip"
    return response
