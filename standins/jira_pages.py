"""What people see of the sandbox Jira: a list of issues and a page per issue, plainly marked as a sandbox."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template_string, request
from werkzeug.wrappers import Response as AnyResponse

from standins import jira_adf
from standins.jira_issues import WORKFLOW
from standins.jira_state import sandbox

pages = Blueprint("pages", __name__)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ issue.key ~ " · " ~ issue.summary if issue else "Issues" }} · Sandbox Jira</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#172b4d}
header{background:#0747a6;color:#fff;padding:.6rem 1.2rem;display:flex;gap:1rem;flex-wrap:wrap}
header a{color:#fff;font-weight:600;text-decoration:none}
main{max-width:50rem;margin:1.5rem auto;padding:1.2rem 1.6rem;background:#fff;
border:1px solid #dfe1e6;border-radius:8px}
table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.45rem;border-bottom:1px solid #dfe1e6}
.key{color:#5e6c84}.status{padding:.1rem .5rem;border-radius:4px;background:#dfe1e6;font-size:.85rem;font-weight:600}
.status.done{background:#dcfff1}.status.indeterminate{background:#e9f2ff}
dl{display:grid;grid-template-columns:8rem 1fr;gap:.4rem}dd{margin:0}dt{color:#5e6c84}
pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere}button{font:inherit;padding:.35rem .9rem;cursor:pointer}
</style>
</head>
<body>
<header><a href="/">Sandbox Jira</a> <a href="/plugins/servlet/webhooks">WebHooks</a>
<span>A local stand-in for demonstrations and tests, not Atlassian's product</span></header>
<main>
{% if issue %}
<p class="key">{{ issue.key }}</p>
<h1>{{ issue.summary }}</h1>
<dl>
<dt>Status</dt><dd><span class="status {{ issue.status.category }}">{{ issue.status.name }}</span></dd>
<dt>Assignee</dt><dd>{{ people[issue.assignee].name if issue.assignee in people else "Unassigned" }}</dd>
<dt>Project</dt><dd>{{ projects[issue.project_key].name }}</dd>
<dt>Labels</dt><dd>{{ issue.labels | join(", ") or "None" }}</dd>
</dl>
<form method="post" action="/browse/{{ issue.key }}/status">
{% for status in workflow %}<button name="status" value="{{ status.name }}"
{%- if status.name == issue.status.name %} disabled{% endif %}>{{ status.name }}</button> {% endfor %}
</form>
<h2>Description</h2>
<pre>{{ issue.description_text or "No description" }}</pre>
{% if issue.comments %}<h2>Comments</h2>
{% for comment in issue.comments %}<p class="key">
{{- people[comment.author].name if comment.author in people else "Former user" }}</p>
<pre>{{ adf_text(comment.body) }}</pre>{% endfor %}{% endif %}
{% for link in issue.links %}<p>Link: <a href="{{ link.object.url }}">{{ link.object.title }}</a></p>{% endfor %}
{% elif missing %}
<h1>Issue not found</h1><p>{{ missing }} does not exist in this sandbox.</p>
{% else %}
<h1>Issues</h1>
{% if issues %}<table><thead><tr><th>Key</th><th>Summary</th><th>Status</th><th>Assignee</th></tr></thead><tbody>
{% for one in issues %}<tr><td><a href="/browse/{{ one.key }}">{{ one.key }}</a></td><td>{{ one.summary }}</td>
<td><span class="status {{ one.status.category }}">{{ one.status.name }}</span></td>
<td>{{ people[one.assignee].name if one.assignee in people else "Unassigned" }}</td></tr>{% endfor %}
</tbody></table>{% else %}<p>No issues yet. They appear here as soon as a ticket is created.</p>{% endif %}
{% endif %}
</main></body></html>"""


def _page(status: int = 200, **values: object) -> Response:
    jira = sandbox()
    known = {"people": jira.people, "projects": jira.projects, "workflow": WORKFLOW, "adf_text": jira_adf.text}
    html = render_template_string(PAGE, **known, **values)
    return make_response(html, status)


@pages.get("/")
def listing() -> Response:
    """All issues, newest first."""
    return _page(issues=sorted(sandbox().issues.values(), key=lambda issue: int(issue.id), reverse=True))


@pages.get("/browse/<key>")
def browse(key: str) -> AnyResponse:
    """One issue; a former key leads to the present one."""
    issue = sandbox().find(key)
    if issue is None:
        return _page(404, missing=key)
    return _page(issue=issue) if issue.key == key else redirect(f"/browse/{issue.key}")


@pages.post("/browse/<key>/status")
def change_status(key: str) -> AnyResponse:
    """A person presses one of the status buttons."""
    try:
        sandbox().set_status(key, request.form.get("status", ""))
    except KeyError:
        return _page(404, missing=key)
    return redirect(f"/browse/{key}", 303)
