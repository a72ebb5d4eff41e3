"""Static files from memory: compressed once, with addresses that change with the content."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, abort, request, url_for

from blueprints.access import public

ROOT = Path(__file__).resolve().parent.parent / "static"
COMPRESSIBLE = {".css", ".js", ".svg", ".txt"}
TYPES = {".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

blueprint = Blueprint("static_files", __name__)


@dataclass(frozen=True)
class File:
    """One static file, ready to send."""

    body: bytes
    packed: bytes | None
    content_type: str
    version: str


@lru_cache(maxsize=256)
def _file(name: str) -> File | None:
    path = (ROOT / name).resolve()
    if not path.is_relative_to(ROOT) or not path.is_file():
        return None
    body = path.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if path.suffix in COMPRESSIBLE else None
    guessed = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return File(body, packed, guessed, hashlib.sha256(body).hexdigest()[:12])


def url(name: str) -> str:
    """Address of a static file; it changes when the file does, so browsers may keep it for ever.

    Raises KeyError when there is no such file, so a typing mistake shows in the first test that renders it.
    """
    file = _file(name)
    if file is None:
        raise KeyError(name)
    return url_for("static_files.send", name=name, v=file.version)


@blueprint.get("/static/<path:name>")
@public
def send(name: str) -> Response:
    """The file, packed when the browser takes it."""
    file = _file(name)
    if file is None:
        abort(404)
    packed = file.packed is not None and "gzip" in request.headers.get("Accept-Encoding", "")
    response = Response(file.packed if packed else file.body, content_type=file.content_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    response.set_etag(file.version + ("-gz" if packed else ""))
    forever = request.args.get("v") == file.version
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if forever else "public, max-age=300"
    return response.make_conditional(request)
