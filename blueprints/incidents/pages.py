"""What the incident pages show: gathered once, for the whole page and for its partials alike."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import render_template, request, url_for

from blueprints.incidents import ticket_section
from forms.incidents import NoteForm
from models import Incident, IncidentStatus, Severity
from services import incident_lists, incidents
from services.incident_lists import Filters

STATUS_BADGES = {
    IncidentStatus.OPEN: ("new", "Open"),
    IncidentStatus.IN_PROGRESS: ("progress", "In progress"),
    IncidentStatus.RESOLVED: ("done", "Resolved"),
}
# For each status, where it can go and what the button says.
MOVES = {
    IncidentStatus.OPEN: ((IncidentStatus.IN_PROGRESS, "Start work"), (IncidentStatus.RESOLVED, "Resolve")),
    IncidentStatus.IN_PROGRESS: ((IncidentStatus.RESOLVED, "Resolve"),),
    IncidentStatus.RESOLVED: ((IncidentStatus.OPEN, "Reopen"),),
}


def filters() -> Filters:
    """The filters the address of this page names."""
    return Filters.of(request.args)


def listing(chosen: Filters) -> dict[str, Any]:
    """Everything the list shows."""
    page = incident_lists.page(chosen, cursor=request.args.get("cursor"))
    query = chosen.query()
    return {
        "filters": chosen,
        "rows": page.items,
        "count": incident_lists.count(chosen),
        # Links are put together once here: a call per row would cost more than the row.
        "rows_url": url_for("incidents.index"),
        "rows_query": "?" + urlencode(query) if query else "",
        "next_url": page.next_cursor and url_for("incidents.index", **query, cursor=page.next_cursor),
        "previous_url": page.previous_cursor and url_for("incidents.index", **query, cursor=page.previous_cursor),
        "badges": STATUS_BADGES,
    }


def choices(chosen: Filters) -> dict[str, Any]:
    """What the drop-downs over the list offer, as (name, label, value chosen, options)."""
    sources = incident_lists.sources()
    if chosen.source and chosen.source not in sources:
        sources.append(chosen.source)
    selects = (
        ("status", "Status", "Any status", [(s.value, label) for s, (_, label) in STATUS_BADGES.items()]),
        ("severity", "Severity", "Any severity", [(s.value, s.value.capitalize()) for s in Severity]),
        ("source", "Source", "Any source", [(source, source) for source in sources if source]),
        ("ticket", "Ticket", "Any ticket", list(incident_lists.TICKET_CHOICES.items())),
        ("sort", "Order", "", list(incident_lists.SORTS.items())),
    )
    return {"selects": [(name, label, none, getattr(chosen, name), options) for name, label, none, options in selects]}


def overview(incident: Incident, chosen: Filters) -> dict[str, Any]:
    """What head, overview and timeline of an incident show; the parts that change with every action."""
    return {
        "incident": incident,
        "query": chosen.query(),
        "status_badge": STATUS_BADGES[IncidentStatus(incident.status)],
        "moves": MOVES[IncidentStatus(incident.status)],
        "timeline": incidents.timeline(incident.id, everything=request.args.get("timeline") == "all"),
    }


def detail(incident: Incident, chosen: Filters, *, note: NoteForm | None = None) -> dict[str, Any]:
    """Everything the page of an incident shows."""
    return {
        **ticket_section.section(incident),
        **overview(incident, chosen),
        "neighbours": incident_lists.neighbours(incident, chosen),
        "note_form": note or NoteForm(formdata=None),
    }


def parts(incident: Incident, chosen: Filters) -> str:
    """Head, overview and timeline, each to be put in its place by htmx."""
    return render_template("incidents/_parts.html", oob=True, **overview(incident, chosen))
