"""What happens to records of the sandbox ServiceNow after they were made: notes, moves, people, business rules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, request

from standins.server import serve
from standins.servicenow import ServiceNowStandin
from standins.servicenow_people import DANA_ID, TOM_ID, USER_NAME
from tests.standins.servicenow_caller import INCIDENTS, USERS, Api

JOURNAL = "/api/now/table/sys_journal_field"


@pytest.fixture
def api() -> Iterator[Api]:
    """A fresh sandbox on its own socket."""
    standin = ServiceNowStandin()
    with standin.serve() as server:
        yield Api(standin, server)
    standin.reset()


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], Any]]]]:
    """An address that takes everything, and what came."""
    app, got = Flask(__name__), list[tuple[dict[str, str], Any]]()

    @app.post("/hook")
    def hook() -> tuple[str, int]:
        got.append((dict(request.headers), request.get_json()))
        return "", 204

    with serve(app) as server:
        yield f"{server.url}/hook", got


def made(api: Api, table: str = "incident", **fields: str) -> str:
    """Address of a new record of ours."""
    record = api.create(table, correlation_display="Patchpanel", **fields).json()["result"]
    return f"/api/now/table/{table}/{record['sys_id']}"


# -- journals ------------------------------------------------------------------------------------------------------


def test_a_note_becomes_an_entry_and_the_record_keeps_no_text(api: Api) -> None:
    path = made(api)
    answer = api("PATCH", path, json={"work_notes": "First"}).json()["result"]
    assert answer["work_notes"] == ""
    api("PATCH", path, json={"work_notes": "Second", "state": "2"})
    entries = api.servicenow.notes("INC0010001")
    assert [(e["element"], e["value"], e["sys_created_by"]) for e in entries] == [
        ("work_notes", "First", USER_NAME),
        ("work_notes", "Second", USER_NAME),
    ]
    assert "work_notes" not in api.servicenow.records["INC0010001"]
    assert api.servicenow.records["INC0010001"]["state"] == "2"


def test_journals_show_all_entries_newest_first_with_display_values_only(api: Api) -> None:
    path = made(api, work_notes="First")
    api.servicenow.add_note("INC0010001", "Second")
    api.servicenow.add_note("INC0010001", "Hello", "comments")

    def read(show: str) -> Any:
        return api("GET", path, params={"sysparm_display_value": show, "sysparm_fields": "work_notes"}).json()["result"]

    assert read("false") == {"work_notes": ""}
    shown = read("all")["work_notes"]
    assert shown["value"] == ""
    lines = shown["display_value"].splitlines()
    assert [lines[1], lines[4]] == ["Second", "First"]
    assert lines[0].endswith(" - Dana Reyes (Work notes)")
    assert lines[3].endswith(" - Patchpanel Integration (Work notes)")
    assert read("true")["work_notes"] == shown["display_value"]
    api.servicenow.set(show_journals=False)
    assert read("all")["work_notes"] == {"display_value": "", "value": ""}


@pytest.mark.parametrize("knob", ["ignored_fields", "hidden_fields"])
def test_notes_can_be_dropped_without_a_word(api: Api, knob: str) -> None:
    path = made(api)
    api.servicenow.set(**{knob: ["incident.work_notes"]})
    assert api("PATCH", path, json={"work_notes": "First"}).status_code == 200
    assert api.servicenow.notes("INC0010001") == []


def test_unread_fields_can_be_written(api: Api) -> None:
    path = made(api)
    api.servicenow.set(unread_fields=["incident.work_notes"])
    assert "work_notes" not in api("PATCH", path, json={"work_notes": "First"}).json()["result"]
    assert [entry["value"] for entry in api.servicenow.notes("INC0010001")] == ["First"]


def test_long_notes_are_cut_and_empty_ones_are_none(api: Api) -> None:
    path = made(api)
    api("PATCH", path, json={"work_notes": "x" * 5000, "comments": ""})
    assert [len(entry["value"]) for entry in api.servicenow.notes("INC0010001")] == [4000]


def test_the_journals_table_is_counted_but_hidden_unless_opened(api: Api) -> None:
    path = made(api, work_notes="Find me")
    query = {"sysparm_query": f"element_id={path[-32:]}^element=work_notes^valueLIKEfind"}
    closed = api("GET", JOURNAL, params=query)
    assert closed.json() == {"result": []}
    assert closed.headers["X-Total-Count"] == "1"
    api.servicenow.set(journal_open=True)
    (row,) = api("GET", JOURNAL, params=query).json()["result"]
    assert (row["value"], row["name"], row["element_id"]) == ("Find me", "incident", path[-32:])
    query = {"sysparm_query": "element_id=x"}
    assert api("GET", JOURNAL, params=query).headers["X-Total-Count"] == "0"


def test_an_unknown_journal_is_none(api: Api) -> None:
    made(api)
    with pytest.raises(KeyError):
        api.servicenow.add_note("INC0010001", "x", "description")


def test_people_see_the_notes(api: Api) -> None:
    path = made(api, work_notes="<b>First</b>")
    page = api("GET", f"/incident.do?sys_id={path[-32:]}", headers={}).text
    assert "&lt;b&gt;First&lt;/b&gt;" in page
    assert "Work notes" in page


# -- moves and people ----------------------------------------------------------------------------------------------


def test_a_moved_record_is_gone_from_its_table_and_there_in_the_other(api: Api) -> None:
    path = made(api)
    api.servicenow.move_record("INC0010001", "problem", "PRB0040001")
    assert api("GET", path).status_code == 404
    moved = api("GET", path.replace("incident", "problem")).json()["result"]
    assert (moved["number"], moved["sys_class_name"]) == ("PRB0040001", "problem")
    assert api("GET", path.replace("incident", "task")).json()["result"]["sys_class_name"] == "problem"


def test_the_base_table_has_its_own_names_for_states(api: Api) -> None:
    path = made(api, "change_request")
    show = {"sysparm_display_value": "true", "sysparm_fields": "state"}
    assert api("GET", path, params=show).json()["result"] == {"state": "New"}
    assert api("GET", path.replace("change_request", "task"), params=show).json()["result"] == {"state": "Pending"}


def test_people_can_be_renamed_deactivated_and_removed(api: Api) -> None:
    api.servicenow.rename_person("dana.reyes", "Dana Novak")
    api.servicenow.set_active("dana.reyes", False)
    api.servicenow.remove_person("tom.becker")
    (row,) = api.rows(f"sys_idIN{DANA_ID},{TOM_ID}", USERS)
    assert (row["name"], row["active"]) == ("Dana Novak", "false")
    with pytest.raises(KeyError):
        api.servicenow.remove_person("tom.becker")


# -- business rules ------------------------------------------------------------------------------------------------


def test_every_update_is_sent_with_the_secret_by_whoever_makes_it(api: Api) -> None:
    path = made(api, assigned_to=DANA_ID)
    with receiver() as (address, got):
        api.servicenow.paste_webhook(address, "s3cret")
        api("PATCH", path, json={"urgency": "1"})
        api.servicenow.set_state("INC0010001", "2")
        api("POST", f"/incident.do?sys_id={path[-32:]}", headers={}, data={"state": "6"})
        api.servicenow.change("INC0010001", assigned_to=TOM_ID)
        api.servicenow.add_note("INC0010001", "Done")
        api.servicenow.hooks.wait()
    assert [body["state"] for _, body in got] == ["1", "2", "6", "6", "6"]
    headers, body = got[-1]
    assert (headers["X-Webhook-Token"], headers["Content-Type"]) == ("s3cret", "application/json")
    assert headers["User-Agent"] == "ServiceNow/1.0"
    record = api.servicenow.records["INC0010001"]
    assert body == {
        name: record[name]
        for name in ("sys_id", "sys_class_name", "number", "state", "correlation_id", "sys_updated_on")
    }


def test_reading_creating_and_deleting_send_nothing(api: Api) -> None:
    with receiver() as (address, got):
        api.servicenow.paste_webhook(address, "s3cret")
        path = made(api)
        api("GET", path)
        api("PATCH", path.replace("incident", "problem"), json={"state": "2"})
        api.servicenow.delete_record("INC0010001")
        api.servicenow.hooks.wait()
    assert got == []


def test_the_filter_condition_leaves_records_of_others_out(api: Api) -> None:
    api.create()
    with receiver() as (address, got):
        api.servicenow.paste_webhook(address, "s3cret")
        api.servicenow.set_state("INC0010001", "2")
        api.servicenow.hooks.wait()
        assert got == []
        api.servicenow.paste_webhook(address, "other", only_ours=False)
        api.servicenow.set_state("INC0010001", "3")
        api.servicenow.hooks.wait()
    assert [headers["X-Webhook-Token"] for headers, _ in got] == ["other"]


def test_rules_end_when_removed_and_with_a_reset(api: Api) -> None:
    with receiver() as (address, got):
        api.servicenow.paste_webhook(address, "s3cret")
        api.servicenow.remove_webhooks()
        made(api)
        api.servicenow.set_state("INC0010001", "2")
        api.servicenow.paste_webhook(address, "s3cret")
        api.servicenow.reset()
        made(api)
        api.servicenow.set_state("INC0010001", "2")
        api.servicenow.hooks.wait()
    assert got == []


def test_a_receiver_that_asks_back_at_once_does_not_block_the_sandbox(api: Api) -> None:
    path, seen = made(api), list[str]()
    app, done = Flask(__name__), threading.Event()

    @app.post("/hook")
    def hook() -> tuple[str, int]:
        seen.append(api("GET", path).json()["result"]["state"])
        done.set()
        return "", 204

    with serve(app) as server:
        api.servicenow.paste_webhook(f"{server.url}/hook", "s3cret")
        api.servicenow.set_state("INC0010001", "2")
        assert done.wait(5)
        api.servicenow.hooks.wait()
    assert seen == ["2"]


def test_rules_and_notes_can_be_set_over_http(api: Api) -> None:
    made(api)
    with receiver() as (address, got):
        assert api("POST", "/_standin/paste_webhook", json={"url": address, "secret": "s3cret"}).status_code == 200
        for name, values in {
            "add_note": {"number": "INC0010001", "text": "First"},
            "move_record": {"number": "INC0010001", "table": "problem"},
            "change": {"number": "INC0010001", "short_description": "Other"},
            "rename_person": {"user": "dana.reyes", "name": "Dana Novak"},
            "remove_person": {"user": "sam.lee"},
            "remove_webhooks": {},
        }.items():
            assert api("POST", f"/_standin/{name}", json=values).json() == {"result": None}
        notes = api("POST", "/_standin/notes", json={"number": "INC0010001"}).json()["result"]
        api.servicenow.hooks.wait()
    assert [entry["value"] for entry in notes] == ["First"]
    assert [body["sys_class_name"] for _, body in got] == ["incident", "problem", "problem"]
    state = api("GET", "/_standin/state").json()
    assert [each["statuses"] for each in state["deliveries"]] == [[204]] * 3
    assert (state["rules"], "s3cret" in str(state)) == ([], False)


def test_deliveries_can_be_held_turned_round_and_repeated_and_are_tried_once(api: Api) -> None:
    made(api)
    with receiver() as (address, got):
        api.servicenow.paste_webhook(address, "s3cret")
        api.servicenow.hold_webhooks()
        for state in ("2", "3"):
            api.servicenow.set_state("INC0010001", state)
        assert got == []
        api.servicenow.release_webhooks(backwards=True)
        api.servicenow.hooks.wait()
        assert [body["state"] for _, body in got] == ["3", "2"]
        api.servicenow.replay_webhooks(2)
        api.servicenow.hooks.wait()
        assert len(got) == 6
    api.servicenow.set_state("INC0010001", "6")
    api.servicenow.hooks.wait()
    assert [attempt.status for attempt in api.servicenow.hooks.deliveries[-1].attempts] == [None]


def test_an_address_elsewhere_gets_nothing(api: Api) -> None:
    path = made(api)
    api.servicenow.paste_webhook("https://patchpanel.example/hook", "s3cret")
    assert api("PATCH", path, json={"state": "2"}).status_code == 200
    assert api.servicenow.hooks.deliveries == []


def test_a_held_note_is_written_once_its_answer_is_lost(api: Api) -> None:
    path = made(api)
    api.servicenow.hang(0, "PATCH /api/now/table/*", after=True)
    with pytest.raises(OSError, match=r"."):
        api("PATCH", path, json={"work_notes": "First"})
    assert [entry["value"] for entry in api.servicenow.notes("INC0010001")] == ["First"]
    assert api("GET", INCIDENTS).status_code == 200
