"""Routes of the sandbox Jira for webhooks: the API for OAuth apps, and the page for administrators."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, Response, g, make_response, redirect, render_template_string, request
from werkzeug.wrappers import Response as AnyResponse

from standins.jira_issues import jira_time
from standins.jira_jql import WEBHOOK_FIELDS, BadJql, parse
from standins.jira_oauth import CLOUD
from standins.jira_state import sandbox
from standins.jira_webhooks import EVENTS, LIFE_SECONDS, Webhook
from standins.jira_wire import number, page_of, refuse
from standins.wire import answer

webhooks = Blueprint("webhooks", __name__)
ROUTE = "/rest/api/3/webhook"
PAGE_ADDRESS = "/plugins/servlet/webhooks"
NOT_AN_APP = "Only Connect and OAuth 2.0 apps can use this operation."
PAGE_LIMIT = 100

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>WebHooks · Sandbox Jira</title></head>
<body><main>
<p>A local stand-in for demonstrations and tests, not Atlassian's product</p>
<h1>WebHooks</h1>
{% if webhooks %}<table><thead><tr><th>URL</th><th>JQL</th><th>Events</th><th>Made by</th></tr></thead><tbody>
{% for one in webhooks %}<tr><td>{{ one.url }}</td><td>{{ one.jql or "All issues" }}</td>
<td>{{ one.events | join(", ") }}</td><td>{{ "an app" if one.client_id else "an administrator" }}</td></tr>
{% endfor %}</tbody></table>{% else %}<p>There are none.</p>{% endif %}
<h2>Create a WebHook</h2>
<form method="post" action="{{ address }}">
<p><label>URL <input name="url" size="80" required></label></p>
<p><label>Secret <input name="secret" size="80"></label></p>
<p><label>JQL <input name="jql" size="80"></label></p>
<fieldset><legend>Events</legend>
{% for event in events %}<label><input type="checkbox" name="event" value="{{ event }}"
{%- if event in usual %} checked{% endif %}> {{ event }}</label> {% endfor %}</fieldset>
<button>Create</button>
</form>
</main></body></html>"""


def _app() -> str:
    """Client id of the app that calls; "" when the caller is none."""
    if CLOUD not in request.environ:
        return ""
    grant = sandbox().grant_of(request.headers.get("Authorization", "").partition(" ")[2])
    return grant.client_id if grant else ""


def _date(moment: float) -> str | int:
    """When a webhook ends, as Jira's examples have it or as its description declares it."""
    if sandbox().knobs.webhook_dates == "number":
        return int(moment * 1000)
    return jira_time(dt.datetime.fromtimestamp(moment, dt.UTC))


@webhooks.post(ROUTE)
def register() -> Response:
    """200 even when some, or all, were refused: each has its own result, in the order they came."""
    app, url, wanted = _app(), g.body.get("url"), g.body.get("webhooks")
    if not app:
        return refuse(403, NOT_AN_APP)
    if not isinstance(url, str) or not url.startswith(("https://", "http://")) or not wanted:
        return refuse(400, "The URL or the list of webhooks is missing or wrong.")
    with sandbox().lock:
        return answer({"webhookRegistrationResult": [_register(app, url, one) for one in wanted]})


def _register(app: str, url: str, wanted: dict[str, Any]) -> dict[str, Any]:
    jira, problems = sandbox(), _problems(app, url, wanted)
    if problems:
        return {"errors": problems}
    fields, ends = wanted.get("fieldIdsFilter") or [], jira.now() + LIFE_SECONDS
    made = Webhook(0, url, wanted["events"], wanted["jqlFilter"], fields, client_id=app, ends=ends)
    return {"createdWebhookId": jira.keep_webhook(made).id}


def _problems(app: str, url: str, wanted: dict[str, Any]) -> list[str]:
    """Why a webhook is not registered."""
    jira, known = sandbox(), sandbox().webhooks_of(app)
    problems = [f"The event {event} is unknown" for event in wanted.get("events") or [] if event not in EVENTS]
    if not wanted.get("events"):
        problems.append("At least one event is needed")
    if any(webhook.url != url for webhook in known):
        problems.append("Only a single URL per app is allowed to be registered via REST API")
    if len(known) >= jira.knobs.webhook_limit:
        problems.append(f"The limit of {jira.knobs.webhook_limit} webhooks per user is reached")
    try:
        parse(jira, wanted.get("jqlFilter") or "", WEBHOOK_FIELDS)
    except BadJql as bad:
        problems.append(str(bad))
    return problems


@webhooks.get(ROUTE)
def listed() -> Response:
    """The live webhooks of the calling app, page by page."""
    app = _app()
    if not app:
        return refuse(403, NOT_AN_APP)
    start, size = number("startAt", 0), min(number("maxResults", PAGE_LIMIT), PAGE_LIMIT)
    found = sandbox().webhooks_of(app)
    values, figures = page_of([_listed(webhook) for webhook in found], start, size)
    return answer({**figures, "isLast": start + len(values) >= len(found), "values": values})


def _listed(webhook: Webhook) -> dict[str, Any]:
    data: dict[str, Any] = {"id": webhook.id, "url": webhook.url, "events": webhook.events, "jqlFilter": webhook.jql}
    data |= {"fieldIdsFilter": webhook.fields} if webhook.fields else {}
    return data | ({"expirationDate": _date(webhook.ends)} if webhook.ends else {})


def _named() -> list[int] | None:
    """The ids in the body, None when there are none."""
    ids = g.body.get("webhookIds") if isinstance(g.body, dict) else None
    return ids if isinstance(ids, list) and ids else None


@webhooks.delete(ROUTE)
def remove() -> Response:
    """202 without a body; those of others, and those that are gone, are passed over."""
    app, ids = _app(), _named()
    if not app or ids is None:
        return refuse(403, NOT_AN_APP) if not app else refuse(400, "The list of webhook ids is missing.")
    for webhook in sandbox().webhooks_of(app):
        if webhook.id in ids:
            sandbox().remove_webhooks(webhook.id)
    response = Response(status=202)
    del response.headers["Content-Type"]
    return response


@webhooks.put(f"{ROUTE}/refresh")
def refresh() -> Response:
    """30 more days for those that are known; nobody is told about the others."""
    app, ids = _app(), _named()
    if not app or ids is None:
        return refuse(403, NOT_AN_APP) if not app else refuse(400, "The list of webhook ids is missing.")
    ends = sandbox().now() + LIFE_SECONDS
    for webhook in sandbox().webhooks_of(app):
        if webhook.id in ids:
            webhook.ends = ends
    return answer({"expirationDate": _date(ends)})


@webhooks.get(PAGE_ADDRESS)
def page() -> Response:
    """What an administrator sees: all webhooks, and a form for one more."""
    usual = ("jira:issue_updated", "jira:issue_deleted")
    shown = {"webhooks": sandbox().webhooks.values(), "events": sorted(EVENTS), "usual": usual}
    return make_response(render_template_string(PAGE, address=PAGE_ADDRESS, **shown))


@webhooks.post(PAGE_ADDRESS)
def create() -> AnyResponse:
    """An administrator presses Create."""
    form = request.form
    sandbox().add_admin_webhook(form["url"], form.get("secret", ""), form.get("jql", ""), tuple(form.getlist("event")))
    return redirect(PAGE_ADDRESS, 303)
