"""The production start as tests run it: a process group of its own, an own folder, driven over HTTP like a browser.

`Product` starts `serve.py` with the interpreter of the tests and kills its whole group at once, as a power cut would;
`Browser` fills in the pages' own forms without JavaScript.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 120.0
COMMAND_SECONDS = 120.0
PASSWORD = "violet kettle drums under slate 41"


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, check: Any, seconds: float = 30.0) -> None:
    """Wait until `check()` is true. Raises AssertionError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


class Product:
    """Patchpanel as `make serve` runs it, with everything it keeps in one folder.

    Args:
        folder: where its database, keys and log lie.
        allow: entry of PATCHPANEL_OUTBOUND_ALLOW.
        database_url: PostgreSQL database; SQLite in `folder` without it.
        settings: further settings by their names.
    """

    def __init__(self, folder: Path, *, allow: str, database_url: str = "", **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        own = ("PATCHPANEL_", "DATABASE_URL", "HOST", "PORT", "WEB_", "WORKER", "FLASK_", "REDIS_URL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        self.environment = {
            **kept,
            "DATABASE_URL": database_url or f"sqlite:///{folder / 'patchpanel.sqlite3'}",
            "PATCHPANEL_KEYRING_FILE": str(folder / "keyring"),
            "PATCHPANEL_SECRET_KEY_FILE": str(folder / "secret_key"),
            "PATCHPANEL_OUTBOUND_ALLOW": allow,
            "PATCHPANEL_SETTLE_SECONDS": "2",
            "PORT": str(self.port),
            "WEB_PROCESSES": "1",
            "WORKER": "0",
            **settings,
        }

    def start(self) -> None:
        """Start it and wait until it is ready. Raises AssertionError with its log when it is not within two minutes."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "serve.py", "--stop-with-parent"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until("the product is ready", self._ready, READY_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text(errors='replace')[-3000:]}") from None

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-3000:]
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/readyz", timeout=2).status_code == 200
        return False

    def kill(self) -> None:
        """SIGKILL for the whole process group: nothing of the product gets to run another instruction."""
        kill_group(self.process)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a `flask` command beside the server, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "app", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def flask(self, *arguments: str, typed: str = "") -> str:
        """Run a `flask` command to its end and return what it printed. Raises AssertionError when it fails."""
        process = self.begin(*arguments)
        output, _ = process.communicate(typed, timeout=COMMAND_SECONDS)
        assert process.returncode == 0, output
        return output

    def add_user(self, email: str, role: str = "admin") -> None:
        """Make a person who signs in with PASSWORD."""
        self.flask("users", "add", email, "--name", "Test Person", "--role", role, "--password-stdin", typed=PASSWORD)

    def browser(self, email: str) -> Browser:
        """A browser in which this person is signed in."""
        browser = Browser(self.url)
        answer = browser.submit("/sign-in", {"email": email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return browser

    def __enter__(self) -> Product:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def kill_group(process: subprocess.Popen[Any] | None) -> None:
    """SIGKILL for the group of a process that leads one, and wait for its end. Does nothing when it is over."""
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Browser:
    """A browser without JavaScript: cookies and forms."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, headers: dict[str, str] | None = None) -> requests.Response:
        """A page, or a part of one when the headers ask for it."""
        return self.session.get(self.url + path, headers=headers, timeout=30, allow_redirects=False)

    def post(self, path: str, data: dict[str, Any]) -> requests.Response:
        """Send a filled-in form as it is."""
        return self.session.post(self.url + path, data=data, timeout=60, allow_redirects=False)

    def form(self, path: str, action: str = "") -> dict[str, Any]:
        """What the form on a page holds, by field name. `action` says which form; the page's own address without."""
        return Form(self.get(path).text, action or path).values

    def submit(self, path: str, data: dict[str, Any], *, page: str = "") -> requests.Response:
        """Open the page of a form (`page`, else the form's own address), fill it in and send it."""
        return self.post(path, {**self.form(page or path, path), **data})


class Form(HTMLParser):
    """The values of one form of a page, as a browser would send them."""

    def __init__(self, html: str, action: str) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}
        self.options: dict[str, dict[str, str]] = {}
        self._action, self._inside, self._select, self._option, self._area = action, False, "", "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        name = found.get("name", "")
        if tag == "form":
            self._inside = found.get("action", self._action) == self._action
        elif self._inside and tag == "input" and name and found.get("type") not in ("checkbox", "radio"):
            self.values[name] = found.get("value", "")
        elif self._inside and tag == "textarea":
            self._area, self.values[name] = name, ""
        elif self._inside and tag == "select":
            self._select, self.options[name] = name, {}
        elif self._select and tag == "option":
            self._option = found.get("value", "")
            if "selected" in found or self._select not in self.values:
                self.values[self._select] = self._option

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data
        elif self._select and data.strip():
            self.options[self._select][data.strip()] = self._option


def last_number(text: str) -> int:
    """The last number of an address ("/incidents/7" → 7). Raises AssertionError when there is none."""
    found = re.findall(r"\d+", text)
    assert found, text
    return int(found[-1])
