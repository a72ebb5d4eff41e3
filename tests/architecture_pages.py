"""The rules for templates, script and style, in the shape of `architecture.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tests.architecture import ROOT, Source, at, provider_keys

_INLINE = {
    r"\|\s*safe\b": "skips escaping",
    r"\bautoescape\b": "changes escaping",
    r"\bMarkup\(": "skips escaping",
    r"<style\b|\sstyle\s*=": "styles in place",
    r"<script\b(?![^>]*\bsrc=)": "scripts in place",
    r"\son[a-z]+\s*=": "scripts in place",
    r"\bhx-on\b": "scripts in place",
    r"\bjavascript:": "scripts in place",
}


@lru_cache(maxsize=1)
def page_files() -> Sequence[Source]:
    """Templates and our own script and style."""
    paths = [*sorted((ROOT / "templates").rglob("*.html")), ROOT / "static" / "app.js", ROOT / "static" / "app.css"]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def no_page_names_a_provider(file: Source) -> Iterator[str]:
    """Templates, script and style know no provider by its key."""
    for key in provider_keys():
        for number, line in enumerate(file.text.splitlines(), 1):
            if re.search(rf"(?<![\w.]){re.escape(key)}(?!\w)", line):
                yield at(file, number, f"names the provider {key}")


def templates_are_inert(file: Source) -> Iterator[str]:
    """No template skips escaping or holds script or style of its own."""
    if file.path.startswith("templates/"):
        for pattern, words in _INLINE.items():
            for match in re.finditer(pattern, file.text, re.IGNORECASE):
                yield at(file, file.text.count("\n", 0, match.start()) + 1, words)


def partials_begin_with_an_underscore(file: Source) -> Iterator[str]:
    """A template is either a page, which extends base.html, or a partial, whose name begins with an underscore."""
    if not file.path.startswith("templates/") or file.path == "templates/base.html":
        return
    is_page = bool(re.search(r"{%-?\s*extends\s+[\"']base\.html[\"']", file.text))
    if is_page == Path(file.path).name.startswith("_"):
        yield at(file, 1, "is a page with a partial's name" if is_page else "is a partial without underscore")
