"""Making an incident by form."""

from __future__ import annotations

from flask.testing import FlaskClient
from sqlalchemy import select

from extensions import db
from models import Incident

FORM = {
    "title": "Disk full",
    "description": "99 %\nsince noon",
    "severity": "high",
    "source": "Prometheus",
    "labels": "db, prod,,db",
}


def stored() -> list[Incident]:
    return list(db.session.scalars(select(Incident).execution_options(populate_existing=True)))


def test_the_address_opens_the_page_with_the_dialog(responder: FlaskClient) -> None:
    page = responder.get("/incidents/new").get_data(as_text=True)
    assert "<dialog open" in page
    assert "<h1>Incidents</h1>" in page
    for label in ("Title", "Description", "Severity", "Source", "Labels"):
        assert f">{label}</label>" in page
    for severity in ("Critical", "High", "Medium", "Low"):
        assert f">{severity}</option>" in page
    assert ">Create incident</button>" in page


def test_htmx_gets_the_dialog_only(responder: FlaskClient) -> None:
    page = responder.get("/incidents/new", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert page.strip().startswith("<dialog open")


def test_create_incident_leads_to_it(responder: FlaskClient) -> None:
    answer = responder.post_form("/incidents/new", FORM)
    assert answer.status_code == 303
    incident = stored()[0]
    assert answer.headers["Location"].endswith(f"/incidents/{incident.id}")
    assert (incident.title, incident.labels, incident.source) == ("Disk full", ["db", "prod"], "Prometheus")
    page = responder.get(answer.headers["Location"]).get_data(as_text=True)
    assert f"{incident.key} created" in page
    assert "99 %<br>since noon" in page
    assert "Responder Example" in page


def test_with_htmx_the_browser_is_sent_there(responder: FlaskClient) -> None:
    answer = responder.post_htmx("/incidents/new", FORM)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].endswith(f"/incidents/{stored()[0].id}")


def test_a_refused_form_keeps_what_was_typed(responder: FlaskClient) -> None:
    answer = responder.post_htmx("/incidents/new", {**FORM, "title": " ", "description": "keep me"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Title is missing." in page
    assert 'aria-invalid="true"' in page
    assert 'role="alert"' in page
    assert "keep me" in page
    assert stored() == []


def test_an_invented_severity_is_refused(responder: FlaskClient) -> None:
    answer = responder.post_form("/incidents/new", {**FORM, "severity": "awful"})
    assert answer.status_code == 422
    assert "Severity must be" in answer.get_data(as_text=True)


def test_members_may_not(member: FlaskClient) -> None:
    assert member.get("/incidents/new").status_code == 403
    assert member.post_form("/incidents/new", FORM).status_code == 403
    assert stored() == []


def test_without_the_form_token_nothing_happens(responder: FlaskClient) -> None:
    assert responder.post("/incidents/new", data=FORM).status_code == 400
    assert stored() == []
