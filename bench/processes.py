"""The processes of a run: the product as production starts it, the bare page, the sandbox Jira; what they use."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config import SETTINGS, load_settings
from serve import FLASK, answers, web_command
from supervise import ROOT, start_process, stop_process

EMAIL = "bench@patchpanel.example"
PASSWORD = "measure-twice-cut-once-7"  # noqa: S105 - of a throw-away installation
START_SECONDS = 60.0
START_ALL_SECONDS = 180.0  # the database is prepared before
STOP_SECONDS = 20.0
TICKS = os.sysconf("SC_CLK_TCK")
PRODUCT = "serve:web_app"
BARE = "bench.bare:web_app"


class BenchFailed(RuntimeError):
    """A step of the run failed; the message says which and what it printed."""


@dataclass
class Server:
    """A running server and its address."""

    process: subprocess.Popen[str]
    url: str

    def processor_seconds(self) -> float:
        """Processor time used so far by the process and its children (user and system, from /proc)."""
        return sum(_ticks(pid) for pid in _family(self.process.pid)) / TICKS

    def memory_kilobytes(self) -> int:
        """Resident memory of the largest process (the one that answers)."""
        return max(_resident(pid) for pid in _family(self.process.pid))

    def stop(self) -> None:
        """End it."""
        stop_process(self.process, time.monotonic() + STOP_SECONDS)


def _family(pid: int) -> list[int]:
    """The process and everything it started. Raises BenchFailed when it is gone."""
    try:
        lines = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError as error:
        raise BenchFailed("a server has ended during the run") from error
    return [pid, *(member for line in lines for child in line.split() for member in _family(int(child)))]


def _ticks(pid: int) -> int:
    """utime + stime: fields 14 and 15 of proc_pid_stat(5). The second field may hold spaces, so count after it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(database_url: str, folder: Path, allow: str) -> dict[str, str]:
    """The environment of one installation: none of the caller's own settings, one web process, no worker."""
    ours = {setting.name for setting in SETTINGS}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    port = free_port()
    return {
        **inherited,
        "DATABASE_URL": database_url,
        "PATCHPANEL_KEYRING_FILE": str(folder / "keyring"),
        "PATCHPANEL_SECRET_KEY_FILE": str(folder / "secret_key"),
        "PATCHPANEL_OUTBOUND_ALLOW": allow,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_PROCESSES": "1",
        "WORKER": "0",
    }


def start_web(environ: Mapping[str, str], log: Path, application: str = PRODUCT) -> Server:
    """Start the product's web server, or another application in the same server program, and wait for its answer.

    Raises BenchFailed with the end of its log when it does not come up.
    """
    settings = load_settings(environ)
    command = [*web_command(settings)[:-1], application]
    with log.open("a") as output:
        process = start_process(command, env=dict(environ), stdout=output, stderr=output)
    server = Server(process, f"http://127.0.0.1:{settings.port}")
    _wait(server, settings.port, log)
    return server


def start_product(environ: Mapping[str, str], log: Path) -> Server:
    """Start everything as `make serve` does and wait until it is ready. Raises BenchFailed when it does not come up."""
    with log.open("a") as output:
        command = (sys.executable, "serve.py", "--stop-with-parent")
        process = start_process(command, env=dict(environ), stdout=output, stderr=output)
    port = load_settings(environ).port
    server = Server(process, f"http://127.0.0.1:{port}")
    _wait(server, port, log, "/readyz", START_ALL_SECONDS)
    return server


def start_standin(name: str, log: Path) -> Server:
    """Start a sandbox provider in a process of its own."""
    port = free_port()
    with log.open("a") as output:
        command = (sys.executable, "-m", "standins", name, "--port", str(port))
        process = start_process(command, stdout=output, stderr=output)
    server = Server(process, f"http://127.0.0.1:{port}")
    _wait(server, port, log, "/_standin/state")
    return server


def _wait(server: Server, port: int, log: Path, path: str = "/livez", seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not answers("127.0.0.1", port, path):
        if server.process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            raise BenchFailed("a server did not start:\n" + log.read_text(errors="replace")[-2000:])
        time.sleep(0.005)


def run(command: Sequence[str], environ: Mapping[str, str], typed: str = "") -> str:
    """Run a command to its end and return what it printed. Raises BenchFailed when it fails."""
    done = subprocess.run(
        list(command), cwd=ROOT, env=dict(environ), input=typed, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchFailed(f"{' '.join(command[1:])} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def install(environ: Mapping[str, str]) -> None:
    """Prepare an installation and add its administrator, both with the product's own commands."""
    run((*FLASK, "prepare"), environ)
    add = ("users", "add", EMAIL, "--name", "Bench", "--role", "admin", "--password-stdin")
    run((*FLASK, *add), environ, PASSWORD + "\n")


def module(name: str, *arguments: object) -> tuple[str, ...]:
    """The command that runs a part of this package in a process of its own."""
    return (sys.executable, "-m", f"bench.{name}", *(str(each) for each in arguments))
