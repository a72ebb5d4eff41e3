"""Every route: who may call it, how its address is built, what it does without form token, and that none vanishes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

import blueprints
from extensions import db
from services.actors import PERMISSIONS, Permission
from tests import route_list

PUBLIC = {
    "health.livez",
    "health.readyz",
    "sign_in.reset",
    "sign_in.sandbox",
    "sign_in.sign_in",
    "sign_in.sign_out",
    "sign_in.welcome",
    "static_files.send",
    "webhooks.receive",
}
# Called by providers, which have no form token: each delivery proves itself (tests/blueprints/test_webhooks_in.py).
PROVEN_OTHERWISE = {"webhooks.receive"}
PARAMETER = re.compile(r"<(?P<converter>[a-z]+(\([^)]*\))?:)?(?P<name>[a-z_]+)>")
PART = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*|[a-z0-9]+(\.[a-z0-9]+)+")
TOO_LARGE = 2**63


@pytest.fixture
def routes(application_of: Callable[[str], Flask]) -> list[Rule]:
    """All routes of the application."""
    return list(application_of("sqlite").url_map.iter_rules())


def access_of(app: Flask, rule: Rule) -> object:
    """What `@requires` or `@public` wrote on the view."""
    return getattr(app.view_functions[rule.endpoint], "_access", None)


def address(rule: Rule, number: int = 1) -> str:
    """The address of a route with something in place of its parameters."""
    return PARAMETER.sub(lambda found: str(number) if "int" in (found["converter"] or "") else "none", rule.rule)


def posted(app: Flask) -> list[Rule]:
    """The routes that take a POST with a form token."""
    rules = app.url_map.iter_rules()
    return [r for r in rules if "POST" in (r.methods or set()) and r.endpoint not in PROVEN_OTHERWISE]


def test_every_view_says_who_may_call_it(application_of: Callable[[str], Flask], routes: list[Rule]) -> None:
    app = application_of("sqlite")
    silent = [rule.endpoint for rule in routes if access_of(app, rule) is None]
    assert silent == [], "These views need @requires(Permission…) or @public"
    odd = [rule.endpoint for rule in routes if access_of(app, rule) not in {"public", *Permission}]
    assert odd == []


def test_the_public_views_are_the_known_ones(application_of: Callable[[str], Flask], routes: list[Rule]) -> None:
    app = application_of("sqlite")
    assert {rule.endpoint for rule in routes if access_of(app, rule) == "public"} == PUBLIC


def test_views_for_signed_in_people_stand_in_blueprints_for_signed_in_people(routes: list[Rule]) -> None:
    entries = {mount.blueprint.name: mount.entry for mount in blueprints.TABLE}
    for rule in routes:
        entry = entries.get(rule.endpoint.partition(".")[0], blueprints.Entry.PUBLIC)
        assert (entry is blueprints.Entry.PUBLIC) == (rule.endpoint in PUBLIC), rule.endpoint


def test_every_parameter_of_an_address_has_a_converter(routes: list[Rule]) -> None:
    untyped = {rule.rule for rule in routes for found in PARAMETER.finditer(rule.rule) if not found["converter"]}
    assert untyped == set(), "Say what a parameter is: <int:…>, <string:…>"


def test_every_address_is_kebab_case(routes: list[Rule]) -> None:
    for rule in routes:
        parts = [part for part in PARAMETER.sub("", rule.rule).split("/") if part]
        assert all(PART.fullmatch(part) for part in parts), rule.rule
        assert not rule.rule.endswith("/") or rule.rule == "/", f"{rule.rule} ends with a slash"


def test_changes_are_made_with_post_only(routes: list[Rule]) -> None:
    for rule in routes:
        assert (rule.methods or set()) <= {"GET", "HEAD", "OPTIONS", "POST"}, rule.rule


def test_the_checked_in_list_of_routes_is_true(application_of: Callable[[str], Flask]) -> None:
    now = route_list.written(route_list.current(application_of("sqlite")))
    assert route_list.FILE.read_text(encoding="utf-8") == now, route_list.UPDATE


def test_a_post_without_form_token_is_refused(app: Flask, client: FlaskClient, admin: FlaskClient) -> None:
    for rule in posted(app):
        for browser in (client, admin):
            assert browser.post(address(rule)).status_code == 400, rule.rule


def test_a_post_with_a_token_of_somebody_else_is_refused(app: Flask, admin: FlaskClient, member: FlaskClient) -> None:
    foreign = member.token()
    for rule in posted(app):
        assert admin.post(address(rule), data={"csrf_token": foreign}).status_code == 400, rule.rule


@pytest.mark.parametrize("role", ["responder", "member"])
def test_a_view_refuses_whoever_lacks_its_permission(
    app: Flask, sign_in: Callable[..., FlaskClient], role: str
) -> None:
    browser = sign_in(role)
    token = browser.token()
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC or access_of(app, rule) in PERMISSIONS[role]:
            continue
        if "GET" in (rule.methods or set()):
            assert browser.get(address(rule)).status_code == 403, rule.rule
        if "POST" in (rule.methods or set()):
            assert browser.post(address(rule), data={"csrf_token": token}).status_code == 403, rule.rule


def test_a_visitor_is_sent_to_sign_in(app: Flask, client: FlaskClient) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in PUBLIC and "GET" in (rule.methods or set()):
            answer = client.get(address(rule))
            assert answer.status_code == 303, rule.rule
            assert answer.headers["Location"].startswith("/sign-in"), rule.rule


@pytest.mark.parametrize("number", [999_999, 2**31, TOO_LARGE])
def test_a_number_that_no_row_has_is_not_found(app: Flask, admin: FlaskClient, number: int) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if "<int" in rule.rule and "GET" in (rule.methods or set())]
    wrong = {}
    for rule in rules:
        status = admin.get(address(rule, number)).status_code
        db.session.rollback()  # what one address did to the transaction is not the next one's fault
        if status != 404:
            wrong[address(rule, number)] = status
    assert wrong == {}
