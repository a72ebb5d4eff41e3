"""A provider is data and a client: `chalkboard.py` has one of each, and every page works without another line.

It speaks to a tiny ticket system on a real socket and has two ways to authenticate that share one opener.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import select

import providers
from extensions import db
from models import Attempt, Connection, ConnectionStatus, Incident, IntegrationUser, Ticket
from standins.server import serve
from tests.blueprints.chalkboard import KEY, PASSWORD_OF_EVE, PROVIDER, Chalkboard
from tests.conftest import PatchpanelClient

PAGE = "/settings/organization/integrations"


@dataclass
class Wall:
    """The ticket system and its address."""

    board: Chalkboard
    url: str


@pytest.fixture
def wall(app: Flask, allow: Callable[..., None]) -> Iterator[Wall]:
    """The provider, registered, and a server for it. Both are gone afterwards."""
    board = Chalkboard()
    providers.register(PROVIDER)
    try:
        with serve(board.application()) as server:
            allow(server.url)
            yield Wall(board, server.url)
    finally:
        providers.unregister(PROVIDER.key)


@pytest.fixture
def hung(wall: Wall, admin: PatchpanelClient) -> Connection:
    """A connection made through the dialog."""
    answer = admin.post_form(
        f"{PAGE}/chalkboard/key/new", {"board_url": wall.url, "key": KEY, "description": "Our wall"}
    )
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return only()


def only() -> Connection:
    """The connection as it is now."""
    db.session.rollback()
    return db.session.scalars(select(Connection).execution_options(populate_existing=True)).one()


def read(page: str) -> str:
    """What a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_both_ways_to_connect_stand_behind_one_opener(admin: PatchpanelClient, wall: Wall) -> None:
    page = admin.get(PAGE).get_data(as_text=True)
    card = page[page.index('data-provider="chalkboard"') :]
    card = card[: card.index("</article>")]
    assert "Cards on a wall." in card
    assert "Not Connected" in card
    assert card.count(">Setup<") == 1
    dialog = admin.get(f"{PAGE}/chalkboard/key/new").get_data(as_text=True)
    for text in ("Board Key", "Board URL", "Look at the wall.", "From Eve.", "Name and word", "Secret expires on"):
        assert text in dialog
    other = admin.get(f"{PAGE}/chalkboard/login/new").get_data(as_text=True)
    assert 'name="word"' in other
    assert 'type="password"' in other
    assert admin.get(f"{PAGE}/chalkboard/none/new").status_code == 404


@pytest.mark.parametrize(
    ("method", "secret"), [("key", {"key": KEY}), ("login", {"user": "eve", "word": PASSWORD_OF_EVE})]
)
def test_each_way_to_connect_is_tested_and_saved(
    admin: PatchpanelClient, wall: Wall, method: str, secret: dict[str, str]
) -> None:
    typed = {"board_url": wall.url, **secret}
    tested = admin.post_form(f"{PAGE}/chalkboard/{method}/test", typed)
    assert "Signed in as Eve Chalk on the chalkboard" in read(tested.get_data(as_text=True))
    assert db.session.scalars(select(Connection)).all() == []
    assert admin.post_form(f"{PAGE}/chalkboard/{method}/new", typed).status_code == 303
    page = read(admin.get(PAGE).get_data(as_text=True))
    for text in ("Chalkboard is connected and active", "Active", "acts as Eve Chalk", wall.url.partition("://")[2]):
        assert text in page
    assert only().auth_method == method


def test_its_own_sentences_are_used_and_its_secret_is_taken_out(admin: PatchpanelClient, wall: Wall) -> None:
    wrong = {"board_url": wall.url, "key": "wrong-key-9944"}
    page = admin.post_form(f"{PAGE}/chalkboard/key/new", wrong).get_data(as_text=True)
    assert "The board does not know you" in page
    assert "See what happened" in page
    assert "wrong-key-9944" not in page
    attempt = db.session.scalars(select(Attempt)).one()
    assert (attempt.code, attempt.status) == ("chalk-1", 401)
    assert attempt.message == "bad credentials •••"
    gone = {"board_url": wall.url.replace("127.0.0.1", "10.1.2.3"), "key": KEY}
    assert "The board is out of reach" in admin.post_form(f"{PAGE}/chalkboard/key/new", gone).get_data(as_text=True)


def test_check_switch_edit_and_disconnect(admin: PatchpanelClient, wall: Wall, hung: Connection) -> None:
    base = f"{PAGE}/connections/{hung.id}"
    assert "Our wall" in admin.get(base).get_data(as_text=True)
    wall.board.locked = True
    refused = admin.post_form(f"{base}/check")
    assert refused.status_code == 502
    assert "Needs attention" in read(refused.get_data(as_text=True))
    assert only().status == ConnectionStatus.NEEDS_ATTENTION
    wall.board.locked = False
    assert admin.post_form(f"{base}/check").status_code == 303
    assert only().status == ConnectionStatus.WORKS
    assert admin.post_form(f"{base}/switch", {"on": "0"}).status_code == 303
    assert "Switched off" in admin.get(PAGE).get_data(as_text=True)
    assert admin.post_form(f"{base}/switch", {"on": "1"}).status_code == 303
    assert (
        admin.post_form(f"{base}/edit", {"board_url": wall.url, "key": "", "description": "Wall 2"}).status_code == 303
    )
    assert only().for_client().credentials == {"key": KEY}
    moved = {"board_url": "http://localhost:9", "key": ""}
    assert "must be typed again" in admin.post_form(f"{base}/edit", moved).get_data(as_text=True)
    assert admin.post_form(f"{base}/disconnect").status_code == 303
    assert db.session.scalars(select(Connection)).all() == []


def test_people_are_looked_up_and_added(admin: PatchpanelClient, hung: Connection) -> None:
    typed = {"connection_id": str(hung.id), "email": "dana@chalk.example"}
    looked = admin.post_form("/setup/integration-users/look-up", typed).get_data(as_text=True)
    assert "Dana Chalk" in looked
    nobody = admin.post_form("/setup/integration-users/look-up", {**typed, "email": "x@chalk.example"})
    assert "No user with this email in" in nobody.get_data(as_text=True)
    assert admin.post_form("/setup/integration-users/new", typed).status_code == 303
    page = read(admin.get("/setup/integration-users").get_data(as_text=True))
    assert "Chalk" in page
    assert db.session.scalars(select(IntegrationUser.external_id)).one() == "d1"


def test_a_ticket_is_created_from_the_dialog_and_read_back(
    admin: PatchpanelClient, wall: Wall, hung: Connection, incident: Incident
) -> None:
    admin.post_form("/setup/integration-users/new", {"connection_id": str(hung.id), "email": "dana@chalk.example"})
    address = f"/incidents/{incident.id}/tickets"
    dialog = admin.get(f"{address}/new").get_data(as_text=True)
    for text in ("Our wall", "Board", "Ops", "Colour", "Green", "Create Ticket"):
        assert text in dialog
    key = re.search(r'name="form_key"[^>]*value="([^"]+)"', dialog)
    assert key
    person = db.session.scalars(select(IntegrationUser.id)).one()
    typed = {"form_key": key.group(1), "connection": str(hung.id), "integration_user": str(person), "summary": "Leak"}
    missing = admin.post_form(address, {**typed, "board": "b1"})
    assert missing.status_code == 422
    assert "Colour is required." in missing.get_data(as_text=True)
    assert admin.post_form(address, {**typed, "board": "b1", "field_colour": "g"}).status_code == 303
    card = wall.board.cards[0]
    assert (card["title"], card["colour"], card["owner"]) == ("Leak", "g", "d1")
    db.session.rollback()
    ticket = db.session.scalars(select(Ticket)).one()
    assert ticket.marker in card["text"]
    page = admin.get(f"/incidents/{incident.id}").get_data(as_text=True)
    assert f'href="{wall.url}/board#1"' in page
    card["lane"] = "Wiped"
    assert admin.post_form(f"{address}/{ticket.id}/refresh").status_code == 303
    assert "Wiped" in admin.get(f"/incidents/{incident.id}").get_data(as_text=True)


def test_it_is_gone_again(admin: PatchpanelClient) -> None:
    assert 'data-provider="chalkboard"' not in admin.get(PAGE).get_data(as_text=True)
    assert admin.get(f"{PAGE}/chalkboard/key/new").status_code == 404
