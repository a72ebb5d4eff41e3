"""Answers that all sandboxes give alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Response

from standins.knobs import CreateFault
from standins.server import dropped

JSON_TYPE = "application/json;charset=UTF-8"
HTML_TYPE = "text/html;charset=UTF-8"


def answer(data: Any, status: int = 200, content_type: str = JSON_TYPE) -> Response:
    """A JSON answer."""
    return Response(json.dumps(data), status=status, content_type=content_type)


def html(title: str, status: int, content_type: str = HTML_TYPE) -> Response:
    """A page as a gateway in front of the vendor makes it."""
    page = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(page, status=status, content_type=content_type)


def parsed(raw: bytes) -> Any:
    """A body as JSON, None when it is none."""
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def unavailable(status: int) -> Response:
    """The page of a gateway that got no answer from the vendor's own machines."""
    return html("Service unavailable", status)


def spoiled(
    fault: CreateFault, unnamed: Callable[[], Response], page: Callable[[int], Response] = unavailable
) -> Response:
    """The answer to a create that worked but must look as if nobody knew.

    Args:
        fault: the harm; drop_after cuts the connection.
        unnamed: makes the answer of no_id, which lacks the name of the thing.
        page: makes the HTML page of fail_after, given its status.
    """
    if fault.kind == "drop_after":
        return dropped()
    return page(fault.status) if fault.kind == "fail_after" else unnamed()
