"""How the sandbox Jira reads credentials and words its answers (Atlassian's REST description; 401s as measured)."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import Request, Response, g, request

from standins import jira_texts
from standins.jira_issues import Issue, jira_time
from standins.jira_oauth import CLOUD
from standins.jira_people import ACCOUNT_PASSWORD, ADMIN_EMAIL, ADMIN_ID, Person
from standins.jira_state import Sandbox, sandbox
from standins.wire import HTML_TYPE, answer

NOT_AUTHENTICATED = "Client must be authenticated to access this resource."
# Only the first sentence is known.
PASSWORDS_GONE = (
    "Basic authentication with passwords is deprecated.  For more information, see: "
    "https://developer.atlassian.com/cloud/confluence/deprecation-notice-basic-auth/"
)


@dataclass(frozen=True)
class Caller:
    """Who a request acts as; `login_reason` is its X-Seraph-LoginReason, `refusal` an answer of its own."""

    person: Person | None = None
    login_reason: str = ""
    refusal: Response | None = None


def base_url() -> str:
    """The site's address as the caller reached it."""
    return request.host_url.rstrip("/")


def nothing() -> Response:
    """204 without a body."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def say(key: str, /, **values: object) -> str:
    """A sentence in the language of this answer: the account's, unless the caller pinned English."""
    knobs = sandbox().knobs
    pinned = request.headers.get("X-Force-Accept-Language", "").lower() == "true"
    english = pinned and request.headers.get("Accept-Language", "").lower().startswith("en")
    language = "en" if english and not knobs.ignore_language_pin else knobs.language
    return jira_texts.sentence(key, language, **values)


def refuse(status: int, *messages: str, errors: dict[str, str] | None = None) -> Response:
    """An error in Jira's shape."""
    return answer({"errorMessages": list(messages), "errors": errors or {}}, status)


def problem(status: int, title: str, detail: str) -> Response:
    """An error in the problem+json shape that Jira uses for malformed requests."""
    data = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": request.path}
    return answer(data, status, "application/problem+json")


def authenticate(incoming: Request, jira: Sandbox) -> Caller:
    """Who the Authorization header stands for. On the site address, a wrong one makes the caller anonymous."""
    scheme, _, value = incoming.headers.get("Authorization", "").partition(" ")
    if CLOUD in incoming.environ:
        return _at_gateway(incoming, jira, value)
    if scheme.lower() == "bearer":
        return Caller(refusal=_bearer_refused(value))
    if scheme.lower() != "basic":
        return Caller()
    if jira.knobs.auth_denied:
        return Caller(login_reason="AUTHENTICATION_DENIED")
    email, secret = _basic(value)
    if email == ADMIN_EMAIL and secret == ACCOUNT_PASSWORD:
        return Caller(refusal=Response(PASSWORDS_GONE, status=401, content_type=HTML_TYPE))
    if not secret or jira.tokens.get(email) != secret:
        return Caller(login_reason="AUTHENTICATED_FAILED")
    return Caller(person=jira.person_by_email(email))


def _at_gateway(incoming: Request, jira: Sandbox, token: str) -> Caller:
    """The gateway judges the token itself and lets nobody through anonymously."""
    refused = jira.gateway_refusal(token, incoming.environ[CLOUD], incoming.method, incoming.path)
    if refused is None:
        return Caller(person=jira.people[ADMIN_ID])
    status, words = refused
    return Caller(refusal=answer({"code": status, "message": words}, status))


def _basic(value: str) -> tuple[str, str]:
    """Lower-case e-mail and secret of a Basic header, empty texts when it is malformed."""
    try:
        email, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return email.lower(), secret


def _bearer_refused(token: str) -> Response:
    """OAuth tokens belong to the gateway; the site address takes none."""
    if token.count(".") == 2:
        return Response("Unauthorized", status=401, content_type=HTML_TYPE)
    return answer({"error": "Failed to parse Connect Session Auth Token"}, 403)


def signed_in() -> bool:
    """Whether the request carries good credentials."""
    return g.caller.person is not None


class BadNumber(ValueError):
    """A query parameter that should be a whole number and is not."""


def number(name: str, default: int) -> int:
    """A whole number from the query; the default when absent. Raises BadNumber."""
    text = request.args.get(name, str(default))
    if not text.isdecimal():
        raise BadNumber(f"Failed to convert '{name}' with value: '{text}'")
    return int(text)


def page_of(items: list[Any], start: int, size: int) -> tuple[list[Any], dict[str, int]]:
    """One page of a list and the paging figures that go with it."""
    return items[start : start + size], {"startAt": start, "maxResults": size, "total": len(items)}


def person_json(person: Person) -> dict[str, object]:
    """An account as this caller may see it."""
    return person.as_json(base_url(), hide_email=sandbox().knobs.hide_emails)


def issue_fields(issue: Issue) -> dict[str, Any]:
    """All fields of an issue."""
    jira, base = sandbox(), base_url()
    project = jira.projects[issue.project_key]
    issue_type = next((t for p in jira.projects.values() for t in p.types if t.id == issue.type_id), None)
    assignee = jira.people.get(issue.assignee or "")
    return {
        **issue.values,
        "labels": issue.labels,
        "summary": issue.summary,
        "description": issue.values.get("description"),
        "project": project.as_json(base),
        "issuetype": issue_type.as_json(base) if issue_type else None,
        "status": issue.status.as_json(base),
        "statuscategorychangedate": jira_time(issue.updated),
        "resolution": {"id": "10000", "name": "Done"} if issue.status.category == "done" else None,
        "assignee": person_json(assignee) if assignee else None,
        "reporter": person_json(jira.people[issue.reporter]),
        "creator": person_json(jira.people[issue.reporter]),
        "created": jira_time(issue.created),
        "updated": jira_time(issue.updated),
    }


def issue_json(issue: Issue, wanted: list[str]) -> dict[str, Any]:
    """An issue with the wanted fields (`*all` and `*navigable` mean every one); without any, its id alone."""
    if not wanted or wanted == ["id"]:
        return {"id": issue.id}
    everything = issue_fields(issue)
    if not any(name.startswith("*") for name in wanted):
        everything = {name: everything[name] for name in wanted if name in everything}
    return {
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "id": issue.id,
        "key": issue.key,
        "self": f"{base_url()}/rest/api/3/issue/{issue.id}",
        "fields": everything,
    }


def rate_headers() -> dict[str, str]:
    """The rate-limit headers of an ordinary answer."""
    reset = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=1)
    return {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "99",
        "X-RateLimit-Reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "X-RateLimit-NearLimit": "false",
        "RateLimit-Policy": '"global-app-quota";q=65000;w=3600',
        "RateLimit": '"global-app-quota";r=64990;t=3500',
    }
