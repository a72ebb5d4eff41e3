"""All settings in one table: read once at start-up from the environment; help and docs are made from it too."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from providers.addresses import SETTING as ALLOW
from providers.addresses import parse_allow

INSTANCE = Path(__file__).resolve().parent / "instance"
TASKS = ("settle",)  # what PATCHPANEL_INTERVALS may name
_NUMBER = re.compile(r"-?[0-9]{1,9}")


class SettingsError(ValueError):
    """A setting has a value that cannot be used; the message names it, the value and what is expected."""


@dataclass(frozen=True)
class Setting:
    """One line of the table: environment variable, default (as text), what it means, how it is read."""

    name: str
    default: str
    help: str
    read: Callable[[str], Any] = str


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a whole number")
    return int(text)


def _whole(text: str) -> int:
    number = _number(text)
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _positive(text: str) -> int:
    number = _number(text)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def _port(text: str) -> int:
    number = _number(text)
    if not 0 < number < 65536:
        raise ValueError("must be between 1 and 65535")
    return number


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def _database(text: str) -> str:
    """PostgreSQL addresses are accepted without naming a driver."""
    for prefix in ("postgresql://", "postgres://"):
        if text.startswith(prefix):
            text = "postgresql+psycopg://" + text.removeprefix(prefix)
    if not text.startswith(("postgresql+psycopg://", "sqlite://")):
        raise ValueError("must begin with sqlite:// or postgresql://")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("must look like postgresql://user@host:5432/name or sqlite:///path/to/file") from None
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("must name a file, because several processes use it: sqlite:///path/to/file")
    return text


def _base_url(text: str) -> str:
    if text and not _is_origin(text):
        raise ValueError("must look like https://patchpanel.example.com")
    return text.rstrip("/")


def _vendor_url(text: str) -> str:
    if not _is_origin(text):
        raise ValueError("must look like https://auth.example.com")
    return text.rstrip("/")


def _is_origin(text: str) -> bool:
    """Whether it is scheme, host and perhaps a port, and nothing else."""
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    return named and parts.scheme in ("http", "https") and not (parts.path.strip("/") or parts.query or parts.fragment)


def _allow(text: str) -> str:
    try:
        parse_allow(text)
    except ValueError as error:
        # It names the setting for its other callers; the sentence around ours does that already.
        reason = str(error).removeprefix(f"{ALLOW}: ").removesuffix(".")
        raise ValueError(f"cannot be read: {reason}") from None
    return text


def _file(text: str) -> str:
    if text and not Path(text).is_file():
        raise ValueError("is not the name of a file")
    return text


def _intervals(text: str) -> dict[str, int]:
    found = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (part.strip() for part in entry.partition("="))
        if name not in TASKS or not _NUMBER.fullmatch(value) or int(value) < 1:
            raise ValueError(f"must name tasks with their seconds, as in settle=15 (tasks: {', '.join(TASKS)})")
        found[name] = int(value)
    return found


def shown(text: str) -> str:
    """A wrong value as it may be repeated: without the password of a URL, and not endlessly."""
    clean = re.sub(r"(//[^:@/]*):.*@", r"\1:•••@", text)
    return clean if len(clean) <= 100 else clean[:99] + "…"


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "DATABASE_URL",
        f"sqlite:///{INSTANCE / 'patchpanel.sqlite3'}",
        "SQLAlchemy URL of the database: SQLite or PostgreSQL. postgresql:// needs no driver name.",
        _database,
    ),
    Setting(
        "PATCHPANEL_BASE_URL",
        "",
        "Public address. Every link that leaves the page is built from it, never from the Host header. "
        "Without it: http://127.0.0.1:$PORT.",
        _base_url,
    ),
    Setting(
        "PATCHPANEL_KEYRING_FILE",
        str(INSTANCE / "keyring"),
        "Key ring that seals stored credentials, newest key first. Made on first start with mode 0600. "
        "Keep a copy somewhere safe, apart from database backups.",
    ),
    Setting(
        "PATCHPANEL_SECRET_KEY_FILE",
        str(INSTANCE / "secret_key"),
        "Key that signs form tokens and cookies of signed-out visitors. Made on first start.",
    ),
    Setting(
        "PATCHPANEL_OUTBOUND_ALLOW",
        "",
        "Comma list of addresses that outbound calls may reach although private: [http://]host:port[=CIDR] or "
        "[CIDR]:port. Plain http only with the prefix. "
        "Example: http://127.0.0.1:9001,jira.corp.example:443=10.2.0.0/16,[fd00::/8]:443",
        _allow,
    ),
    Setting("PATCHPANEL_TLS_CA_FILE", "", "Extra CA bundle (PEM) for private certificates.", _file),
    Setting(
        "PATCHPANEL_TRUSTED_PROXIES",
        "0",
        "Number of reverse-proxy hops whose X-Forwarded-* headers count.",
        _whole,
    ),
    Setting(
        "PATCHPANEL_ATLASSIAN_AUTH_URL",
        "https://auth.atlassian.com",
        "Host of Atlassian's consent page and tokens.",
        _vendor_url,
    ),
    Setting("PATCHPANEL_ATLASSIAN_API_URL", "https://api.atlassian.com", "Host of Atlassian's APIs.", _vendor_url),
    Setting(
        "PATCHPANEL_AZURE_IDENTITY_URL",
        "https://vssps.dev.azure.com",
        "Host of the Azure DevOps people look-up.",
        _vendor_url,
    ),
    Setting(
        "PATCHPANEL_SETTLE_SECONDS",
        "0",
        "Quiet time in seconds before an unclear ticket may be created again; 0 = each provider's own default.",
        _whole,
    ),
    Setting(
        "PATCHPANEL_INTERVALS",
        "settle=15",
        "Seconds between periodic tasks, for example settle=15.",
        _intervals,
    ),
    Setting(
        "PATCHPANEL_SANDBOX_FILE",
        "",
        "Set by `make demo` only: file that says which sandbox providers run, shown as a strip on the pages.",
    ),
    Setting("HOST", "127.0.0.1", "Address the server listens on."),
    Setting("PORT", "8000", "Port the server listens on.", _port),
    Setting("WEB_PROCESSES", "2", "Server processes.", _positive),
    Setting("WEB_THREADS", "16", "Threads per server process. At most half of them make outbound calls.", _positive),
    Setting("WORKER", "1", "1 starts the background work together with the server, 0 leaves it out.", _switch),
)


@dataclass(frozen=True)
class Settings:
    """The values in force, one attribute per line of the table (see `load_settings`)."""

    database_url: str
    base_url: str
    keyring_file: Path
    secret_key_file: Path
    outbound_allow: str
    tls_ca_file: str
    trusted_proxies: int
    atlassian_auth_url: str
    atlassian_api_url: str
    azure_identity_url: str
    settle_seconds: int
    intervals: Mapping[str, int]
    sandbox_file: str
    host: str
    port: int
    web_processes: int
    web_threads: int
    worker: bool

    @property
    def secure(self) -> bool:
        """Whether the public address is https, and cookies therefore Secure."""
        return self.base_url.startswith("https://")

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Addresses of vendor hosts, under the names providers ask for them by."""
        return {
            "atlassian_auth": self.atlassian_auth_url,
            "atlassian_api": self.atlassian_api_url,
            "azure_identity": self.azure_identity_url,
        }


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read all settings from the environment (the process's own by default).

    Raises SettingsError naming the variable when a value cannot be used.
    """
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = source.get(setting.name, "").strip() or setting.default
        try:
            values[setting.name] = setting.read(text)
        except ValueError as error:
            raise SettingsError(f"{setting.name} has the value {shown(text)!r}: it {error}.") from error
    return Settings(
        database_url=values["DATABASE_URL"],
        base_url=values["PATCHPANEL_BASE_URL"] or f"http://127.0.0.1:{values['PORT']}",
        keyring_file=Path(values["PATCHPANEL_KEYRING_FILE"]),
        secret_key_file=Path(values["PATCHPANEL_SECRET_KEY_FILE"]),
        outbound_allow=values["PATCHPANEL_OUTBOUND_ALLOW"],
        tls_ca_file=values["PATCHPANEL_TLS_CA_FILE"],
        trusted_proxies=values["PATCHPANEL_TRUSTED_PROXIES"],
        atlassian_auth_url=values["PATCHPANEL_ATLASSIAN_AUTH_URL"],
        atlassian_api_url=values["PATCHPANEL_ATLASSIAN_API_URL"],
        azure_identity_url=values["PATCHPANEL_AZURE_IDENTITY_URL"],
        settle_seconds=values["PATCHPANEL_SETTLE_SECONDS"],
        intervals=values["PATCHPANEL_INTERVALS"],
        sandbox_file=values["PATCHPANEL_SANDBOX_FILE"],
        host=values["HOST"],
        port=values["PORT"],
        web_processes=values["WEB_PROCESSES"],
        web_threads=values["WEB_THREADS"],
        worker=values["WORKER"],
    )
