"""The checked-in list of routes. `python -m tests.route_list` writes it anew after a wished change."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from flask import Flask

from app import create_app
from config import load_settings

FILE = Path(__file__).with_name("route-list.json")
UPDATE = "If the change is wished, run: .venv/bin/python -m tests.route_list"


def current(app: Flask) -> list[dict[str, object]]:
    """Every route of the application: address, methods, endpoint, who may call it."""
    found = []
    for rule in app.url_map.iter_rules():
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        access = str(getattr(app.view_functions[rule.endpoint], "_access", ""))
        found.append({"address": rule.rule, "methods": methods, "endpoint": rule.endpoint, "access": access})
    return sorted(found, key=lambda route: (str(route["address"]), str(route["methods"])))


def written(routes: list[dict[str, object]]) -> str:
    """The list as it stands in the file: one route a line."""
    return "[\n" + ",\n".join("  " + json.dumps(route) for route in routes) + "\n]\n"


def main() -> None:
    """Write the list."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("DATABASE_URL", "PATCHPANEL_KEYRING_FILE", "PATCHPANEL_SECRET_KEY_FILE")
        values = (f"sqlite:///{folder}/database", f"{folder}/keyring", f"{folder}/secret_key")
        app = create_app(load_settings(dict(zip(names, values, strict=True))))
        FILE.write_text(written(current(app)), encoding="utf-8")


if __name__ == "__main__":
    main()
