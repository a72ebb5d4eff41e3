"""Structured logs: one JSON object a line on standard output, with the request id."""

from __future__ import annotations

import logging
import sys

from flask import g, has_app_context
from pythonjsonlogger.json import JsonFormatter


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = g.get("request_id", "") if has_app_context() else ""
        return True


def configure() -> None:
    """Send all logs to standard output as JSON lines.

    Libraries that speak to the outside are kept at WARNING: at DEBUG they print headers and bodies.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}{request_id}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    handler.addFilter(_RequestId())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in ("urllib3", "requests", "alembic", "werkzeug"):
        logging.getLogger(name).setLevel(logging.WARNING)
