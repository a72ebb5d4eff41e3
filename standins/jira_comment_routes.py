"""Routes of the sandbox Jira for comments on issues."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, Response, g, request

from standins import jira_adf
from standins.jira_issue_routes import no_issue, seen
from standins.jira_issues import jira_time
from standins.jira_state import sandbox
from standins.jira_wire import base_url, number, page_of, person_json, refuse, say
from standins.wire import answer

comments = Blueprint("comments", __name__, url_prefix="/rest/api/3/issue")
PAGE_LIMIT = 100
ORDERS = ("created", "+created", "-created")


@comments.get("/<reference>/comment")
def listed(reference: str) -> Response:
    """Comments page by page, the oldest first unless asked otherwise."""
    issue, order = seen(reference), request.args.get("orderBy", "created")
    if issue is None:
        return no_issue()
    if order not in ORDERS:
        return refuse(400, f"The order '{order}' is unknown.")
    found = issue.comments[::-1] if order == "-created" else list(issue.comments)
    start, size = number("startAt", 0), min(number("maxResults", PAGE_LIMIT), PAGE_LIMIT)
    values, figures = page_of([_shown(issue.id, comment) for comment in found], start, size)
    return answer({**figures, "comments": values})


@comments.post("/<reference>/comment")
def add(reference: str) -> Response:
    """Add a comment; its body is a document. 400 without the permission, 413 when the issue is full of them."""
    jira, issue = sandbox(), seen(reference)
    if issue is None:
        return no_issue()
    if not jira.may("ADD_COMMENTS"):
        return refuse(400, errors={"comment": say("no_comment")})
    message = jira_adf.problem(g.body.get("body"))
    if message:
        return refuse(400, errors={"comment": message})
    if len(issue.comments) >= jira.knobs.comment_limit:
        return refuse(413, say("comment_limit"))
    return answer(_shown(issue.id, jira.comment_on(issue, g.body["body"], g.caller.person.account_id)), 201)


def _shown(issue_id: str, comment: dict[str, Any]) -> dict[str, Any]:
    """A comment as Jira answers with it."""
    author = sandbox().people.get(comment["author"])
    when = jira_time(dt.datetime.fromtimestamp(comment["at"], dt.UTC))
    link = f"{base_url()}/rest/api/3/issue/{issue_id}/comment/{comment['id']}"
    people = {"author": person_json(author), "updateAuthor": person_json(author)} if author else {}
    shown = {"self": link, "id": comment["id"], "body": comment["body"], "created": when, "updated": when}
    return shown | people | {"jsdPublic": True}
