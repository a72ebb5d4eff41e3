"""Plain text as the HTML that the long fields of work items hold."""

from __future__ import annotations

import html
import re

_ADDRESS = re.compile(r"https?://[^\s<>\"']+")


def safe_html(text: str) -> str:
    """Plain text as HTML in which nothing typed is mark-up; addresses become links, blank lines paragraphs."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()) if part.strip()]
    return "".join(f"<p>{'<br>'.join(_linked(line) for line in part.splitlines())}</p>" for part in paragraphs)


def _linked(line: str) -> str:
    pieces, end = [], 0
    for found in _ADDRESS.finditer(line):
        address = found.group().rstrip(".,;:!?)")
        pieces.append(html.escape(line[end : found.start()]))
        pieces.append(f'<a href="{html.escape(address)}">{html.escape(address)}</a>')
        end = found.start() + len(address)
    return "".join(pieces) + html.escape(line[end:])
