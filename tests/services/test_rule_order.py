"""The order of routing rules: moved by one, moved to a place, by two people at once; the default stays last."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Connection, Event, RoutingRule
from services import routing, store
from services.actors import COMMAND_LINE
from services.errors import Missing, Refused
from services.routing import Place


def order(connection: Connection) -> str:
    """The sources of the rules as they are asked; the default is a dash."""
    db.session.rollback()
    return "".join(rule.conditions.get("source", ["-"])[0] for rule in routing.of_connection(connection.id))


@pytest.fixture
def rules(connected: Connection) -> dict[str, int]:
    """Ids of a default and four rules with conditions, the default made first."""
    made = {}
    for name in ("-", "A", "B", "C", "D"):
        conditions = {} if name == "-" else {"source": [name]}
        draft = routing.Draft(conditions, {"project": "1"}, {"project": "One"})
        made[name] = routing.save(COMMAND_LINE, connected, draft).id
    assert order(connected) == "ABCD-"
    return made


def moves() -> int:
    """How often a move was noted."""
    return len(db.session.scalars(select(Event).where(Event.action == "routing_rule.moved")).all())


@pytest.mark.parametrize(
    ("name", "number", "place", "after"),
    [
        ("A", 3, 3, "BCAD-"),
        ("D", 1, 1, "DABC-"),
        ("B", 4, 4, "ACDB-"),
        ("C", 2, 2, "ACBD-"),
        ("A", 99, 4, "BCDA-"),
        ("D", -5, 1, "DABC-"),
        ("D", 0, 1, "DABC-"),
    ],
)
def test_a_rule_is_moved_to_a_place(
    connected: Connection, rules: dict[str, int], name: str, number: int, place: int, after: str
) -> None:
    assert routing.move_to(COMMAND_LINE, connected, rules[name], number) == Place(place, 4)
    assert order(connected) == after
    assert moves() == 1


@pytest.mark.parametrize(
    ("name", "up", "place", "after"),
    [("B", True, 1, "BACD-"), ("B", False, 3, "ACBD-"), ("A", True, 1, "ABCD-"), ("D", False, 4, "ABCD-")],
)
def test_a_rule_is_moved_by_one(
    connected: Connection, rules: dict[str, int], name: str, up: bool, place: int, after: str
) -> None:
    assert routing.move(COMMAND_LINE, connected, rules[name], up=up) == Place(place, 4)
    assert order(connected) == after


def test_a_rule_that_stays_where_it_is_leaves_no_event(connected: Connection, rules: dict[str, int]) -> None:
    assert routing.move_to(COMMAND_LINE, connected, rules["B"], 2) == Place(2, 4)
    assert (order(connected), moves()) == ("ABCD-", 0)


def test_the_default_rule_is_not_moved(connected: Connection, rules: dict[str, int]) -> None:
    for move in (
        lambda: routing.move_to(COMMAND_LINE, connected, rules["-"], 1),
        lambda: routing.move(COMMAND_LINE, connected, rules["-"], up=True),
    ):
        with pytest.raises(Refused, match="stays last"):
            move()
    assert order(connected) == "ABCD-"


def test_a_rule_that_is_gone_or_of_another_connection_is_missing(connected: Connection, rules: dict[str, int]) -> None:
    routing.remove(COMMAND_LINE, connected, rules["B"])
    with pytest.raises(Missing):
        routing.move_to(COMMAND_LINE, connected, rules["B"], 1)
    assert routing.move_to(COMMAND_LINE, connected, rules["D"], 1) == Place(1, 3)
    assert order(connected) == "DAC-"


def test_a_place_counts_as_it_is_now_and_not_as_it_was_read(
    app: Flask, connected: Connection, rules: dict[str, int]
) -> None:
    stale = {rule.id: rule for rule in routing.of_connection(connected.id)}
    assert stale[rules["A"]].position == 2
    connection_id = connected.id
    store.release()

    def elsewhere() -> None:
        with app.app_context():
            routing.move_to(COMMAND_LINE, store.get(Connection, connection_id), rules["D"], 1)
            db.session.remove()

    other = threading.Thread(target=elsewhere)
    other.start()
    other.join()
    assert routing.move(COMMAND_LINE, connected, rules["A"], up=False) == Place(3, 4)
    assert order(connected) == "DBAC-"
    assert stale


def test_moves_of_several_people_at_once_lose_no_rule(app: Flask, connected: Connection, rules: dict[str, int]) -> None:
    connection_id = connected.id
    store.release()
    start = threading.Barrier(4)

    def move(name: str) -> None:
        with app.app_context():
            connection = store.get(Connection, connection_id)
            store.release()
            start.wait()
            for number in (1, 4, 2):
                routing.move_to(COMMAND_LINE, connection, rules[name], number)
            db.session.remove()

    threads = [threading.Thread(target=move, args=(name,)) for name in "ABCD"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(order(connected)[:4]) == ["A", "B", "C", "D"]
    assert order(connected)[4] == "-"
    found = [rule for rule in db.session.scalars(select(RoutingRule)).all() if not rule.is_default]
    assert sorted(rule.position for rule in found) == [1, 2, 3, 4]
