"""Waking the worker: a message that something is due now. Rows with a due time are the truth, so losing it loses
nothing; the worker looks at the rows by itself as well.
"""

from __future__ import annotations

import logging
from typing import Protocol

from flask import current_app

NAME = "patchpanel.queue"
log = logging.getLogger("patchpanel.queue")


class Queue(Protocol):
    """What worker.py installs."""

    def ask(self, task: str, row_id: int | str, *, seconds: float) -> None:
        """Have a worker run this task for this row after so many seconds."""

    def length(self) -> int:
        """Messages nobody has taken yet."""

    def place(self) -> str:
        """Where the queue lies, for people; no password."""


def wake(task: str, row_id: int, *, seconds: float = 0.0) -> bool:
    """Ask for a task of worker.py to be run for a row. Call it after the commit that made the row due.

    A queue that cannot be reached is logged and otherwise ignored: the periodic tasks find the row. Returns whether the
    message lies in the queue.
    """
    queue: Queue | None = current_app.extensions.get(NAME)
    if queue is None:
        return False
    try:
        queue.ask(task, row_id, seconds=seconds)
    except Exception as error:
        # Whatever is wrong with the queue must not fail what was done and committed already.
        log.warning("the worker could not be woken", extra={"task": task, "reason": type(error).__name__})
        return False
    return True
