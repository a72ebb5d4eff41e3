"""Holding real exchanges against the vendors' own API descriptions.

The descriptions are data beside the repository (`PATCHPANEL_SPECS`, else `../shared/specs`), no part of the product.
Where they are absent, tests that need them skip and say so.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.responses.exceptions import ResponseNotFound
from werkzeug.datastructures import Headers, ImmutableMultiDict

JIRA = "jira-cloud-v3"
SPECS = Path(os.environ.get("PATCHPANEL_SPECS") or Path(__file__).resolve().parents[2] / "shared" / "specs")
HOST = "http://described.invalid"  # stands for the vendor's host in every description


class Mismatch(AssertionError):
    """A request or an answer is not what the vendor describes."""


class NotDescribed(Mismatch):
    """The vendor's description does not have this route or verb at all."""


@dataclass
class _Request:
    """A sent request in the form openapi-core reads."""

    method: str
    path: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None
    host_url: str = HOST


@dataclass
class _Response:
    """A received answer in the form openapi-core reads."""

    status_code: int
    content_type: str
    data: bytes | None
    headers: Headers = field(default_factory=Headers)


def require_specs() -> None:
    """Skip the calling test when the descriptions are not on this machine."""
    if not (SPECS / f"{JIRA}.json").is_file():
        pytest.skip(f"vendor API descriptions are absent ({SPECS}); set PATCHPANEL_SPECS to their folder")


def _is_moment(value: Any) -> bool:
    """Dates as RFC 3339 writes them, and as Jira does (zone without colon): it does not follow its own description."""
    if not isinstance(value, str):
        return True
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _prepare(data: dict[str, Any]) -> None:
    """Take out what cannot be compared: JSON bodies declared for 204 (HTTP allows none there), and the ways to sign in
    (openapi-core knows no OAuth; Jira lets anonymous callers in everywhere, so there is nothing to find)."""
    data.pop("security", None)
    for path in data["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation.pop("security", None)
                operation["responses"].get("204", {}).pop("content", None)


@functools.cache
def load(spec: str) -> OpenAPI:
    """A description by file name without ending, with every vendor host replaced by `HOST`. Read once per process."""
    data = json.loads((SPECS / f"{spec}.json").read_text(encoding="utf-8"))
    data["servers"] = [{"url": HOST}]
    _prepare(data)
    # The descriptions are checked where they are made; checking them again would cost seconds in each test run.
    config = Config(
        spec_validator_cls=None,
        extra_format_validators={"date-time": _is_moment},
        extra_media_type_deserializers={"application/json-patch+json": json.loads},
    )
    return OpenAPI.from_dict(data, config=config)


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes | str | None) -> _Request:
    parts = urlsplit(url)
    raw = body.encode() if isinstance(body, str) else body
    query = ImmutableMultiDict(parse_qsl(parts.query, keep_blank_values=True))
    parameters = RequestParameters(query=query, header=Headers(dict(headers)))
    content_type = Headers(dict(headers)).get("Content-Type", "").lower()
    return _Request(method.lower(), parts.path, parameters, content_type, raw or None)


def _response(status: int, headers: Mapping[str, str], body: bytes | str | None) -> _Response:
    raw = body.encode() if isinstance(body, str) else body
    known = Headers(dict(headers))
    return _Response(status, known.get("Content-Type", "").lower(), raw or None, known)


def _reasons(error: BaseException) -> str:
    """The chain of causes with the schema errors at its end."""
    texts: list[str] = []
    current: BaseException | None = error
    while current is not None:
        texts.append(str(current))
        texts.extend(str(detail.message) for detail in getattr(current, "schema_errors", ()) or ())
        current = current.__cause__
    return "; ".join(dict.fromkeys(texts))


def check_exchange(
    spec: str,
    method: str,
    url: str,
    request_headers: Mapping[str, str],
    request_body: bytes | str | None,
    response_status: int,
    response_headers: Mapping[str, str],
    response_body: bytes | str | None,
) -> None:
    """Compare one exchange with the vendor's description.

    Host and port of `url` do not matter. An error status (400 and above) the vendor does not list has nothing to be
    compared with and passes; an unlisted success does not. Refused requests may be wrong on purpose: for a 400 or 415
    only the answer is judged. Raises Mismatch with the reasons, NotDescribed when there is nothing to compare with.
    """
    openapi = load(spec)
    sent = _request(method, url, request_headers, request_body)
    got = _response(response_status, response_headers, response_body)
    try:
        if response_status not in (400, 415):
            openapi.validate_request(sent)
        openapi.validate_response(sent, got)
    except ResponseNotFound as error:
        if response_status < 400:
            raise Mismatch(f"{method} {url} → {response_status}: {_reasons(error)}") from error
    except PathError as error:
        raise NotDescribed(f"{method} {url}: {error}") from error
    except OpenAPIError as error:
        raise Mismatch(f"{method} {url} → {response_status}: {_reasons(error)}") from error
