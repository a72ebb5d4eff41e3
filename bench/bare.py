"""The bare page: what a page of these bytes costs in this server with Flask and Jinja alone.

No session, no user, no database, no forms: the rows lie in memory, one loop prints and escapes them. `shape` takes the
measure of one of our pages, `web_app` serves pages of those shapes. The same server program runs both.
"""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path
from typing import Any

from flask import Flask, Response

SHAPES = "BENCH_SHAPES"
_BODY = re.compile(r"<tbody>(.*?)</tbody>", re.DOTALL)
_ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<t[dh]\b[^>]*>(.*?)</t[dh]>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_TEXT = re.compile(r">([^<]*[^<\s][^<]*)<")


def shape(page: str) -> dict[str, Any]:
    """What a bare page needs to be like this one: fixed bytes around, rows of texts, fixed bytes in each row.

    A page without a table has one row: all its texts (they come from memory too).
    """
    body = _BODY.search(page)
    found = _ROW.findall(body[1]) if body else []
    rows = [[_plain(cell) for cell in _CELL.findall(row)] for row in found] or [
        [_plain(t) for t in _TEXT.findall(page)]
    ]
    inside = body[1] if body and found else page
    # Escaped as the template will print them.
    texts = sum(len(html.escape(text).encode()) for row in rows for text in row)
    markup = max(0, len(inside.encode()) - texts) // len(rows)
    return {"around": len(page.encode()) - len(inside.encode()), "rows": rows, "row_markup": markup}


def _plain(markup: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split())


def web_app() -> Flask:
    """The application for Granian: one address per shape in the file that BENCH_SHAPES names, and /livez."""
    import serve

    serve.end_with_parent(serve.signal.SIGKILL)
    path = os.environ.get(SHAPES)
    return make_app(json.loads(Path(path).read_text(encoding="utf-8")) if path else {})


def make_app(shapes: dict[str, dict[str, Any]]) -> Flask:
    """The application with a page per shape, at /NAME."""
    app = Flask("bench.bare", static_folder=None)
    pages = {name: (app.jinja_env.from_string(_template(each)), each["rows"]) for name, each in shapes.items()}

    @app.get("/livez")
    def livez() -> str:
        return "ok"

    @app.get("/<name>")
    def page(name: str) -> Response:
        template, rows = pages[name]
        return Response(template.render(rows=rows), content_type="text/html; charset=utf-8")

    return app


def _template(wanted: dict[str, Any]) -> str:
    """Fixed text of the right length, and a loop over rows whose texts are printed one by one."""
    cells = max((len(row) for row in wanted["rows"]), default=0)
    columns = "".join(f"<td>{{{{ row[{number}] }}}}</td>" for number in range(cells))
    padding = "." * max(0, wanted["row_markup"] - len("<tr></tr>") - cells * len("<td></td>"))
    loop = "{% for row in rows %}<tr>" + columns + padding + "</tr>{% endfor %}"
    return "<!doctype html>" + "." * max(0, wanted["around"] - len("<!doctype html>")) + loop
