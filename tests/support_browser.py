"""Finds the Chromium of this machine and starts it for tests. `python -m tests.support_browser` prints its path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

# The tests look at our pages only: nothing of the browser's own housekeeping shall run or reach the network.
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class BrowserMissing(RuntimeError):
    """No usable Chromium on this machine; the message says how to get one."""


def _runs(path: str) -> bool:
    """Say whether the program starts: Ubuntu's `chromium-browser` may be an empty shell that asks for a snap."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=30, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@cache
def find_chromium() -> Path:
    """Return the path of a Chromium or Chrome that starts; raise BrowserMissing when there is none."""
    for name in NAMES:
        found = shutil.which(name)
        if found and _runs(found):
            return Path(found)
    raise BrowserMissing("No Chromium found. Please run: sudo apt-get install -y chromium (or install Google Chrome).")


def launch(playwright: Playwright) -> Browser:
    """Start the browser without a window; the caller closes it.

    Chromium refuses its own sandbox to root, so only root runs without it.
    """
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = [*ARGUMENTS, "--no-sandbox"] if root else list(ARGUMENTS)
    return playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=arguments)


if __name__ == "__main__":
    try:
        print(find_chromium())
    except BrowserMissing as missing:
        sys.exit(str(missing))
