"""What people see of the sandbox Azure DevOps: a list and a page per work item, plainly marked as a sandbox."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template_string, request
from werkzeug.wrappers import Response as AnyResponse

from standins.azure_devops_state import ORGANIZATION, sandbox

pages = Blueprint("pages", __name__)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ item.type ~ " " ~ item.id ~ " · " ~ item.title if item else "Work items" }} · Sandbox Azure DevOps</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f3f5f6;color:#1b2a33}
header{background:#17495a;color:#fff;padding:.6rem 1.2rem;display:flex;gap:1rem;flex-wrap:wrap}
header a{color:#fff;font-weight:600;text-decoration:none}
main{max-width:50rem;margin:1.5rem auto;padding:1.2rem 1.6rem;background:#fff;border:1px solid #d9dfe2;
border-radius:8px}
table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.45rem;border-bottom:1px solid #d9dfe2}
dl{display:grid;grid-template-columns:8rem 1fr;gap:.4rem}dd{margin:0}dt,.key{color:#586a73}
.state{padding:.1rem .5rem;border-radius:4px;background:#e3ebee;font-size:.85rem;font-weight:600}
pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere}button{font:inherit;padding:.35rem .9rem;cursor:pointer}
</style>
</head>
<body>
<header><a href="/{{ organization }}">Sandbox Azure DevOps</a>
<span>A local stand-in for demonstrations and tests, not Microsoft's product</span></header>
<main>
{% if item %}
<p class="key">{{ item.type }} {{ item.id }}</p>
<h1>{{ item.title }}</h1>
<dl>
<dt>State</dt><dd><span class="state">{{ item.state }}</span></dd>
<dt>Assigned to</dt><dd>{{ people[item.assignee].name if item.assignee in people else "Unassigned" }}</dd>
<dt>Project</dt><dd>{{ item.project }}</dd>
<dt>Tags</dt><dd>{{ item.tags | join(", ") or "None" }}</dd>
</dl>
<form method="post" action="/{{ organization }}/{{ item.project | urlencode }}/_workitems/edit/{{ item.id }}/state">
{% for state, _ in states %}<button name="state" value="{{ state }}"
{%- if state == item.state %} disabled{% endif %}>{{ state }}</button> {% endfor %}
</form>
<h2>Description</h2>
<pre>{{ text | striptags or "No description" }}</pre>
{% for said in item.comments if not said.deleted %}{% if loop.first %}<h2>Discussion</h2>
{% endif %}<p class="key">{{ people[said.author].name }}, {{ said.created }}</p><pre>{{ said.text | striptags }}</pre>
{% endfor %}
{% for link in item.relations %}<p>Link: <a href="{{ link.url }}">{{ link.attributes.comment or link.url }}</a></p>
{% endfor %}
{% elif missing %}
<h1>Work item not found</h1><p>{{ missing }} does not exist in this sandbox.</p>
{% else %}
<h1>Work items</h1>
{% if items %}<table><thead><tr><th>ID</th><th>Title</th><th>State</th><th>Assigned to</th></tr></thead><tbody>
{% for one in items %}<tr>
<td><a href="/{{ organization }}/{{ one.project | urlencode }}/_workitems/edit/{{ one.id }}">{{ one.id }}</a></td>
<td>{{ one.title }}</td><td><span class="state">{{ one.state }}</span></td>
<td>{{ people[one.assignee].name if one.assignee in people else "Unassigned" }}</td></tr>{% endfor %}
</tbody></table>{% else %}<p>No work items yet. They appear here as soon as a ticket is created.</p>{% endif %}
{% endif %}
</main></body></html>"""
TEXT_FIELDS = ("System.Description", "Microsoft.VSTS.TCM.ReproSteps", "System.History")


def _page(status: int = 200, **values: object) -> Response:
    html = render_template_string(PAGE, people=sandbox().people, organization=ORGANIZATION, **values)
    return make_response(html, status)


@pages.get("/")
@pages.get("/sandbox")
@pages.get("/sandbox/")
def listing() -> Response:
    """All work items, newest first."""
    found = sorted(sandbox().work_items.values(), key=lambda item: item.id, reverse=True)
    return _page(items=[item for item in found if not item.deleted])


@pages.get("/sandbox/<project>/_workitems/edit/<int:number>")
def show(project: str, number: int) -> Response:
    """One work item, under whichever project it was linked."""
    item = sandbox().work_items.get(number)
    if item is None or item.deleted or sandbox().project(project) is None:
        return _page(404, missing=f"Work item {number}")
    kind = sandbox().projects[item.project].type(item.type)
    text = next((str(item.values[name]) for name in TEXT_FIELDS if item.values.get(name)), "")
    return _page(item=item, states=kind.states if kind else (), text=text)


@pages.post("/sandbox/<project>/_workitems/edit/<int:number>/state")
def change_state(project: str, number: int) -> AnyResponse:
    """A person presses one of the state buttons."""
    try:
        sandbox().set_state(number, request.form.get("state", ""))
    except KeyError:
        return _page(404, missing=f"Work item {number}")
    return redirect(f"/{ORGANIZATION}/{project}/_workitems/edit/{number}", 303)
