"""Giving consent as a person does: to the stand-in's page and back, redirects followed by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import html5lib
import requests
from werkzeug.test import TestResponse

from standins.jira_oauth import CLIENT_ID, CLIENT_SECRET
from tests.conftest import PatchpanelClient, Site

INSTALL = "/connect/jira/install"
INTEGRATIONS = "/settings/organization/integrations"
APP = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@dataclass
class Vendor:
    """The vendor's pages as the person's browser sees them."""

    site: Site

    @property
    def standin(self) -> Any:
        """The stand-in itself, for its knobs."""
        return self.site.standin

    def decide(self, address: str, decision: str = "accept", sites: list[str] | None = None) -> str:
        """Open the consent page and press a button. Returns the address the browser is sent back to."""
        page = requests.get(address, timeout=5)
        assert page.status_code == 200, page.text
        form = html5lib.parse(page.text, namespaceHTMLElements=False).find(".//form")
        assert form is not None
        fields: list[tuple[str, str]] = [("decision", decision)]
        for field in form.iter("input"):
            if field.get("name") != "site" or sites is None or field.get("value") in sites:
                fields.append((field.get("name") or "", field.get("value") or ""))
        answer = requests.post(f"{self.site.url}/authorize", data=fields, allow_redirects=False, timeout=5)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def sent_to(self, answer: TestResponse) -> str:
        """The vendor's address an answer of ours leads to."""
        location = answer.headers.get("HX-Redirect") or answer.headers.get("Location", "")
        assert location.startswith(f"{self.site.url}/authorize?"), (answer.status_code, location)
        return location

    def install(self, browser: PatchpanelClient, decision: str = "accept", **typed: str) -> TestResponse:
        """The whole way from the dialog to the answer of the call-back."""
        leaving = browser.post_form(INSTALL, {**APP, **typed})
        return browser.get(path_of(self.decide(self.sent_to(leaving), decision)))

    def reconnect(self, browser: PatchpanelClient, connection_id: int) -> TestResponse:
        """Press Reconnect and give the consent."""
        leaving = browser.get(f"/connect/connections/{connection_id}/reconnect")
        return browser.get(path_of(self.decide(self.sent_to(leaving))))


def path_of(address: str) -> str:
    """Path and query of an address."""
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def query_of(address: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def seen(browser: PatchpanelClient, url: str = INTEGRATIONS) -> str:
    """What a person reads on a page."""
    page = browser.get(url, follow_redirects=True).get_data(as_text=True)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
