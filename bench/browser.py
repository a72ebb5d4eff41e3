"""A client as plain as can be: one keep-alive connection, cookies, forms. It runs apart from every server."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode, urlsplit

FRESH_SECONDS = 10.0  # the server closes a connection that was idle for longer than this or so
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """Status, body and what came over the wire (header lines counted as HTTP/1.1 sends them)."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage
    head_bytes: int

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class Unexpected(RuntimeError):
    """A server answered something a benchmark cannot go on with."""


class Browser:
    """One client of one server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._cookies: dict[str, str] = {}
        self._used = 0.0

    @property
    def cookies(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def twin(self) -> Browser:
        """The same signed-in person on a connection of its own."""
        other = Browser(self.url)
        other._cookies = dict(self._cookies)
        return other

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request. Raises OSError or http.client.HTTPException when the server does not answer."""
        if time.monotonic() - self._used > FRESH_SECONDS:
            self._connection.close()  # the request opens it again
        sent = dict(headers or {})
        if self._cookies:
            sent["Cookie"] = self.cookies
        self._connection.request(method, path, body, sent)
        response = self._connection.getresponse()
        content = response.read()
        self._used = time.monotonic()
        for line in response.headers.get_all("Set-Cookie") or ():
            name, _, value = line.split(";", 1)[0].partition("=")
            self._cookies[name] = value
        head = sum(len(name) + len(value) + 4 for name, value in response.headers.items()) + len("HTTP/1.1 200 OK") + 4
        return Answer(response.status, content, response.headers, head)

    def page(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """A page that must be there. Raises Unexpected for any status but 200."""
        answer = self.send("GET", path, headers=headers)
        if answer.status != 200:
            raise Unexpected(f"GET {path} answered {answer.status}: {answer.text[:300]}")
        return answer

    def post_form(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """Post a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, urlencode(fields).encode(), {**kind, **(headers or {})})

    def sign_in(self, email: str, password: str) -> None:
        """Sign in through the page. Raises Unexpected when that fails."""
        fields = {"email": email, "password": password, "csrf_token": token_of(self.page("/sign-in"))}
        answer = self.post_form("/sign-in", fields)
        if answer.status != 303:
            raise Unexpected(f"signing in answered {answer.status}: {answer.text[:300]}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def token_of(page: Answer) -> str:
    """The form token on a page. Raises Unexpected when there is none."""
    found = TOKEN.search(page.text)
    if found is None:
        raise Unexpected("no form token on the page")
    return unescape(found[1])
