"""Reading tickets back: calls and seconds per thousand tickets, against the same calls made raw.

`python -m bench.sync JIRA_URL` with ids and keys of issues as JSON on standard input does the measured part in a
process of its own, as a worker would: over the installation of its environment. Prints JSON: seconds of each run.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from typing import Any

from bench.browser import Browser, Unexpected
from bench.figures import Figure
from bench.installations import Bench, prepared
from bench.processes import module, run
from bench.tickets import CREATE, Provider
from standins.jira_people import ADMIN_EMAIL, API_TOKEN

BULK = "/rest/api/3/issue/bulkfetch"
TICKETS = 1_000
AT_ONCE = 100
FIELDS = ["summary", "status", "assignee"]


def read_back(bench: Bench) -> list[Figure]:
    """A thousand tickets that are new to us, then the same again unchanged."""
    environ = prepared(bench.make_url("bench_sync"), bench.folder / f"{bench.database}-sync", bench.jira)
    raw = _Raw(bench.jira.url)
    issues = [raw.create(number) for number in range(TICKETS)]
    provider = Provider(bench.jira.url)
    before = len(provider.calls())
    taken = json.loads(run(module("sync", bench.jira.url), environ, json.dumps(issues)).splitlines()[-1])
    calls = [call for call in provider.calls()[before:] if call["path"] == BULK]
    began = time.perf_counter()
    for start in range(0, TICKETS, AT_ONCE):
        raw.fetch([issue["id"] for issue in issues[start : start + AT_ONCE]])
    plain = time.perf_counter() - began
    name = f"read-back of {TICKETS:,} tickets"
    most = TICKETS / AT_ONCE
    return [
        Figure(f"{name}, provider calls", bench.database, len(calls) / 2, "calls", most=most, exact=True),
        Figure(f"{name}, all changed", bench.database, taken["first"], "s", plain, "raw calls"),
        Figure(f"{name}, nothing changed", bench.database, taken["again"], "s", plain, "raw calls"),
    ]


class _Raw:
    """The sandbox Jira over one kept connection."""

    def __init__(self, url: str) -> None:
        self._browser = Browser(url)
        secret = base64.b64encode(f"{ADMIN_EMAIL}:{API_TOKEN}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}

    def create(self, number: int) -> dict[str, str]:
        """Make an issue; its id and key."""
        fields = {"project": {"key": "OPS"}, "issuetype": {"name": "Task"}, "summary": f"Disk {number} full"}
        made = self._post(CREATE, {"fields": fields}, 201)
        return {"id": made["id"], "key": made["key"]}

    def fetch(self, ids: list[str]) -> None:
        """What the product asks for a batch."""
        self._post(BULK, {"issueIdsOrKeys": ids, "fields": FIELDS}, 200)

    def _post(self, path: str, body: dict[str, Any], status: int) -> Any:
        answer = self._browser.send("POST", path, json.dumps(body).encode(), self._headers)
        if answer.status != status:
            raise Unexpected(f"the sandbox Jira answered {answer.status}: {answer.text[:300]}")
        return json.loads(answer.text)


def main(jira_url: str) -> dict[str, float]:
    """Connect, follow the issues, read them back twice. Returns the seconds of each run."""
    from app import create_app
    from bench.load import connect
    from extensions import db
    from services import ticket_sync
    from services.actors import SYSTEM
    from standins.jira_issues import Issue
    from tests import support_sync

    found = [
        Issue(each["id"], each["key"], "OPS", "10001", {"summary": each["key"]}, None, "")
        for each in json.load(sys.stdin)
    ]
    with create_app().app_context():
        connection = connect(jira_url, 0)
        support_sync.follow(db.engine, connection.id, found)
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            report = ticket_sync.sync_all(SYSTEM)
            seconds.append(time.perf_counter() - began)
            if report.read != len(found):
                raise RuntimeError(f"read {report.read} of {len(found)} tickets")
        return {"first": seconds[0], "again": seconds[1]}


if __name__ == "__main__":
    figures = main(sys.argv[1])
    sys.stdout.write(json.dumps(figures) + "\n")
