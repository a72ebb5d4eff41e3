"""The dialog Add User against the sandbox Jira."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from extensions import db
from models import Attempt, IntegrationUser
from standins.jira import JiraStandin
from tests.support_people import LOOK_UP, NEW, PAGE, TYPING, Controls, jira_connection, sandbox_jira, typed


@pytest.fixture
def jira(app: Flask) -> Iterator[tuple[JiraStandin, str]]:
    """The sandbox Jira."""
    with sandbox_jira(app) as found:
        yield found


def test_a_jira_person_is_looked_up_and_added(jira: tuple[JiraStandin, str], admin: FlaskClient) -> None:
    sandbox, url = jira
    connection = jira_connection(url)
    looked = admin.post_htmx(LOOK_UP, typed(connection, "dana.reyes@sandbox.example"), headers=TYPING)
    assert Controls(looked.get_data(as_text=True)).value("Name") == "Dana Reyes"
    admin.post_htmx(NEW, typed(connection, "dana.reyes@sandbox.example"))
    page = admin.get(PAGE).get_data(as_text=True)
    for text in ("Dana Reyes", "dana.reyes@sandbox.example", "JiraCloud", url.removeprefix("http://")):
        assert text in page
    stored = db.session.scalars(select(IntegrationUser)).one()
    assert stored.external_id == sandbox.person_by_email("dana.reyes@sandbox.example").account_id


def test_two_jira_people_with_one_address_are_offered(jira: tuple[JiraStandin, str], admin: FlaskClient) -> None:
    connection = jira_connection(jira[1])
    text = admin.post_htmx(LOOK_UP, typed(connection, "tom.becker@sandbox.example"), headers=TYPING).get_data(
        as_text=True
    )
    assert "Tom Becker" in text
    assert "Thomas Becker" in text


def test_a_hidden_jira_address_needs_a_look_at_the_name(jira: tuple[JiraStandin, str], admin: FlaskClient) -> None:
    connection = jira_connection(jira[1])
    sent = typed(connection, "priya.nair@sandbox.example")
    text = admin.post_htmx(LOOK_UP, sent, headers=TYPING).get_data(as_text=True)
    assert "check that the name is the person you mean" in text
    chosen = re.search(r'name="external_id" value="([^"]+)"', text)
    assert chosen
    assert admin.post_htmx(NEW, sent).status_code == 422
    assert admin.post_htmx(NEW, {**sent, "external_id": chosen.group(1)}).status_code == 200


def test_a_refused_jira_token_is_told_with_a_link_to_its_attempt(
    jira: tuple[JiraStandin, str], admin: FlaskClient
) -> None:
    connection = jira_connection(jira[1], token="wrong")
    text = admin.post_htmx(LOOK_UP, typed(connection, "dana.reyes@sandbox.example"), headers=TYPING).get_data(
        as_text=True
    )
    assert "Invalid API Token" in text
    assert "See what happened" in text
    assert db.session.scalars(select(Attempt.connection_id)).first() == connection.id


def test_a_missing_jira_permission_is_named(jira: tuple[JiraStandin, str], admin: FlaskClient) -> None:
    jira[0].knobs.deny_user_search = True
    connection = jira_connection(jira[1])
    text = admin.post_htmx(LOOK_UP, typed(connection, "dana.reyes@sandbox.example"), headers=TYPING).get_data(
        as_text=True
    )
    assert "Permission missing" in text
    assert "Browse users and groups" in text
