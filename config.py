"""All settings in one table: read once at start-up from the environment; help and docs are made from it too."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import config_readers as readers
from config_readers import TASKS, shown

INSTANCE = Path(__file__).resolve().parent / "instance"


class SettingsError(ValueError):
    """A setting has a value that cannot be used; the message names it, the value and what is expected."""


@dataclass(frozen=True)
class Setting:
    """One line of the table: environment variable, default (as text), what it means, how it is read."""

    name: str
    default: str
    help: str
    read: Callable[[str], Any] = str


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "DATABASE_URL",
        f"sqlite:///{INSTANCE / 'patchpanel.sqlite3'}",
        "SQLAlchemy URL of the database: SQLite or PostgreSQL. postgresql:// needs no driver name.",
        readers.database,
    ),
    Setting(
        "REDIS_URL",
        "",
        "Redis for the queue that wakes the worker, as redis://host:6379/0. Without it the queue lies in the database "
        "(PostgreSQL) or in a file beside it (SQLite). A queue that is lost loses nothing.",
        readers.redis,
    ),
    Setting(
        "PATCHPANEL_BASE_URL",
        "",
        "Public address. Every link that leaves the page is built from it, never from the Host header. "
        "Without it: http://127.0.0.1:$PORT.",
        readers.base_url,
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
        readers.allow,
    ),
    Setting("PATCHPANEL_TLS_CA_FILE", "", "Extra CA bundle (PEM) for private certificates.", readers.file),
    Setting(
        "PATCHPANEL_TRUSTED_PROXIES",
        "0",
        "Number of reverse-proxy hops whose X-Forwarded-* headers count.",
        readers.whole,
    ),
    Setting(
        "PATCHPANEL_ATLASSIAN_AUTH_URL",
        "https://auth.atlassian.com",
        "Host of Atlassian's consent page and tokens.",
        readers.vendor_url,
    ),
    Setting(
        "PATCHPANEL_ATLASSIAN_API_URL", "https://api.atlassian.com", "Host of Atlassian's APIs.", readers.vendor_url
    ),
    Setting(
        "PATCHPANEL_AZURE_IDENTITY_URL",
        "https://vssps.dev.azure.com",
        "Host of the Azure DevOps people look-up.",
        readers.vendor_url,
    ),
    Setting(
        "PATCHPANEL_SETTLE_SECONDS",
        "0",
        "Quiet time in seconds before an unclear ticket may be created again; 0 = each provider's own default.",
        readers.whole,
    ),
    Setting(
        "PATCHPANEL_INTERVALS",
        "",
        "Seconds between periodic tasks, those that are named: check=300,status=120,settle=15. Without it: "
        + ", ".join(f"{name}={seconds}" for name, seconds in TASKS.items())
        + ".",
        readers.intervals,
    ),
    Setting(
        "PATCHPANEL_SANDBOX_FILE",
        "",
        "Set by `make demo` only: file that says which sandbox providers run, shown as a strip on the pages.",
    ),
    Setting("HOST", "127.0.0.1", "Address the server listens on."),
    Setting("PORT", "8000", "Port the server listens on.", readers.port),
    Setting("WEB_PROCESSES", "2", "Server processes.", readers.positive),
    Setting(
        "WEB_THREADS", "16", "Threads per server process. At most half of them make outbound calls.", readers.positive
    ),
    Setting("WORKER", "1", "1 starts the background work together with the server, 0 leaves it out.", readers.switch),
)


@dataclass(frozen=True)
class Settings:
    """The values in force, one attribute per line of the table (see `load_settings`)."""

    database_url: str
    redis_url: str
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
        redis_url=values["REDIS_URL"],
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
