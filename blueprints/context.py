"""What every template gets: navigation, messages, addresses of static files, readable times."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, request, url_for

from blueprints import static_files
from blueprints.access import actor
from blueprints.rendering import pending_messages
from providers.base import utcnow
from services import background, notices
from services.actors import Permission
from services.runtime import settings
from services.times import duration


@dataclass(frozen=True)
class Item:
    """One entry of the navigation."""

    label: str
    url: str = ""
    active: bool = False
    children: list[Item] = field(default_factory=list)


# What a group holds: (label, endpoint, permission), or a group of its own. A group without a name stands at the top.
NAVIGATION: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("", (("Incidents", "incidents.index", Permission.INCIDENT_READ),)),
    ("Setup", (("Integration Users", "integration_users.index", Permission.INTEGRATION_USER_READ),)),
    (
        "Settings",
        (
            ("System Info", "settings.system", Permission.SYSTEM_READ),
            ("Organization", (("Integrations", "integrations.index", Permission.CONNECTION_MANAGE),)),
            ("Users", "settings.users", Permission.USER_MANAGE),
            ("Activity", "settings.activity", Permission.ACTIVITY_READ),
            ("Audit log", "settings.audit", Permission.AUDIT_READ),
        ),
    ),
)


def navigation() -> list[Item]:
    """The entries this person may open; groups without any are left out."""
    items: list[Item] = []
    for group, entries in NAVIGATION:
        children = _items(entries)
        items.extend(children if not group else [Item(group, children=children)] if children else [])
    return items


def _items(entries: tuple[Any, ...]) -> list[Item]:
    found = []
    for entry in entries:
        if len(entry) == 2:
            children = _items(entry[1])
            found.extend([Item(entry[0], children=children)] if children else [])
        elif actor().may(entry[2]):
            url = url_for(entry[1])
            found.append(Item(entry[0], url, _under(url)))
    return found


def _under(url: str) -> bool:
    """Whether the page shown belongs to this entry."""
    return request.path == url or request.path.startswith(url + "/")


def ago(moment: dt.datetime | None, now: dt.datetime | None = None) -> str:
    """A time as people say it: "just now", "2 min ago", "3 days ago"."""
    if moment is None:
        return "never"
    seconds = ((now or utcnow()) - moment).total_seconds()
    for limit, size, unit in ((45, 1, ""), (3600, 60, "min"), (86400, 3600, "hour"), (86400 * 30, 86400, "day")):
        if seconds < limit:
            if not unit:
                return "just now"
            count = max(1, round(seconds / size))
            plural = "" if count == 1 or unit == "min" else "s"
            return f"{count} {unit}{plural} ago"
    return moment.strftime("%d %b %Y")


def ahead(moment: dt.datetime | None, now: dt.datetime | None = None) -> str:
    """A time to come as people say it: "now", "in 2 min", "in 3 hours"."""
    if moment is None:
        return "never"
    seconds = (moment - (now or utcnow())).total_seconds()
    return "now" if seconds < 1 else f"in {duration(round(seconds))}"


def exact(moment: dt.datetime | None) -> str:
    """A time in full, in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC") if moment else ""


@lru_cache(maxsize=4)
def _sandbox(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


def sandbox() -> dict[str, Any] | None:
    """What to type into the dialogs of the sandbox; None outside `make demo` or when dismissed."""
    path = settings().sandbox_file
    if not path or request.cookies.get("pp-sandbox") == "dismissed":
        return None
    return _sandbox(path)


def worker_missing() -> bool:
    """Whether to tell this person that the background work stands still. Asked for by whole pages only."""
    return actor().may(Permission.SYSTEM_READ) and background.worker_missing()


def bell() -> notices.Bell:
    """The bell of whoever is signed in. Asked for by whole pages only: it costs a query."""
    return notices.bell(actor())


def register(app: Flask) -> None:
    """Make all of it known to the templates."""
    app.jinja_env.filters["ago"] = ago
    app.jinja_env.filters["ahead"] = ahead
    app.jinja_env.filters["duration"] = duration
    app.jinja_env.filters["exact"] = exact
    app.jinja_env.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    app.jinja_env.globals["static_url"] = static_files.url

    @app.context_processor
    def _context() -> dict[str, Any]:
        from flask_login import current_user

        signed_in = current_user.is_authenticated
        return {
            "actor": actor(),
            "Permission": Permission,
            "navigation": navigation() if signed_in else [],
            "messages": pending_messages(),
            "sandbox": sandbox() if signed_in else None,
            "notification_bell": bell,
            "notifications_url": url_for("notifications.index"),
            "worker_missing": worker_missing,
        }
