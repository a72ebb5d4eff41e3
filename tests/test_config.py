"""Reading the settings: good values are understood, wrong ones stop with a sentence that names setting and value."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import config
from config import INSTANCE, SETTINGS, Settings, SettingsError, load_settings

WRONG = (
    ("DATABASE_URL", "mysql://localhost/x"),
    ("DATABASE_URL", "postgresql+psycopg2://localhost/x"),
    ("DATABASE_URL", "patchpanel.sqlite3"),
    ("DATABASE_URL", "postgresql://user@host:port/x"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("PATCHPANEL_BASE_URL", "patchpanel.example.com"),
    ("PATCHPANEL_BASE_URL", "ftp://patchpanel.example.com"),
    ("PATCHPANEL_BASE_URL", "https://patchpanel.example.com/under/a/path"),
    ("PATCHPANEL_BASE_URL", "https://patchpanel.example.com?x=1"),
    ("PATCHPANEL_BASE_URL", "https://patchpanel.example.com#x"),
    ("PATCHPANEL_BASE_URL", "https://user@patchpanel.example.com"),
    ("PATCHPANEL_BASE_URL", "https://patchpanel.example.com:99999"),
    ("PATCHPANEL_BASE_URL", "https://[patchpanel"),
    ("PATCHPANEL_OUTBOUND_ALLOW", "jira.corp.example"),
    ("PATCHPANEL_OUTBOUND_ALLOW", "jira.corp.example:443=ten"),
    ("PATCHPANEL_OUTBOUND_ALLOW", "jira.corp.example:0"),
    ("PATCHPANEL_TLS_CA_FILE", "no/such/file.pem"),
    ("PATCHPANEL_TRUSTED_PROXIES", "one"),
    ("PATCHPANEL_TRUSTED_PROXIES", "-1"),
    ("PATCHPANEL_SETTLE_SECONDS", "1.5"),
    ("REDIS_URL", "redis.example:6379"),
    ("REDIS_URL", "http://redis.example"),
    ("PATCHPANEL_SETTLE_SECONDS", "-3"),
    ("PATCHPANEL_INTERVALS", "settle"),
    ("PATCHPANEL_INTERVALS", "settle="),
    ("PATCHPANEL_INTERVALS", "settle=soon"),
    ("PATCHPANEL_INTERVALS", "settle=0"),
    ("PATCHPANEL_INTERVALS", "setle=15"),
    ("PORT", "abc"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "8000.0"),
    ("PORT", "9" * 5000),
    ("WEB_PROCESSES", "0"),
    ("WEB_PROCESSES", "two"),
    ("WEB_THREADS", "-4"),
    ("WORKER", "yes"),
)
LEAKS = re.compile(r"invalid literal|base 10|unpack|dictionary|int\(|could not convert|Traceback|IPv6 URL|sequence")


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_stops_with_a_plain_sentence(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as stopped:
        load_settings({name: value})
    sentence = str(stopped.value)
    assert name in sentence
    assert value[:60] in sentence
    assert not LEAKS.search(sentence), sentence
    assert len(sentence) < 300
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert sentence.count(name) == 1, sentence


def test_a_password_in_a_database_url_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as stopped:
        load_settings({"DATABASE_URL": "mysql://patchpanel:hunter2-hunter2@db.example/x"})
    assert "hunter2" not in str(stopped.value)


def test_without_environment_everything_has_its_default() -> None:
    found = load_settings({})
    assert found.database_url == f"sqlite:///{INSTANCE / 'patchpanel.sqlite3'}"
    assert found.base_url == "http://127.0.0.1:8000"
    assert found.keyring_file == INSTANCE / "keyring"
    assert found.secret_key_file == INSTANCE / "secret_key"
    assert (found.host, found.port) == ("127.0.0.1", 8000)
    assert (found.web_processes, found.web_threads) == (2, 16)
    assert (found.intervals["settle"], found.intervals["check"]) == (15, 300)
    assert found.worker is True
    assert found.secure is False


def test_an_empty_value_counts_as_absent() -> None:
    assert load_settings({setting.name: " " for setting in SETTINGS}) == load_settings({})


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_postgresql_url_needs_no_driver(scheme: str) -> None:
    found = load_settings({"DATABASE_URL": f"{scheme}://patchpanel@db.example:5432/patchpanel"})
    assert found.database_url == "postgresql+psycopg://patchpanel@db.example:5432/patchpanel"


def test_a_postgresql_url_may_name_a_socket() -> None:
    found = load_settings({"DATABASE_URL": "postgresql:///patchpanel?host=/run/postgresql"})
    assert found.database_url.endswith(":///patchpanel?host=/run/postgresql")


def test_the_public_address_loses_its_last_slash_and_decides_about_cookies() -> None:
    found = load_settings({"PATCHPANEL_BASE_URL": "https://patchpanel.example.com/"})
    assert found.base_url == "https://patchpanel.example.com"
    assert found.secure is True


def test_the_public_address_follows_the_port() -> None:
    assert load_settings({"PORT": "9123"}).base_url == "http://127.0.0.1:9123"


def test_good_values_are_read(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.write_text("")
    found = load_settings(
        {
            "PATCHPANEL_OUTBOUND_ALLOW": "http://127.0.0.1:9001,jira.corp.example:443=10.2.0.0/16,[fd00::/8]:443",
            "PATCHPANEL_INTERVALS": " settle = 5 ",
            "PATCHPANEL_SETTLE_SECONDS": "7",
            "PATCHPANEL_TRUSTED_PROXIES": "2",
            "PATCHPANEL_TLS_CA_FILE": str(authorities),
            "WORKER": "0",
        }
    )
    assert (found.settle_seconds, found.trusted_proxies, found.worker) == (7, 2, False)
    assert (found.intervals["settle"], found.intervals["check"]) == (5, 300)
    assert found.tls_ca_file == str(authorities)


def test_every_line_of_the_table_is_an_attribute_of_the_settings() -> None:
    names = [setting.name.removeprefix("PATCHPANEL_").lower() for setting in SETTINGS]
    assert names == [field.name for field in dataclasses.fields(Settings)]


def test_every_default_can_be_read_and_every_help_is_a_sentence() -> None:
    for setting in SETTINGS:
        setting.read(setting.default)
        assert setting.help[0].isupper() or setting.help[0].isdigit()
        assert setting.help[-1] in ".0123456789", setting.name
        assert config.__doc__
