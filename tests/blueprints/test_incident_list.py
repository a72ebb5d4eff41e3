"""The incidents list page."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from extensions import db
from services import incidents
from services.actors import COMMAND_LINE
from services.incidents import Draft

HTMX = {"HX-Request": "true"}


def add(title: str, **details: str) -> int:
    number: int = incidents.create(COMMAND_LINE, Draft(title=title, **details)).id
    return number


def keys(page: str) -> list[int]:
    return [int(number) for number in re.findall(r">INC-(\d+)</td>", page)]


def test_signed_out_people_are_sent_to_sign_in(client: FlaskClient) -> None:
    answer = client.get("/incidents")
    assert answer.status_code in (302, 303)
    assert "/sign-in" in answer.headers["Location"]


def test_home_is_the_list(member: FlaskClient) -> None:
    answer = member.get("/")
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/incidents")


def test_an_empty_list_says_what_to_do_next(responder: FlaskClient) -> None:
    page = responder.get("/incidents").get_data(as_text=True)
    assert "No incidents yet" in page
    assert page.count("New incident") == 2


def test_members_read_and_get_no_buttons(member: FlaskClient) -> None:
    add("Disk full")
    page = member.get("/incidents").get_data(as_text=True)
    assert "Disk full" in page
    assert "New incident" not in page


def test_rows_show_key_title_and_the_rest(member: FlaskClient) -> None:
    number = add("Disk <b>full</b>", source="Prometheus", severity="critical")
    page = member.get("/incidents").get_data(as_text=True)
    for heading in ("Key", "Title", "Severity", "Status", "Source", "Ticket", "Updated"):
        assert f'<th scope="col">{heading}</th>' in page
    assert "Disk &lt;b&gt;full&lt;/b&gt;" in page
    assert f'href="/incidents/{number}"' in page
    assert "Prometheus" in page
    assert "1 incident<" in page.replace("\n", "")


def test_filters_stay_in_the_form_and_in_the_links(member: FlaskClient) -> None:
    number = add("Disk full", source="A & B", severity="high")
    add("Other")
    page = member.get("/incidents?q=disk&severity=high&source=A+%26+B&sort=oldest").get_data(as_text=True)
    assert keys(page) == [number]
    assert f"/incidents/{number}?q=disk&amp;severity=high&amp;source=A+%26+B&amp;sort=oldest" in page
    assert '<option value="high" selected>' in page
    assert '<option value="oldest" selected>' in page
    assert 'value="disk"' in page
    assert "Clear filters" in page


def test_no_match_offers_to_clear_the_filters(member: FlaskClient) -> None:
    add("Disk full")
    page = member.get("/incidents?q=absent").get_data(as_text=True)
    assert "No incident matches" in page
    assert '<a class="button" href="/incidents">Clear filters</a>' in page


def test_htmx_gets_the_list_only_and_a_clean_address(member: FlaskClient) -> None:
    add("Disk full")
    answer = member.get("/incidents?q=disk&status=&sort=newest", headers=HTMX)
    page = answer.get_data(as_text=True)
    assert page.strip().startswith('<div id="incident-list">')
    assert "<html" not in page
    assert answer.headers["HX-Push-Url"] == "/incidents?q=disk"
    assert "HX-Request" in answer.headers["Vary"]


@pytest.mark.parametrize("query", ["", "sort=updated&", "q=problem&", "sort=severity&q=problem&"])
def test_next_and_previous_lead_through_all_pages(member: FlaskClient, query: str) -> None:
    numbers = [add(f"Problem {number}") for number in range(52)]
    first = member.get(f"/incidents?{query}").get_data(as_text=True)
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = member.get(following[1].replace("&amp;", "&")).get_data(as_text=True)
    assert keys(first) + keys(second) == numbers[::-1]
    back = re.search(r'rel="prev" href="([^"]+)"', second)
    assert back
    assert keys(member.get(back[1].replace("&amp;", "&")).get_data(as_text=True)) == keys(first)


def test_a_broken_cursor_is_answered_in_words(member: FlaskClient) -> None:
    answer = member.get("/incidents?cursor=%22%3Cx")
    assert answer.status_code == 422
    assert "not valid any more" in answer.get_data(as_text=True)


def test_the_page_needs_a_fixed_handful_of_statements(member: FlaskClient) -> None:
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH", "INSERT", "UPDATE")):
            sent.append(statement)

    costs = []
    for size in (1, 60):
        for number in range(size):
            add(f"Problem {number}", source=f"Source {number}")
        member.get("/incidents")
        event.listen(db.engine, "before_cursor_execute", note)
        sent.clear()
        member.get("/incidents?q=problem&status=open")
        event.remove(db.engine, "before_cursor_execute", note)
        costs.append(len(sent))
    assert costs[0] == costs[1] <= 5, sent
