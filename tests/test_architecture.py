"""The structure of the code holds: who may import whom, where sockets, commits and the environment may appear.

Each rule stands in `architecture.py`; each is also shown a file that breaks it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests import architecture as rules
from tests import architecture_pages as pages
from tests.architecture import Rule, Source

ANYWHERE = (rules.files_are_short, rules.functions_are_short)
PRODUCT = (
    rules.providers_know_nothing_of_us,
    rules.services_know_no_pages,
    rules.models_are_tables_only,
    rules.only_services_commit,
    rules.only_the_door_opens_sockets,
    rules.only_config_reads_the_environment,
    rules.no_provider_is_named,
    rules.nothing_dangerous,
    rules.certificates_are_checked,
    rules.public_things_are_described,
)
PAGES = (pages.templates_are_inert, pages.partials_begin_with_an_underscore, pages.no_page_names_a_provider)

LONG_FUNCTION = "def far_too_long():\n" + "    print()\n" * 30
BROKEN: tuple[tuple[Rule, str, str], ...] = (
    (rules.providers_know_nothing_of_us, "providers/x.py", "from flask import request"),
    (rules.providers_know_nothing_of_us, "providers/x/client.py", "import sqlalchemy.orm"),
    (rules.providers_know_nothing_of_us, "providers/x.py", "def f():\n    from services import store"),
    (rules.services_know_no_pages, "services/x.py", "from flask import g, request"),
    (rules.services_know_no_pages, "services/x.py", "import flask"),
    (rules.services_know_no_pages, "services/x.py", "from blueprints.rendering import render"),
    (rules.models_are_tables_only, "models/x.py", "from services import store"),
    (rules.only_services_commit, "blueprints/x.py", "db.session.commit()"),
    (rules.only_services_commit, "models/x.py", "session().commit()"),
    (rules.only_the_door_opens_sockets, "services/x.py", "import requests"),
    (rules.only_the_door_opens_sockets, "providers/x/client.py", "from http import client"),
    (rules.only_the_door_opens_sockets, "providers/x/client.py", "from urllib3.util import Retry"),
    (rules.only_the_door_opens_sockets, "blueprints/x.py", "import socket"),
    (rules.only_config_reads_the_environment, "services/x.py", "import os\nos.environ.get('PORT')"),
    (rules.only_config_reads_the_environment, "app.py", "from os import getenv"),
    (rules.no_provider_is_named, "services/x.py", "if key == 'jira': pass"),
    (rules.no_provider_is_named, "blueprints/x.py", "url = f'/jira/{name}'\nother = 'jira/new'"),
    (rules.no_provider_is_named, "services/x.py", "from providers.jira import adf"),
    (rules.no_provider_is_named, "providers/other/client.py", "NAME = 'jira'"),
    (pages.no_page_names_a_provider, "templates/x.html", "{% if provider.key == 'jira' %}"),
    (pages.no_page_names_a_provider, "static/app.css", ".card-jira { color: red }"),
    (rules.nothing_dangerous, "services/x.py", "eval('1')"),
    (rules.nothing_dangerous, "services/x.py", "import pickle"),
    (rules.nothing_dangerous, "services/x.py", "from subprocess import run"),
    (rules.nothing_dangerous, "services/x.py", "import os\nos.system('true')"),
    (rules.nothing_dangerous, "blueprints/x.py", "from markupsafe import Markup\nMarkup(name)"),
    (rules.certificates_are_checked, "providers/http.py", "session.get(url, verify=False)"),
    (rules.certificates_are_checked, "providers/http.py", "self.session.verify = False"),
    (rules.certificates_are_checked, "providers/sockets.py", "context.verify_mode = ssl.CERT_NONE"),
    (rules.public_things_are_described, "services/x.py", '"""Module."""\ndef f():\n    pass'),
    (rules.public_things_are_described, "forms/x.py", '"""Module."""\nclass F:\n    """F."""\n    def g(self): pass'),
    (rules.public_things_are_described, "services/x.py", "x = 1"),
    (pages.templates_are_inert, "templates/x.html", "{{ name|safe }}"),
    (pages.templates_are_inert, "templates/x.html", "{% autoescape false %}"),
    (pages.templates_are_inert, "templates/x.html", '<p style="color: red">'),
    (pages.templates_are_inert, "templates/x.html", "<script>go()</script>"),
    (pages.templates_are_inert, "templates/x.html", '<a onclick="go()">'),
    (pages.templates_are_inert, "templates/x.html", '<a hx-on:click="go()">'),
    (pages.templates_are_inert, "templates/x.html", '<a href="javascript:go()">'),
    (pages.partials_begin_with_an_underscore, "templates/x/row.html", "<tr></tr>"),
    (pages.partials_begin_with_an_underscore, "templates/x/_page.html", '{% extends "base.html" %}'),
    (rules.files_are_short, "services/x.py", "pass\n" * 300),
    (rules.functions_are_short, "services/x.py", LONG_FUNCTION),
)
KEPT: tuple[tuple[Rule, str, str], ...] = (
    (rules.only_the_door_opens_sockets, "services/x.py", "if TYPE_CHECKING:\n    import requests"),
    (rules.only_the_door_opens_sockets, "services/x.py", "from http import HTTPStatus\nfrom urllib.parse import quote"),
    (rules.services_know_no_pages, "services/x.py", "from flask import current_app, g"),
    (rules.only_services_commit, "services/x.py", "session.commit()"),
    (rules.no_provider_is_named, "providers/jira/client.py", "KEY = 'jira'"),
    (rules.no_provider_is_named, "config.py", "HELP = 'for example jira.corp.example:443'"),
    (rules.nothing_dangerous, "services/x.py", "import re\nre.compile('x')"),
    (rules.functions_are_short, "services/x.py", "def f():\n" + "    # why\n\n" * 40 + "    pass\n"),
    (pages.templates_are_inert, "templates/x.html", '<script src="/static/app.js" defer></script>'),
)


def _check(rule: Rule, files: Sequence[Source]) -> None:
    offences = [words for file in files for words in rule(file)]
    if offences:
        pytest.fail("\n".join([str(rule.__doc__), *offences]), pytrace=False)


def _name(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize("rule", PRODUCT, ids=_name)
def test_the_product_keeps(rule: Rule) -> None:
    _check(rule, rules.product_files())


@pytest.mark.parametrize("rule", ANYWHERE, ids=_name)
def test_every_python_file_keeps(rule: Rule) -> None:
    _check(rule, rules.python_files())


@pytest.mark.parametrize("rule", PAGES, ids=_name)
def test_every_template_keeps(rule: Rule) -> None:
    _check(rule, pages.page_files())


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_a_rule_sees_a_file_that_breaks_it(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_a_rule_lets_good_files_pass(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text))) == []


def test_every_rule_is_shown_a_broken_file() -> None:
    assert {rule for rule, _, _ in BROKEN} == {*PRODUCT, *ANYWHERE, *PAGES}


def test_the_files_with_exceptions_still_need_them() -> None:
    files = {file.path: file for file in rules.python_files()}
    for path in rules.DOOR:
        assert any(rules.within(module, name, rules.NETWORK) for _, module, name in rules.imports(files[path])), path
    for path in rules.ENVIRONMENT:
        assert "os.environ" in files[path].text, path
    for path in rules.PROCESSES:
        assert "import subprocess" in files[path].text, path


def test_the_whole_tree_is_looked_at() -> None:
    looked = {file.path for file in rules.python_files()}
    here = {
        path.relative_to(rules.ROOT).as_posix()
        for path in rules.ROOT.rglob("*.py")
        if not path.relative_to(rules.ROOT).parts[0].startswith(".") and "migrations" not in path.parts
    }
    assert looked == here
