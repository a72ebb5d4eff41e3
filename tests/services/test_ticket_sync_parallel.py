"""Reading back beside other work: workers share it, hints are not lost, and nobody blocks anybody for good."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from models import Connection, Incident, IntegrationUser, Ticket
from providers.base import utcnow
from providers.errors import Busy
from services import incidents, store, ticket_care, ticket_comments, ticket_outcomes, ticket_rules, ticket_sync, tickets
from services.actors import COMMAND_LINE
from tests.conftest import Site
from tests.services.test_ticket_creation import wanted
from tests.services.test_ticket_sync import BULK, asked, follow, make_due, of_issue, sync

__all__ = ["wanted"]  # the fixture is used by the tests below


def in_parallel(app: Flask, *works: Callable[[], Any]) -> list[BaseException]:
    """Run these at the same moment, each with a database session of its own. Returns what went wrong."""
    wrong: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        with app.app_context():
            barrier.wait()
            try:
                work()
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return wrong


def test_two_workers_share_the_work_and_read_no_ticket_twice(app: Flask, jira: Site, connected: Connection) -> None:
    issues = follow(jira, connected, 1000)
    jira.standin.set(delay=0.03)
    reports: list[ticket_sync.Report] = []
    wrong = in_parallel(app, *[lambda: reports.append(sync(connected)) for _ in range(3)])
    assert wrong == []
    assert Counter(each for ids in asked(jira) for each in ids) == Counter(issue.id for issue in issues)
    assert sum(report.read for report in reports) == 1000
    assert len([report for report in reports if report.read]) > 1


def test_a_hint_that_comes_while_a_ticket_is_being_read_is_not_lost(
    app: Flask, jira: Site, connected: Connection
) -> None:
    (issue,) = follow(jira, connected, 1)
    jira.standin.hold(route=f"POST {BULK}", after=True)

    def hint() -> None:
        while not asked(jira):
            pass
        # The answer on its way does not know of this yet.
        jira.standin.set_status(issue.key, "Done")
        assert ticket_sync.ask_for(connected.id, [issue.id]) == 1
        jira.standin.release()

    assert in_parallel(app, lambda: sync(connected), hint) == []
    assert of_issue(issue).status_category == "new"
    due = of_issue(issue).sync_due_at
    assert due is not None
    assert due - utcnow() <= ticket_sync.CLOSEST
    with store.write() as session:
        store.locked(session, Ticket, of_issue(issue).id).sync_due_at = utcnow()
    sync(connected)
    assert of_issue(issue).status_category == "done"


@pytest.mark.parametrize("rounds", [6])
def test_creating_reading_linking_and_noting_at_once_never_block_each_other_for_good(
    app: Flask, jira: Site, connected: Connection, wanted: tickets.Wanted, person: IntegrationUser, rounds: int
) -> None:
    rules = [ticket_rules.RESOLVE_WHEN_DONE, ticket_rules.TELL_NOTES, ticket_rules.TELL_REOPENED]
    ticket_rules.change(COMMAND_LINE, connected, rules)
    issues = follow(jira, connected, 8)
    sync(connected)
    ids = [(of_issue(issue).incident_id, of_issue(issue).id) for issue in issues]

    def read_back() -> None:
        make_due(connected)
        sync(connected)

    def change(number: int) -> Callable[[], None]:
        incident_id, ticket_id = ids[number % len(ids)]

        def work() -> None:
            incidents.add_note(COMMAND_LINE, incident_id, f"Note {number}")
            ticket_care.refresh(COMMAND_LINE, store.get(Ticket, ticket_id))
            incidents.change_status(COMMAND_LINE, incident_id, ("open", "resolved")[number % 2])

        return work

    def assign(number: int) -> Callable[[], Any]:
        return lambda: ticket_care.assign(COMMAND_LINE, store.get(Ticket, ids[number % len(ids)][1]), person.id)

    def create_and_link(number: int) -> None:
        fresh = incidents.create(COMMAND_LINE, incidents.Draft(title=f"Another {number}"))
        asked_for = tickets.Wanted(**{**vars(wanted), "form_key": tickets.new_form_key()})
        made = tickets.create(COMMAND_LINE, fresh.id, asked_for)
        ticket_care.unlink(COMMAND_LINE, made)
        ticket_care.link(COMMAND_LINE, fresh.id, connected.id, made.external_key)

    for number in range(rounds):
        for issue in issues:
            jira.standin.set_status(issue.key, ("Done", "To Do")[number % 2])
        works = [read_back, read_back, change(number), change(number + 1), assign(number), assign(number + 1)]
        found = in_parallel(app, *works, lambda n=number: create_and_link(n))
        # Seven at once over one connection may be one too many: that is said at once, and blocks nobody.
        assert [repr(each) for each in found if not isinstance(each, Busy)] == []


def test_who_holds_a_ticket_and_who_holds_its_incident_can_both_go_on(
    app: Flask, jira: Site, connected: Connection
) -> None:
    (issue,) = follow(jira, connected, 1)
    ticket = of_issue(issue)
    both_hold = threading.Barrier(2)

    def meet() -> None:
        # On SQLite the second writer is let in only when the first is done.
        with contextlib.suppress(threading.BrokenBarrierError):
            both_hold.wait(1)

    def as_a_read_back_does() -> None:
        with store.write() as session:
            current = store.locked(session, Ticket, ticket.id)
            meet()
            ticket_outcomes.note_timeline(session, current, COMMAND_LINE, "Seen")

    def as_a_note_does() -> None:
        with store.write() as session:
            store.locked(session, Incident, ticket.incident_id).updated_at = utcnow()
            session.flush()
            meet()
            ticket_comments.request(session, COMMAND_LINE, ticket, "Said")

    wrong = in_parallel(app, as_a_read_back_does, as_a_note_does)
    assert wrong == [], [repr(each) for each in wrong]
