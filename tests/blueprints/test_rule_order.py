"""The order of routing rules through the Configure page, with htmx and without."""

from __future__ import annotations

import re

import pytest

from models import Connection, Incident
from services import routing
from services.actors import COMMAND_LINE
from tests.conftest import PatchpanelClient
from tests.support_html import visible_text


@pytest.fixture
def base(connected: Connection) -> str:
    """Address of the Configure page of a connection with rules for the sources A, B and C and a default."""
    for name in ("", "A", "B", "C"):
        conditions = {"source": [name]} if name else {}
        draft = routing.Draft(
            conditions,
            {"project": "10000", "issue_type": "10001"},
            {"project": "Operations (OPS)", "issue_type": "Task"},
        )
        routing.save(COMMAND_LINE, connected, draft)
    return f"/settings/organization/integrations/connections/{connected.id}/configure"


def shown(page: str) -> list[str]:
    """The sources of the rules in the order of the list."""
    rules = page[page.index('id="rules"') :]
    return re.findall(r"When (?:source is “(\w)”|every other incident)", rules[: rules.index("</ol>")])


def rule_of(connected: Connection, source: str) -> int:
    """Id of the rule for this source."""
    return next(r.id for r in routing.of_connection(connected.id) if r.conditions.get("source") == [source])


def test_a_dragged_rule_gets_its_place_and_htmx_gets_the_list_and_the_new_place(
    admin: PatchpanelClient, base: str, connected: Connection
) -> None:
    rule = rule_of(connected, "C")
    answer = admin.post_htmx(f"{base}/rules/{rule}/move", {"place": "1"})
    body = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert body.lstrip().startswith('<div id="rules">')
    assert shown(body) == ["C", "A", "B", ""]
    assert 'role="status"' in body
    assert "Moved: now rule 1 of 3" in visible_text(body)
    assert f'id="rule-{rule}-up"' in body, "the focus is given back by this id"
    assert shown(admin.get(base).get_data(as_text=True)) == ["C", "A", "B", ""]


def test_the_buttons_count_before_the_place_that_travels_along(
    admin: PatchpanelClient, base: str, connected: Connection
) -> None:
    rule = rule_of(connected, "A")
    body = admin.post_htmx(f"{base}/rules/{rule}/move", {"to": "down", "place": "1"}).get_data(as_text=True)
    assert shown(body) == ["B", "A", "C", ""]
    assert "Moved: now rule 2 of 3" in visible_text(body)


def test_without_javascript_the_page_comes_back_at_the_moved_rule(
    admin: PatchpanelClient, base: str, connected: Connection
) -> None:
    rule = rule_of(connected, "C")
    answer = admin.post_form(f"{base}/rules/{rule}/move", {"to": "up", "place": "3"})
    assert answer.status_code == 303
    assert answer.location == f"{base}#rule-{rule}"
    page = admin.get(answer.location).get_data(as_text=True)
    assert "Moved: now rule 2 of 3 When source is “C” → Operations (OPS) / Task" in visible_text(page)
    assert shown(page) == ["A", "C", "B", ""]
    assert f'<li id="rule-{rule}" tabindex="-1">' in page


def test_the_answer_to_which_rule_follows_the_order(
    admin: PatchpanelClient, base: str, connected: Connection, incident: Incident
) -> None:
    draft = routing.Draft({"severity": ["high"]}, {"project": "10001", "issue_type": "10001"}, {"project": "HR"})
    rule = routing.save(COMMAND_LINE, connected, draft).id
    address, fields = f"{base}/rules/{rule}/move", {"place": "1", "incident": incident.key}
    body = admin.post_htmx(address, fields).get_data(as_text=True)
    which = body[body.index('id="which-rule"') :]
    assert 'hx-swap-oob="true"' in which[:200]
    assert re.search(r"HR : taken .* Operations \(OPS\) / Task : does not fit", visible_text(which))
    assert f"incident={incident.key}" in admin.post_form(address, fields).location


def test_a_rule_that_was_removed_meanwhile_is_told_with_the_list_as_it_is(
    admin: PatchpanelClient, base: str, connected: Connection
) -> None:
    rule = rule_of(connected, "B")
    routing.remove(COMMAND_LINE, connected, rule)
    answer = admin.post_htmx(f"{base}/rules/{rule}/move", {"place": "1"})
    body = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "This rule was removed meanwhile" in visible_text(body)
    assert shown(body) == ["A", "C", ""]
    assert admin.post_form(f"{base}/rules/{rule}/move", {"place": "1"}).status_code == 404


def test_the_default_rule_has_no_grip_and_is_not_moved(
    admin: PatchpanelClient, base: str, connected: Connection
) -> None:
    page = admin.get(base).get_data(as_text=True)
    assert page.count('class="grip"') == 3
    default = next(rule for rule in routing.of_connection(connected.id) if rule.is_default)
    answer = admin.post_htmx(f"{base}/rules/{default.id}/move", {"place": "1"})
    assert answer.status_code == 422
    assert "The default rule stays last." in visible_text(answer.get_data(as_text=True))
    assert shown(admin.get(base).get_data(as_text=True)) == ["A", "B", "C", ""]


def test_only_admins_move_rules(responder: PatchpanelClient, base: str, connected: Connection) -> None:
    assert responder.post_form(f"{base}/rules/{rule_of(connected, 'A')}/move", {"place": "3"}).status_code == 403
