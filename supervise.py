"""Keeps a handful of processes running in one process group: start, watch, restart, stop together.

Nothing here knows the product; `serve.py` and `sandbox.py` say what is to run.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent

START_SECONDS = 60.0  # how long the product may take to answer
STOP_SECONDS = 20.0  # how long children may take to finish their requests before they are killed
STEADY_SECONDS = 60.0  # a child that ran this long starts its back-off anew
LONGEST_PAUSE = 30.0
PR_SET_PDEATHSIG = 1  # prctl(2), Linux


class StartFailed(Exception):
    """The start cannot go on; the message says why and what to do. `status` is the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class StopRequested(Exception):
    """SIGTERM, SIGINT or SIGHUP arrived."""


def say(line: str) -> None:
    """Print a line for the person at the terminal, at once."""
    print(line, flush=True)


def complain(line: str) -> None:
    """Print a line on standard error, at once."""
    print(line, file=sys.stderr, flush=True)


def end_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process a signal when its parent dies. Linux only; elsewhere it does nothing."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def _bind_to(parent: int) -> Callable[[], None]:
    """Return what a child runs between fork and exec so that it neither outlives `parent` nor hears Ctrl-C.

    Ctrl-C reaches the whole process group; the children ignore it because the parent tells them to stop in order.
    """

    def bind() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_with_parent(signal.SIGKILL)
        if os.getppid() != parent:  # it died before the request to the kernel was made
            os._exit(1)

    return bind


def start_process(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Start a child in this process group that dies with this process. Options are those of `subprocess.Popen`."""
    # This process has one thread, so running code between fork and exec is safe.
    return subprocess.Popen(
        list(command), cwd=ROOT, stdin=subprocess.DEVNULL, text=True, preexec_fn=_bind_to(os.getpid()), **options
    )


def stop_process(process: subprocess.Popen[str], deadline: float) -> None:
    """Ask a child to stop (SIGTERM); kill it when it still runs at `deadline` (monotonic seconds)."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_to_end(command: Sequence[str], *, capture: bool = False) -> tuple[int, str]:
    """Run a child to its end; return its exit status and, with `capture`, what it printed. A stop signal ends it."""
    process = start_process(command, stdout=subprocess.PIPE if capture else None)
    try:
        output, _ = process.communicate()
    except BaseException:
        stop_process(process, time.monotonic() + STOP_SECONDS)
        raise
    return process.returncode, output or ""


@dataclass
class Child:
    """A process that shall run all the time.

    `vital` children must survive the start, else the start has failed. Standard output of `quiet` ones is not shown.
    """

    name: str
    command: Sequence[str]
    vital: bool = False
    quiet: bool = False
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    pause: float = 1.0
    due: float = 0.0

    def start(self) -> None:
        """Start the process."""
        output = subprocess.DEVNULL if self.quiet else None
        self.process, self.started = start_process(self.command, stdout=output), time.monotonic()

    def look(self) -> None:
        """Restart the process when it is dead: after 1 s, then after twice as long each time, at most 30 s."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            if now - self.started >= STEADY_SECONDS:
                self.pause = 1.0
            status = self.process.returncode
            complain(f"The {self.name} ended with status {status}; starting it again in {self.pause:.0f} s.")
            self.process, self.due, self.pause = None, now + self.pause, min(self.pause * 2, LONGEST_PAUSE)
        if self.process is None and now >= self.due:
            self.start()


@dataclass
class Supervisor:
    """Starts children, keeps them alive and, at the end of its `with` block, ends all of them together."""

    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add(self, child: Child) -> None:
        """Start a child and look after it from now on."""
        self.children.append(child)
        child.start()

    def watch(self, is_up: Callable[[], bool]) -> None:
        """Wait until `is_up`; raise StartFailed when a vital child ends before, or after START_SECONDS."""
        deadline = time.monotonic() + START_SECONDS
        while not is_up():
            for child in self.children:
                if child.vital and child.process is not None and child.process.poll() is not None:
                    raise StartFailed(f"The {child.name} did not start (status {child.process.returncode}).")
            if time.monotonic() > deadline:
                raise StartFailed(f"The web server did not answer within {START_SECONDS:.0f} seconds.")
            time.sleep(0.1)

    def keep(self) -> None:
        """Restart whatever dies, until StopRequested is raised by a signal."""
        while True:
            for child in self.children:
                child.look()
            time.sleep(0.5)

    def stop(self) -> None:
        """Ask all children to stop at once, then wait for each."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            stop_process(process, deadline)


@contextlib.contextmanager
def stop_signals() -> Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGHUP into one StopRequested; later signals do not disturb the orderly stop."""

    def requested(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested

    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN or each != signal.SIGHUP:  # nohup stays nohup
            signal.signal(each, requested)
    yield


def guarded(main: Callable[[], None]) -> int:
    """Run `main` under the stop signals and return the exit status; failures print one sentence, no traceback."""
    try:
        with stop_signals():
            main()
    except StopRequested:
        say("Stopped.")
    except StartFailed as failure:
        complain(str(failure))
        return failure.status
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line and bind this process to its parent when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stop-with-parent", action="store_true", help="end when the calling program (make) ends")
    given = parser.parse_args()
    if given.stop_with_parent:
        end_with_parent(signal.SIGTERM)
    return given
