"""No socket leaves by another door, and none for an address the policy did not let pass."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest
import requests
from flask import Flask

import providers
from models import Connection, Incident, IntegrationUser, Ticket, TicketState
from providers import sockets
from providers.addresses import parse_allow
from providers.http import Door
from providers.idle_lines import idle_lines
from services import (
    connection_health,
    connections,
    destinations,
    incidents,
    outbound,
    person_look_up,
    runtime,
    ticket_care,
    ticket_settling,
    tickets,
)
from services.actors import COMMAND_LINE
from standins.jira import API_TOKEN
from tests.conftest import Site, runtime_of
from tests.providers.door import local, url
from tests.providers.outbound_journal import Journal, NotingPolicy, leavings, offences, watching
from tests.providers.raw_server import OK, RawServer, keep_alive, server_tls
from tests.services.test_ticket_creation import again, wanted

__all__ = ["wanted"]  # the fixture is used by the tests below

pytestmark = pytest.mark.usefixtures("no_idle_lines")


def note_what_passes(app: Flask, journal: Journal) -> None:
    """Let the application's own policy write into the journal."""
    settings = runtime_of(app).settings
    policy = NotingPolicy(journal, parse_allow(settings.outbound_allow))
    app.extensions[runtime.NAME] = runtime.Runtime(settings, policy)


@dataclass
class Desk:
    """The services with everything they need to make their calls, one method per use case."""

    jira: Site
    connection: Connection
    person: IntegrationUser
    incident: Incident
    wanted: tickets.Wanted
    ticket: Ticket | None = None

    def typed(self) -> connections.Typed:
        """What an admin types."""
        return connections.Typed("api_token", self.connection.settings, {"api_token": API_TOKEN})

    def try_out(self) -> None:
        """Test connection."""
        connections.try_out(COMMAND_LINE, providers.get("jira"), self.typed())

    def save(self) -> None:
        """Save, which checks first."""
        connections.create(COMMAND_LINE, providers.get("jira"), self.typed())

    def check(self) -> None:
        """Check now."""
        connection_health.check(COMMAND_LINE, self.connection)

    def look_up(self) -> None:
        """Look a person up."""
        found = person_look_up.look_up(COMMAND_LINE, self.connection.id, self.person.email)
        assert found.candidates

    def choices(self) -> None:
        """List where tickets can go."""
        assert destinations.choices(COMMAND_LINE, self.connection, "project", {})

    def create(self) -> None:
        """Create a ticket."""
        self.ticket = tickets.create(COMMAND_LINE, self.incident.id, self.wanted)
        assert self.ticket.state == TicketState.CREATED

    def refresh(self) -> None:
        """Read the ticket back."""
        assert self.ticket
        assert ticket_care.refresh(COMMAND_LINE, self.ticket).external_status == "To Do"

    def assign(self) -> None:
        """Give the ticket to its person again."""
        assert self.ticket
        assert not ticket_care.assign(COMMAND_LINE, self.ticket, self.person.id).assignment_error

    def settle(self) -> None:
        """Find out what became of a ticket whose create call broke off."""
        second = incidents.create(COMMAND_LINE, incidents.Draft(title="Disk full", description="", severity="high"))
        self.jira.standin.drop_after_create()
        assert tickets.create(COMMAND_LINE, second.id, again(self.wanted)).state == TicketState.UNCLEAR
        assert ticket_settling.settle_all(COMMAND_LINE).created == 1


def test_the_services_leave_through_the_door_only(
    app: Flask, jira: Site, connected: Connection, person: IntegrationUser, incident: Incident, wanted: tickets.Wanted
) -> None:
    desk = Desk(jira, connected, person, incident, wanted)
    steps = (desk.try_out, desk.save, desk.check, desk.look_up, desk.choices)
    steps += (desk.create, desk.refresh, desk.assign, desk.settle)
    with watching() as journal:
        note_what_passes(app, journal)
        for step in steps:
            # Otherwise only the first would need a connection.
            idle_lines.close()
            destinations.forget_all()
            before = len(leavings(journal))
            step()
            assert len(leavings(journal)) > before, f"{step.__name__} made no connection"
    assert offences(journal) == []
    assert {f"http://{host}:{port}" for host, port in (each.address for each in leavings(journal))} == {jira.url}


def test_a_secured_call_leaves_through_the_door_only(authority: Any, certificate: Callable[..., Any]) -> None:
    with RawServer(keep_alive(OK), tls=server_tls(certificate("acme.example"))) as server, watching() as journal:
        policy = NotingPolicy(journal, parse_allow(f"acme.example:{server.port}"), resolver=local)
        door = Door(policy, recorder=None, ca_file=str(authority[0]))
        assert door.session().get(url(server, scheme="https")).ok
    assert [each.address for each in leavings(journal)] == [("127.0.0.1", server.port)]
    assert offences(journal) == []


# --- the rule can fail ---------------------------------------------------------------------------------------------


def _plain(port: int) -> None:
    socket.create_connection(("127.0.0.1", port)).close()


def _in_a_thread(port: int) -> None:
    thread = threading.Thread(target=_plain, args=(port,))
    thread.start()
    thread.join()


def _without_exceptions(port: int) -> None:
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) == 0


def _datagram(port: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("127.0.0.1", port))


def _message(port: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendmsg([b"x"], [], 0, ("127.0.0.1", port))


def _http_client(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    connection.getresponse().read()
    connection.close()


def _requests(port: int) -> None:
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"http://127.0.0.1:{port}/", timeout=5).ok


def _asyncio(port: int) -> None:
    async def call() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()

    asyncio.run(call())


OTHER_DOORS = (_plain, _in_a_thread, _without_exceptions, _datagram, _message, _http_client, _requests, _asyncio)


@pytest.mark.parametrize("leave", OTHER_DOORS, ids=lambda leave: leave.__name__.strip("_"))
def test_another_door_is_caught_even_for_an_address_that_is_let_pass(leave: Callable[[int], None]) -> None:
    with RawServer(keep_alive(OK)) as server, watching() as journal:
        vet(journal, server.port)
        leave(server.port)
    (offence,) = offences(journal)
    assert offence.startswith("another door: ")
    assert f"('127.0.0.1', {server.port})" in offence


def test_another_door_beside_the_services_is_caught(app: Flask, jira: Site, connected: Connection) -> None:
    with watching() as journal:
        note_what_passes(app, journal)
        idle_lines.close()
        connection_health.check(COMMAND_LINE, connected)
        socket.create_connection(("127.0.0.1", int(jira.url.rpartition(":")[2]))).close()
        outbound.client_for(connected, COMMAND_LINE).check()
    (offence,) = offences(journal)
    assert __file__ in offence


def test_an_address_nobody_vetted_is_caught() -> None:
    with RawServer(keep_alive(OK)) as server, RawServer(keep_alive(OK)) as other, watching() as journal:
        dial_unvetted(server.port)
        vet(journal, other.port)
        dial_unvetted(server.port)
        dial_unvetted(other.port)
    assert offences(journal) == [f"not vetted: ('127.0.0.1', {server.port})"] * 2


def test_what_another_thread_vetted_does_not_count() -> None:
    with RawServer(keep_alive(OK)) as server, watching() as journal:
        thread = threading.Thread(target=vet, args=(journal, server.port))
        thread.start()
        dial_unvetted(server.port)
        thread.join()
    assert offences(journal) == [f"not vetted: ('127.0.0.1', {server.port})"]


def test_the_watch_ends_with_its_block() -> None:
    with RawServer(keep_alive(OK)) as server:
        with watching() as outer:
            with watching() as inner:
                _plain(server.port)
            _plain(server.port)
        _plain(server.port)
    assert (len(inner), len(outer)) == (1, 2)


def vet(journal: Journal, port: int) -> None:
    """Let the policy pass this port of this machine."""
    policy = NotingPolicy(journal, parse_allow(f"http://127.0.0.1:{port}"))
    policy.resolve(policy.check_url(f"http://127.0.0.1:{port}/"), 1)


def dial_unvetted(port: int) -> None:
    """The last step of the door without those before it."""
    sockets._connect((socket.AF_INET, ("127.0.0.1", port)), 1.0).close()
