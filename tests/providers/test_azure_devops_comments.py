"""Commenting on Azure DevOps work items with one call each, over real sockets."""

from __future__ import annotations

import pytest

from providers.errors import (
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from tests.providers.azure_bench import MARKER, Bench, draft

pytest_plugins = ("tests.providers.azure_fixtures",)

SAID = f"{MARKER}-c7"
ITEM = "/sandbox/_apis/wit/workitems/131"
COMMENTS = "/sandbox/Ops/_apis/wit/workItems/131/comments"


@pytest.fixture
def made(bench: Bench) -> Bench:
    """A sandbox with the work item 131."""
    bench.client().create_ticket(draft())
    return bench


def texts(bench: Bench) -> list[str]:
    return [comment.text for comment in bench.azure.by_id[131].comments]


def test_a_comment_is_one_call(made: Bench) -> None:
    client = made.client()
    assert made.calls(lambda: client.add_comment("131", "It is back.", SAID)) == ["PATCH workitems/131"]
    assert texts(made) == [f"<p>It is back.</p><p>Reference: {SAID}</p>"]
    assert client.has_comment("131", SAID)


def test_nothing_typed_is_mark_up_and_lines_stay_lines(made: Bench) -> None:
    made.client().add_comment("131", "On <b>db-1</b> & db-2.\nSee https://example.com/?a=1&b=2.\n\nBye", SAID)
    assert texts(made) == [
        "<p>On &lt;b&gt;db-1&lt;/b&gt; &amp; db-2.<br>See "
        '<a href="https://example.com/?a=1&amp;b=2">https://example.com/?a=1&amp;b=2</a>.</p><p>Bye</p>'
        f"<p>Reference: {SAID}</p>"
    ]


def test_only_the_whole_marker_counts(made: Bench) -> None:
    client = made.client()
    client.add_comment("131", "Eleven.", f"{SAID}1")
    client.add_comment("131", f"Not {SAID}-x.", f"x-{SAID}")
    assert not client.has_comment("131", SAID)
    assert not client.has_comment("131", MARKER)
    client.add_comment("131", "Seven.", SAID)
    assert client.has_comment("131", SAID)


def test_a_comment_is_found_on_a_later_page_and_in_another_project(made: Bench) -> None:
    made.azure.set(comment_page=2)
    client = made.client()
    for number in range(7):
        client.add_comment("131", f"Number {number}", f"{MARKER}-c{number}")
    assert all(client.has_comment("131", f"{MARKER}-c{number}") for number in range(7))
    assert not client.has_comment("131", f"{MARKER}-c9")
    made.azure.move_item(131, "Basic Board")
    assert client.has_comment("131", f"{MARKER}-c0")
    assert made.calls(lambda: client.has_comment("131", f"{MARKER}-c6")) == [
        "GET workitems/131", "GET Basic Board/workItems/131/comments",
    ]  # fmt: skip


def test_the_description_is_no_comment_and_a_deleted_comment_is_none_any_more(made: Bench) -> None:
    client = made.client()
    assert not client.has_comment("131", MARKER)
    client.add_comment("131", "Seven.", SAID)
    made.azure.delete_comment(131, 1)
    assert not client.has_comment("131", SAID)


def test_endless_comments_are_not_taken_for_none(made: Bench) -> None:
    made.azure.set(comment_page=1)
    client = made.client()
    for number in range(12):
        client.add_comment("131", "Again.", f"{MARKER}-c{number}")
    with pytest.raises(UnexpectedAnswer, match="more comments"):
        client.has_comment("131", f"{MARKER}-c0")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_comment_is_never_sent_twice(made: Bench, status: int) -> None:
    made.azure.fail_next(status, None, f"PATCH {ITEM}")
    client = made.client()
    first = len(made.azure.calls)
    with pytest.raises((RateLimited, Unreachable)):
        client.add_comment("131", "It is back.", SAID)
    assert len(made.azure.calls) == first + 1
    assert not client.has_comment("131", SAID)


def test_a_comment_whose_answer_was_lost_is_found(made: Bench) -> None:
    made.azure.hang(0.05, f"PATCH {ITEM}", after=True)
    client = made.client()
    with pytest.raises(Unreachable) as caught:
        client.add_comment("131", "It is back.", SAID)
    assert caught.value.sent
    assert client.has_comment("131", SAID)
    assert len(texts(made)) == 1


def test_refusals_are_told(made: Bench) -> None:
    client = made.client()
    made.azure.deny("vso.work_write")
    with pytest.raises(NotAllowed, match="Read & write"):
        client.add_comment("131", "It is back.", SAID)
    made.azure.allow("vso.work_write")
    made.azure.deny("SAVE_AREA")
    with pytest.raises(NotAllowed, match="Edit work items"):
        client.add_comment("131", "It is back.", SAID)
    made.azure.allow("SAVE_AREA")
    made.azure.delete_item(131)
    for act in (lambda: client.add_comment("131", "Gone?", SAID), lambda: client.has_comment("131", SAID)):
        with pytest.raises(NotFound):
            act()


def test_a_field_that_became_required_is_named(made: Bench) -> None:
    """Every change of a work item is held against the rules of now, a comment too."""
    made.azure.add_required_field("Ops", "Task", {"name": "Custom.Cause", "label": "Cause"})
    with pytest.raises(InvalidInput) as caught:
        made.client().add_comment("131", "It is back.", SAID)
    assert list(caught.value.field_errors) == ["Custom.Cause"]


@pytest.mark.parametrize("route", [ITEM, COMMENTS])
def test_an_odd_answer_is_not_taken_for_no_comment(made: Bench, route: str) -> None:
    for body in ([], {"fields": []}, {"comments": None}, {"value": []}):
        made.azure.fail_next(200, route=f"GET {route}", body=body)
        with pytest.raises(ProviderError):
            made.client().has_comment("131", SAID)
    made.exchanges.clear()  # bodies nobody describes
