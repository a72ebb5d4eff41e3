"""The discussion of a work item.

A comment is written as System.History by JSON Patch: documented for a work item's number alone, in REST 7.1 proper, and
HTML. The comments API writes too, but only under the item's project, which may have changed, so that it would take two
calls; it is a preview, and does not say which format it takes. What was said is read by it, as nothing else lists the
newest first (workItems/{id}/comments, REST 7.1-preview.4).
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from providers.azure_devops import items
from providers.azure_devops.texts import safe_html
from providers.azure_devops.wire import READ_ITEMS, Wire

VERSION = "7.1-preview.4"
PAGE = "200"
MOST_PAGES = 10


def add(wire: Wire, number: str, text: str, marker: str) -> None:
    """Add a comment with one call; the marker stands in its last line."""
    said = f"{safe_html(text)}<p>Reference: {html.escape(marker)}</p>"
    with wire.door.creating():
        wire.patch("PATCH", items.path(number), [items.add(f"/fields/{items.HISTORY}", said)])


def holds(wire: Wire, number: str, marker: str) -> bool:
    """Whether a comment has the marker; deleted ones do not count. Raises UnexpectedAnswer when there are too many."""
    query = {"fields": "System.TeamProject"}
    project = _project(wire, wire.get(items.path(number), needs=READ_ITEMS, **query))
    path = f"{quote(project, safe='')}/_apis/wit/workItems/{quote(number, safe='')}/comments"
    # Whole markers only: one may begin with another.
    wanted = re.compile(rf"(?<![\w-]){re.escape(html.escape(marker))}(?![\w-])")
    token = ""
    for _ in range(MOST_PAGES):
        more = {"continuationToken": token} if token else {}
        page = wire.get(path, needs=READ_ITEMS, version=VERSION, **{"$top": PAGE, "order": "desc", **more})
        if any(wanted.search(text) for text in _texts(wire, page)):
            return True
        token = str(page.get("continuationToken") or "")
        if not token:
            return False
    raise wire.unexpected("The work item has more comments than Patchpanel reads.", "Look for the comment yourself.")


def _project(wire: Wire, item: Any) -> str:
    values = item.get("fields") if isinstance(item, Mapping) else None
    project = values.get("System.TeamProject") if isinstance(values, Mapping) else None
    if not project:
        raise wire.unexpected("Azure DevOps' answer is not a work item.", "Try again later.")
    return str(project)


def _texts(wire: Wire, page: Any) -> list[str]:
    listed = page.get("comments") if isinstance(page, Mapping) else None
    if not isinstance(listed, list):
        raise wire.unexpected("Azure DevOps' list of comments has an unknown form.", "Try again later.")
    return [str(entry.get("text") or "") for entry in listed if isinstance(entry, Mapping)]
