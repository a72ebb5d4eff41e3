"""Plain text as an Atlassian Document, the only form REST v3 takes for long texts, and back.

Source: Atlassian Document Format reference; an empty text node is invalid, a blank paragraph has no content.
"""

from __future__ import annotations

import re
from typing import Any

LIMIT = 32_767  # characters of a description (stated by the vendor for the rendered text)
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]]")


def document(text: str, ending: str = "") -> dict[str, Any]:
    """The text as a document: one paragraph a line, addresses as links. A text that is too long loses its end, but
    never the `ending` that comes after it.
    """
    plain_text = text.replace("\r\n", "\n")[: LIMIT - len(ending)] + ending
    lines = plain_text.split("\n")
    return {"type": "doc", "version": 1, "content": [_paragraph(line) for line in lines]}


def _paragraph(line: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(_inline(line))}


def _inline(line: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    position = 0
    for found in _LINK.finditer(line):
        if found.start() > position:
            nodes.append({"type": "text", "text": line[position : found.start()]})
        link = {"type": "link", "attrs": {"href": found.group()}}
        nodes.append({"type": "text", "text": found.group(), "marks": [link]})
        position = found.end()
    if position < len(line):
        nodes.append({"type": "text", "text": line[position:]})
    return nodes


def plain(node: Any) -> str:
    """All text of a document, for finding our marker in it. Anything that is not a document gives ""."""
    if isinstance(node, str):
        return node
    if not isinstance(node, dict):
        return ""
    if node.get("type") == "text":
        return str(node.get("text", ""))
    if node.get("type") == "hardBreak":
        return "\n"
    content = node.get("content")
    parts = [plain(child) for child in content] if isinstance(content, list) else []
    return ("\n" if node.get("type") == "doc" else "").join(parts)
