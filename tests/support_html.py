"""Reading pages as a person or a browser does."""

from __future__ import annotations

import re
from typing import Any

import html5lib


def visible_text(page: str) -> str:
    """The text of a page, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).strip()


def inputs(page: str) -> dict[str, Any]:
    """Names and values of the fields in the page's dialog, as a browser would send them."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    dialog = tree.find(".//dialog")
    assert dialog is not None, "no dialog on the page"
    values: dict[str, Any] = {}
    for element in dialog.iter():
        name = element.get("name")
        if not name or name == "csrf_token":
            continue
        if element.tag == "select" and "multiple" in element.attrib:
            several = [o.get("value") or "" for o in element.iter("option") if "selected" in o.attrib]
            values |= {name: several} if several else {}
        elif element.tag == "select":
            chosen = [o for o in element.iter("option") if "selected" in o.attrib] or list(element.iter("option"))[:1]
            values[name] = (chosen[0].get("value") or "") if chosen else ""
        elif element.tag == "textarea":
            values[name] = element.text or ""
        elif element.tag == "input" and element.get("type") in ("checkbox", "radio"):
            # Those not ticked are not sent.
            values |= {name: element.get("value") or "on"} if "checked" in element.attrib else {}
        elif element.tag == "input":
            values[name] = element.get("value") or ""
    return values
