"""What the browser tests share: a watched browser, a recording server, and the steps people take."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, WebError, expect

from extensions import db
from services import store

# The browser itself notes every refused form; that is the status we chose.
OWN_NOTE = re.compile(r"Failed to load resource: the server responded with a status of 422 ")
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  window.tellViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
INTEGRATIONS = "/settings/organization/integrations"
PEOPLE = "/setup/integration-users"


def origin(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Watch:
    """Notes every console line, page error, refused content and request that our pages must not cause."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.complaints: list[str] = []
        self._elsewhere: set[str] = set()
        self._expected: list[str] = []

    def allow(self, url: str) -> None:
        """A person may follow a link to this site; what it does there is its own affair."""
        self._elsewhere.add(origin(url))

    def expect(self, text: str) -> None:
        """This test provokes a console line that contains the text."""
        self._expected.append(text)

    def over(self, context: BrowserContext) -> None:
        """Watch this browser."""
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)
        context.expose_binding("tellViolation", lambda _, text: self.complaints.append(f"policy: {text}"))
        context.add_init_script(TELL_VIOLATIONS)

    def _console(self, message: ConsoleMessage) -> None:
        page = message.page.url if message.page else ""
        if message.type not in ("error", "warning") or origin(page) in self._elsewhere:
            return
        if not OWN_NOTE.match(message.text) and not any(text in message.text for text in self._expected):
            self.complaints.append(f"{page}: {message.type} {message.text}")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"page error: {error.error}")

    def _request(self, request: Request) -> None:
        target = origin(request.url)
        if target == self.address or (request.is_navigation_request() and target in self._elsewhere):
            return
        if origin(request.frame.url) not in self._elsewhere:
            self.complaints.append(f"request to {request.url}")


@dataclass
class Guest:
    """A browser of its own with as many tabs as wanted."""

    context: BrowserContext

    def open(self, path: str) -> Page:
        """A new tab on this path."""
        page = self.context.new_page()
        page.goto(path)
        return page


@dataclass
class Recorder:
    """A WSGI application that keeps every answer it passes on (address, headers, body)."""

    app: Callable[..., Iterable[bytes]]
    answers: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        head: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            head.extend([status, *headers])
            return start_response(status, headers, *rest)

        answer = self.app(environ, start)
        try:
            parts = list(answer)
        finally:
            getattr(answer, "close", lambda: None)()
        if not environ["PATH_INFO"].startswith("/static/"):
            body = b"".join(parts)
            if ("Content-Encoding", "gzip") in head:
                body = gzip.decompress(body)
            text = body.decode(errors="replace")
            self.answers.append((environ["PATH_INFO"], f"{head}\n{text}"))
        return parts


# ---- steps; each takes the page and leaves it where the sentence ends ----


def dialog(page: Page, name: str | None = None) -> Locator:
    """The open dialog."""
    return page.get_by_role("dialog", name=name) if name else page.get_by_role("dialog")


def field_of(place: Page | Locator, label: str) -> Locator:
    """The field with exactly this label."""
    return place.get_by_label(label, exact=True)


def press(place: Page | Locator, name: str) -> None:
    """Press the button with exactly this name."""
    place.get_by_role("button", name=name, exact=True).click()


def follow(place: Page | Locator, name: str) -> None:
    """Follow the link with exactly this name."""
    place.get_by_role("link", name=name, exact=True).click()


def status(page: Page, text: str) -> None:
    """Wait until the page says this as a success."""
    expect(page.locator("#alerts").get_by_role("status").filter(has_text=text)).to_be_visible()


def chosen(select: Locator) -> str:
    """The words of the chosen option."""
    words: str = select.evaluate("(select) => select.selectedOptions[0]?.textContent.trim() || ''")
    return words


def count_of(model: Any) -> int:
    """How many rows there are now."""
    number = db.session.query(model).count()
    store.release()
    return int(number)


def ticket_link(page: Page) -> Locator:
    """The key of the ticket as a link."""
    return page.locator("#incident-tickets article strong a")


def ticket_fields(page: Page, issue_type: str) -> Locator:
    """Open the ticket dialog and choose where the ticket goes, up to its own fields. Returns the dialog."""
    follow(page.locator("#incident-tickets"), "Create Ticket")
    box = dialog(page, "Create Ticket")
    field_of(box, "Project").select_option(label="Operations (OPS)")
    kind = field_of(box, "Issue type")
    expect(kind).to_be_visible()
    kind.select_option(label=issue_type)
    expect(box.get_by_role("button", name="Create Ticket", exact=True)).to_be_visible()
    return box
