"""Routes of the sandbox Atlassian for OAuth: consent page, token endpoint, list of sites, gateway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, make_response, redirect, render_template_string, request
from werkzeug.wrappers import Response as AnyResponse

from standins.jira_oauth import CLOUD, JIRA_SCOPES, Refusal
from standins.jira_state import sandbox
from standins.jira_wire import base_url
from standins.wire import answer

oauth = Blueprint("oauth", __name__)
GATEWAY = "/ex/jira/"
REQUIRED = {"audience": "api.atlassian.com", "response_type": "code", "prompt": "consent"}

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} · Sandbox Atlassian</title></head>
<body><main>
<p>A local stand-in for demonstrations and tests, not Atlassian's product</p>
<h1>{{ title }}</h1>
{% if problem %}<p>{{ problem }}</p>{% else %}
<form method="post" action="/authorize">
<p>The app asks for:</p><ul>{% for scope in scopes %}<li>{{ scope }}</li>{% endfor %}</ul>
<fieldset><legend>Use app on</legend>
{% for site in sites %}<label><input type="checkbox" name="site" value="{{ site.id }}" checked>
{{ site.name }}</label>{% else %}<p>You have no site.</p>{% endfor %}</fieldset>
{% for name, value in fields.items() %}<input type="hidden" name="{{ name }}" value="{{ value }}">{% endfor %}
<button name="decision" value="accept">Accept</button> <button name="decision" value="deny">Cancel</button>
</form>{% endif %}
</main></body></html>"""


class Gateway:
    """WSGI: `/ex/jira/<cloud id>/rest/…` becomes `/rest/…`, marked with the cloud id."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(GATEWAY):
            cloud, _, rest = path.removeprefix(GATEWAY).partition("/")
            environ[CLOUD], environ["PATH_INFO"] = cloud, f"/{rest}"
        result: Iterable[bytes] = self.app(environ, start_response)
        return result


def _page(title: str, status: int = 200, **values: Any) -> Response:
    return make_response(render_template_string(PAGE, title=title, **values), status)


def _problem(values: Any) -> str:
    """Why the request for consent is not shown to anybody: Atlassian then never sends the browser back."""
    state = sandbox().oauth
    if values.get("client_id") not in state.clients:
        return "unauthorized_client: unknown client"
    if not values.get("redirect_uri") or (state.callback_url and values["redirect_uri"] != state.callback_url):
        return "unauthorized_client: Callback URL mismatch."
    wrong = [name for name, wanted in REQUIRED.items() if values.get(name) != wanted]
    return f"invalid_request: {', '.join(wrong)}" if wrong or not values.get("state") else ""


@oauth.get("/authorize")
def authorize() -> Response:
    """The consent page with its site picker."""
    problem = _problem(request.args)
    if problem:
        return _page("Something went wrong", 400, problem=problem)
    scopes = request.args.get("scope", "").split()
    fields = request.args.to_dict()
    return _page("Grant access", problem="", scopes=scopes, sites=sandbox().oauth.sites, fields=fields)


@oauth.post("/authorize")
def decide() -> AnyResponse:
    """Back to the app with a code, or with the person's no."""
    form = request.form
    problem = _problem(form)
    if problem:
        return _page("Something went wrong", 400, problem=problem)
    back = {"state": form["state"]}
    if form.get("decision") == "accept":
        scopes = form.get("scope", "").split()
        back["code"] = sandbox().consent(form["client_id"], form["redirect_uri"], scopes, form.getlist("site"))
    else:
        back |= {"error": "access_denied", "error_description": "User did not authorize the request"}
    return redirect(f"{form['redirect_uri']}?{urlencode(back)}")


@oauth.post("/oauth/token")
def token() -> Response:
    """Codes and refresh tokens for tokens; JSON only."""
    if not isinstance(g.body, dict):
        return answer({"error": "invalid_request", "error_description": "The body is not JSON"}, 400)
    try:
        return answer(sandbox().trade(g.body))
    except Refusal as refused:
        return answer({"error": refused.error, "error_description": refused.description}, refused.status)


@oauth.get("/oauth/token/accessible-resources")
def accessible_resources() -> Response:
    """The sites of the consent behind the token."""
    grant = sandbox().grant_of(request.headers.get("Authorization", "").removeprefix("Bearer "))
    if grant is None:
        return answer({"code": 401, "message": "Unauthorized"}, 401)
    scopes = sorted(grant.scopes - {"offline_access"})
    parts = [scopes]
    if sandbox().oauth.double_listing:
        parts = [[s for s in scopes if s != JIRA_SCOPES[0]], [s for s in scopes if s == JIRA_SCOPES[0]]]
    sites = [(site, part) for part in parts for site in grant.sites]
    return answer(
        [
            {"id": s.id, "name": s.name, "url": s.url or base_url(), "scopes": part, "avatarUrl": f"{base_url()}/a.png"}
            for s, part in sites
        ]
    )
