"""Generated rows: believable, the same in every run, made one at a time so that memory stays flat."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

from models import SEVERITY_RANK, Severity

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SEED = 20260101
# Frequent ones occur in two rows of three: also the smallest table fills a page with them.
RARE, ABSENT, FREQUENT, PHRASE = "quokka", "xylofrost", "timeout", '"until the connection pool is exhausted"'
# Every three letters of it occur in many rows, the word in none: a trigram index cannot say no at once.
ABSENT_HARD = "dataserver"
SYSTEMS = ("checkout", "billing", "search", "ledger", "mail relay", "identity", "reporting", "inventory", "web front")
HOSTS = ("db", "app", "cache", "queue", "edge", "worker")
SITES = ("Frankfurt", "Dublin", "Mumbai", "Ohio", "Singapore")
TROUBLES = (
    "request timeout on {system} in {site}",
    "connection pool exhausted on {host}",
    "{system} answers slowly since the deployment",
    "disk almost full on {host}",
    "certificate of {system} expires in {number} days",
    "nightly task of {system} did not finish",
    "database replication to {site} lags {number} seconds",
    "login failures for {system} above the usual level",
    "public bucket of {system} found in {site}",
    "outdated package with a known weakness on {host}",
    "server {host} restarts again and again",
)
CAUSES = (
    "The first alarm came {number} minutes after the change window; a timeout follows each retry.",
    "The database server reports {number} waiting sessions and every query ends in a timeout.",
    "Measured on {host} over the last hour; {number} customers in {site} are affected so far.",
    "Runbook: restart the task, then look at the queue of {system}. Last seen {number} days ago.",
    "Graph and log lines are attached. The threshold of {number} seconds was passed twice.",
)
SOURCES = ("Prometheus", "Datadog", "Wiz", "Splunk", "Nagios", "Manual", "Zabbix", "Snyk", "CloudTrail", "Qualys")
LABELS = ("production", "staging", "database", "network", "security", "customer", "storage", "payments")
FIRST = ("Ada", "Ben", "Chloe", "Diego", "Emeka", "Fatima", "Grace", "Hiro", "Ines", "Jonas", "Kavya", "Liam", "Mei")
LAST = (
    "Abara",
    "Berg",
    "Costa",
    "Diaz",
    "Evans",
    "Fischer",
    "Gupta",
    "Haas",
    "Ito",
    "Jensen",
    "Khan",
    "Lopez",
    "Mey",
)
RARE_NAME, ABSENT_NAME, FREQUENT_NAME = "Quokkason", "xylofrost", "Andersson"
FREQUENT_SHARE = 0.65


def incidents(count: int, first_ticket_at: int = 0) -> Iterator[dict[str, Any]]:
    """Rows of `incidents`, oldest first. Three of them hold the rare word, whatever the size."""
    chance = random.Random(SEED)
    rare = {count // 4, count // 2, count * 3 // 4}
    for number in range(count):
        yield _incident(number, chance, rare=number in rare, has_ticket=number >= first_ticket_at)


def _incident(number: int, chance: random.Random, *, rare: bool, has_ticket: bool) -> dict[str, Any]:
    words = {
        "system": chance.choice(SYSTEMS),
        "site": chance.choice(SITES),
        "host": f"{chance.choice(HOSTS)}-{chance.randrange(1, 90):02}",
        "number": str(chance.randrange(2, 300)),
    }
    title = chance.choice(TROUBLES).format(**words)
    cause = " ".join(chance.sample(CAUSES, chance.randrange(1, 4))).format(**words)
    if chance.random() < FREQUENT_SHARE:
        cause += " Requests wait until the connection pool is exhausted."
    severity = chance.choices(list(Severity), (5, 15, 50, 30))[0]
    created = START + dt.timedelta(minutes=number * 3)
    return {
        "title": f"{title[0].upper()}{title[1:]}{f' ({RARE})' if rare else ''}",
        "description": cause,
        "severity": str(severity),
        "severity_rank": SEVERITY_RANK[severity],
        "status": chance.choices(("open", "in_progress", "resolved"), (20, 10, 70))[0],
        "source": SOURCES[number % len(SOURCES)],
        "source_key": f"alert-{number:08}",
        "labels": chance.sample(LABELS, chance.randrange(0, 4)),
        "resource": words["host"],
        "url": f"https://alerts.example.com/{number}",
        "has_ticket": has_ticket,
        "created_at": created,
        "updated_at": created + dt.timedelta(minutes=chance.randrange(0, 5000)),
        "version": 1,
    }


def people(count: int, connection_ids: list[int]) -> Iterator[dict[str, Any]]:
    """Rows of `integration_users`, spread over the connections. Three have the rare name."""
    chance = random.Random(SEED + 1)
    rare = {count // 4, count // 2, count * 3 // 4}
    for number in range(count):
        first = chance.choice(FIRST)
        usual = FREQUENT_NAME if chance.random() < FREQUENT_SHARE else chance.choice(LAST)
        last = RARE_NAME if number in rare else usual
        email = f"{first}.{last}.{number}@people.example".lower()
        yield {
            "connection_id": connection_ids[number % len(connection_ids)],
            "email": email,
            "name": f"{first} {chance.choice('ABCDEFGHIJKLMNOPRSTUVW')}. {last}",
            "external_username": email,
            "external_id": f"bench-{number:08}",
            "status": "active" if chance.random() < 0.97 else "inactive",
            "checked_at": START,
            "created_at": START,
        }


# What a ticket that simply worked holds.
UNREMARKABLE: dict[str, Any] = {
    "draft": {},
    "reason": "",
    "field_errors": {},
    "sends": 1,
    "empty_looks": 0,
    "assignment_error": "",
    "visibility": "",
    "linked": False,
}


def tickets(incident_ids: range, connection_id: int, connection_name: str) -> Iterator[dict[str, Any]]:
    """Rows of `tickets`: one created ticket per incident."""
    chance = random.Random(SEED + 2)
    for number in incident_ids:
        at = START + dt.timedelta(minutes=number * 3)
        status, category = chance.choice((("To Do", "new"), ("In Progress", "active"), ("Done", "done")))
        yield {
            "incident_id": number,
            "connection_id": connection_id,
            "provider_key": "jira",
            "connection_name": connection_name,
            "form_key": f"bench-{number:08}",
            "marker": f"pp-bench{number:08}",
            "state": "created",
            **UNREMARKABLE,
            "external_id": str(100_000 + number),
            "external_key": f"OPS-{number}",
            "url": f"https://jira.example.com/browse/OPS-{number}",
            "external_status": status,
            "status_category": category,
            "assignee": f"{chance.choice(FIRST)} {chance.choice(LAST)}",
            "synced_at": at,
            "requested_by": "Bench",
            "created_at": at,
            "updated_at": at,
        }


def timeline(incident_ids: range) -> Iterator[dict[str, Any]]:
    """Rows of `timeline_entries`: how each incident came here."""
    for number in incident_ids:
        at = START + dt.timedelta(minutes=number * 3)
        yield {"incident_id": number, "at": at, "actor": "Bench", "kind": "created", "text": "Received"}
