"""The Atlassian Document Format as far as a create call needs it: judging documents, and reading their text."""

from __future__ import annotations

from typing import Any

NOT_A_DOCUMENT = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
# For a document that parses but is not acceptable. Assumed, not verified: a code in errorMessages, named for no field.
INVALID = "INVALID_INPUT"
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
MAX_LENGTH = 32_767

BLOCKS = {
    "paragraph", "heading", "bulletList", "orderedList", "listItem", "codeBlock", "blockquote", "rule", "panel",
    "table", "tableRow", "tableCell", "tableHeader", "expand",
}  # fmt: skip
INLINES = {"text", "hardBreak", "mention", "emoji", "inlineCard", "date", "status"}
MARKS = {"link", "strong", "em", "code", "strike", "underline", "textColor", "subsup"}


def problem(value: Any) -> str:
    """Why Jira refuses this value as a document; "" when it is a good one."""
    if not (isinstance(value, dict) and value.get("type") == "doc" and isinstance(value.get("content"), list)):
        return NOT_A_DOCUMENT
    if value.get("version") != 1 or not all(_good_node(node, BLOCKS) for node in value["content"]):
        return INVALID
    return TOO_LONG if len(text(value)) > MAX_LENGTH else ""


def _good_node(node: Any, allowed: set[str]) -> bool:
    """Whether a node and everything below it is known and complete."""
    if not isinstance(node, dict) or node.get("type") not in allowed:
        return False
    if node["type"] == "text":
        return _good_text(node)
    content = node.get("content", [])
    inside = INLINES if node["type"] in ("paragraph", "heading", "codeBlock") else BLOCKS
    return isinstance(content, list) and all(_good_node(child, inside) for child in content)


def _good_text(node: dict[str, Any]) -> bool:
    """An empty text node is invalid; a link needs its address."""
    if not (isinstance(node.get("text"), str) and node["text"]):
        return False
    marks = node.get("marks", [])
    return isinstance(marks, list) and all(_good_mark(mark) for mark in marks)


def _good_mark(mark: Any) -> bool:
    if not isinstance(mark, dict) or mark.get("type") not in MARKS:
        return False
    return mark["type"] != "link" or bool(mark.get("attrs", {}).get("href"))


def text(value: Any) -> str:
    """The plain text of a document: one line per block."""
    if not isinstance(value, dict):
        return ""
    if value.get("type") == "text":
        return str(value.get("text", ""))
    if value.get("type") == "hardBreak":
        return "\n"
    parts = [text(child) for child in value.get("content", [])]
    inline = value.get("type") in ("paragraph", "heading", "codeBlock")
    return "".join(parts) if inline else "\n".join(parts)
