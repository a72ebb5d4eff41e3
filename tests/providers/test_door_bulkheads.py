"""How many calls the outbound door lets be under way at once."""

import threading
import time

import pytest

from providers import errors
from providers.bulkheads import bulkheads
from providers.http import set_total_limit
from tests.providers.door import open_door, url
from tests.providers.raw_server import OK, RawServer, read_request

pytestmark = pytest.mark.usefixtures("no_idle_lines")


def crowd(server, doors):
    """Call through all doors at once; returns the errors."""
    failures = []

    def call(door):
        try:
            door.session().get(url(server))
        except errors.ProviderError as error:
            failures.append(error)

    threads = [threading.Thread(target=call, args=(door,)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def slowly(conn, server):
    while request := read_request(conn):
        server.requests.append(request)
        time.sleep(0.4)
        conn.sendall(OK)


def test_four_calls_at_once_per_connection_and_the_fifth_is_told(ledger):
    with RawServer(slowly) as server:
        failures = crowd(server, [open_door(server, ledger, key="connection-7") for _ in range(6)])
        assert len(server.requests) == 4
        assert [type(error) for error in failures] == [errors.Busy] * 2
        assert not failures[0].sent
        assert sorted(row["outcome"] for row in ledger.rows) == ["busy", "busy", "ok", "ok", "ok", "ok"]
        assert crowd(server, [open_door(server, key="connection-7") for _ in range(4)]) == []


def test_a_cap_for_the_whole_process():
    before = bulkheads.total
    try:
        set_total_limit(2)
        with RawServer(slowly) as server:
            failures = crowd(server, [open_door(server, key=f"connection-{n}") for n in range(4)])
        assert [type(error) for error in failures] == [errors.Busy] * 2
    finally:
        set_total_limit(before)
