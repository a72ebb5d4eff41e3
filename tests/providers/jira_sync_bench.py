"""Clients of the sandbox Jira by both ways to sign in, and the comparison of what only the keeping in step calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from providers.addresses import Policy, parse_allow
from providers.base import ConnectionValues
from providers.http import Door
from providers.jira.client import JiraClient
from standins.jira import CLIENT_ID, CLIENT_SECRET, JiraStandin
from standins.jira_oauth import CLOUD_ID
from tests import support_specs
from tests.providers.jira_bench import Bench, compare

API_TOKEN_WAY, OAUTH_WAY = "api_token", "oauth"
WAYS = (API_TOKEN_WAY, OAUTH_WAY)
SCOPES = "read:jira-work write:jira-work read:jira-user manage:jira-webhook offline_access"
CALLBACK = "http://127.0.0.1:9/connect/jira/callback"
SAMPLES = 3  # of a long list; its entries are all made alike, and comparing is slow
_GATEWAY = re.compile(r"/ex/jira/[^/]+")
# The description at hand leaves these two out, so their parts are held against the routes for single things.
BULK_FETCH, BULK_PEOPLE = "/rest/api/3/issue/bulkfetch", "/rest/api/3/user/bulk"


@dataclass
class SyncBench(Bench):
    """A bench that also makes clients whose connection was made by consent."""

    def by(self, way: str) -> JiraClient:
        """A good client by this way to sign in."""
        return self.client() if way == API_TOKEN_WAY else self.app_client()

    def app_client(
        self, scopes: str = SCOPES, told: str | None = None, renew: bool = False, cloud: str = CLOUD_ID
    ) -> JiraClient:
        """A client by consent to these scopes; `told` are those the connection believes to have, if others."""
        tokens = self.tokens(scopes)
        settings = {
            "client_id": CLIENT_ID,
            "auth_url": self.url,
            "api_url": self.url,
            "cloud_id": cloud,
            "site_url": self.url,
            "site_name": "sandbox",
            "scopes": scopes if told is None else told,
        }
        credentials = {"client_secret": CLIENT_SECRET, **tokens}
        again = (lambda: {**credentials, **self.tokens(scopes)}) if renew else None
        client = JiraClient(ConnectionValues(1, OAUTH_WAY, settings, credentials, again), self.door())
        client._session.hooks["response"].append(lambda answer, **_: self.exchanges.append(answer))
        return client

    def tokens(self, scopes: str) -> dict[str, str]:
        """Tokens of a fresh consent."""
        code = self.jira.consent(CLIENT_ID, CALLBACK, scopes.split(), [CLOUD_ID])
        app = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        body = {**app, "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        found = self.jira.trade(body)
        return {name: str(found[name]) for name in ("access_token", "refresh_token") if name in found}

    def calls_since(self, first: int) -> list[str]:
        """The calls from this one on, as verb and path."""
        return [f"{call.method} {call.path.removeprefix('/rest/api/3/')}" for call in self.jira.calls[first:]]

    def door(self) -> Door:
        """An open door to the sandbox."""
        return Door(
            Policy(parse_allow(self.url)),
            recorder=self.ledger,
            deadline=5.0,
            describe=JiraClient.describe,
            label="Jira",
        )


@contextmanager
def opened(sandbox: tuple[JiraStandin, str]) -> Iterator[SyncBench]:
    """A fresh sandbox; afterwards all that was said is compared with the vendor's description, where it is at hand."""
    jira, url = sandbox
    jira.reset()
    found = SyncBench(jira, url)
    yield found
    if (support_specs.SPECS / f"{support_specs.JIRA}.json").is_file():
        for answer in found.exchanges:
            _compare(answer)


def _compare(answer: requests.Response) -> None:
    """Hold an exchange against the description, as if it had been made on the site."""
    sent = answer.request
    path = urlsplit(sent.url or "").path
    if _GATEWAY.match(path) and answer.status_code in (401, 404) and "code" in answer.json():
        return  # the gateway's own refusals, which Jira's description does not have
    sent.url = _GATEWAY.sub("", sent.url or "", count=1)
    path = urlsplit(sent.url).path
    if path == BULK_FETCH:
        _compare_issues(answer)
    elif path == BULK_PEOPLE:
        _compare_people(answer)
    else:
        compare(_with_numbers(answer))


def _compare_issues(answer: requests.Response) -> None:
    """The request as documented, and its first issues as ones that were asked for alone."""
    asked = json.loads(answer.request.body or b"{}")
    assert set(asked) <= {"expand", "fields", "fieldsByKeys", "issueIdsOrKeys", "properties"}
    if answer.status_code != 200:
        return
    assert 1 <= len(asked["issueIdsOrKeys"]) <= 100
    told = answer.json()
    assert set(told) <= {"expand", "issues", "issueErrors"}
    assert [issue["id"] for issue in told["issues"]] == sorted({issue["id"] for issue in told["issues"]}, key=int)
    for issue in told["issues"][:SAMPLES]:
        _as_single(f"/rest/api/3/issue/{issue['id']}", issue)


def _compare_people(answer: requests.Response) -> None:
    """The page as documented, and its first people as ones who were asked for alone."""
    asked = parse_qs(urlsplit(answer.request.url or "").query)
    assert set(asked) <= {"accountId", "startAt", "maxResults"}
    if answer.status_code != 200:
        return
    told = answer.json()
    assert {"isLast", "maxResults", "startAt", "total", "values"} <= set(told)
    for person in told["values"][:SAMPLES]:
        _as_single(f"/rest/api/3/user?accountId={person['accountId']}", person)


def _as_single(path: str, thing: Mapping[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    support_specs.check_exchange(
        support_specs.JIRA, "GET", support_specs.HOST + path, {}, None, 200, headers, json.dumps(thing)
    )


def _with_numbers(answer: requests.Response) -> requests.Response:
    """Dates of webhooks as numbers: the description declares them so, while its examples (and Jira) have text."""
    if answer.content and "/rest/api/3/webhook" in (answer.request.url or ""):
        answer._content = re.sub(rb'("expirationDate": )"[^"]*"', rb"\g<1>1", answer.content)
    return answer
