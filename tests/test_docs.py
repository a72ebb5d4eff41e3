"""The documents tell the truth: settings, commands, permissions, providers, dependencies, links."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

import providers
from config import SETTINGS
from providers.base import FieldKind
from providers.capabilities import ReceivesWebhooks
from services.actors import PERMISSIONS, Permission
from tests import docs_tables

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
FOREIGN = re.compile(
    r"(?<![\w.:/])/(work|home|root|Users|var/folders|tmp)/|pypi\.org|pythonhosted|npmjs|registry\.|index-url|\.internal\b",
    re.IGNORECASE,
)
REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(found)


def read(name: str) -> str:
    """A document."""
    return (ROOT / name).read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    """The headings of a document, without marks."""
    return [line.lstrip("#").strip().replace("`", "") for line in FENCED.sub("", text).splitlines() if line[:1] == "#"]


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ `?{re.escape(heading)}`?\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"no heading {heading}"
    return found[1]


def anchor(heading: str) -> str:
    """The name under which a heading is linked to."""
    kept = re.sub(r"[^\w\- ]", "", re.sub(r"[*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
    return kept.replace(" ", "-")


def links() -> Iterator[tuple[Path, str]]:
    """Every link of every document that leads to a place in this project."""
    for path in documents():
        for found in LINK.finditer(FENCED.sub("", path.read_text(encoding="utf-8"))):
            if not re.match(r"[a-z]+:", found["target"]):
                yield path, found["target"]


@pytest.mark.parametrize("name", docs_tables.PAGES)
def test_the_generated_part_is_up_to_date(name: str) -> None:
    page = read(f"docs/{name}")
    assert page == docs_tables.fill(page, docs_tables.PAGES[name]()), docs_tables.UPDATE


def test_a_page_without_place_for_its_generated_part_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places"):
        docs_tables.fill("# Settings\n", "x")


def test_every_setting_has_its_heading_default_and_words() -> None:
    page = read("docs/settings.md")
    for setting in SETTINGS:
        text = section(page, setting.name)
        assert setting.help in text
        assert f"Default: {docs_tables.default(setting.default)}" in text
    named = {heading for heading in headings(page) if heading.isupper()}
    assert named == {setting.name for setting in SETTINGS}


def test_every_command_has_its_heading_and_help(application_of: Callable[[str], Flask]) -> None:
    page = read("docs/commands.md")
    commands = dict(docs_tables.all_commands())
    for name, command in commands.items():
        assert (command.help or "").strip().splitlines()[0] in section(page, name)
    assert set(headings(page)) - {"Commands"} == set(commands)
    own = {name.split()[0] for name in commands}
    flasks = {"db", "run", "shell", "routes"}  # Flask's and Flask-Migrate's own
    assert set(application_of("sqlite").cli.commands) - flasks == own


def test_every_permission_has_its_heading_and_roles() -> None:
    page = read("docs/permissions.md")
    for permission in Permission:
        assert section(page, permission).strip()
        row = next(line for line in page.splitlines() if line.startswith(f"| `{permission}` |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
        head = next(line for line in page.splitlines() if line.startswith("| Permission |"))
        roles = [cell.strip() for cell in head.strip("|").split("|")][1:]
        holders = {role for role, cell in zip(roles, cells, strict=True) if cell == "yes"}
        assert holders == {role for role, held in PERMISSIONS.items() if permission in held}
    assert {heading for heading in headings(page) if ":" in heading} == set(Permission)


def test_every_provider_has_its_heading_fields_and_capabilities() -> None:
    page = read("docs/providers.md")
    for provider in providers.all_providers():
        text = section(page, provider.label)
        for method in provider.auth_methods:
            assert f"**{method.label}**" in text
            for field in method.fields:
                kind = "secret" if field.kind is FieldKind.SECRET else field.kind
                assert f"| **{field.label}** | {kind} |" in text
        for capability in docs_tables.all_capabilities().values():
            assert (f"`{capability.__name__}`" in text) == provider.can(capability)
        for sentence in (provider.sentences.refused, provider.sentences.unreachable, provider.sentences.permission):
            assert f"**{sentence}**" in text


def test_the_table_of_capabilities_has_a_row_for_every_way_to_connect() -> None:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in read("docs/providers.md").splitlines()]
    head = next(cells for cells in lines if cells[:2] == ["Provider", "Way to connect"])
    capabilities = docs_tables.all_capabilities().values()
    assert head[2:] == [f"`{capability.__name__}`" for capability in capabilities]
    ways = [(provider, method) for provider in providers.all_providers() for method in provider.auth_methods]
    start = lines.index(head) + 2
    for (provider, method), cells in zip(ways, lines[start : start + len(ways)], strict=True):
        assert cells[:2] == [provider.label, method.label]
        for capability, cell in zip(capabilities, cells[2:], strict=True):
            assert (cell != "no") == provider.can(capability), (
                f"{provider.label}, {method.label}: {capability.__name__}"
            )
            assert cell in ("yes", "no") or capability is ReceivesWebhooks


def test_every_capability_is_found_by_itself() -> None:
    """A capability is any class of providers/capabilities.py that a client can inherit from."""
    module = importlib.import_module("providers.capabilities")
    own = {value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__}
    assert set(docs_tables.all_capabilities().values()) == own
    assert len(own) >= 3


def test_the_guide_to_providers_names_every_capability() -> None:
    page = read("docs/adding-a-provider.md")
    for capability in docs_tables.all_capabilities().values():
        assert f"| `{capability.__name__}` |" in page


def test_every_dependency_has_its_reason() -> None:
    page = read("docs/decisions/0006-dependencies.md")
    told = set(re.findall(r"^\| `([^`]+)` \| \S", page, re.MULTILINE))
    asked = {
        name.lower() for file in ("requirements.in", "requirements-dev.in") for name in REQUIREMENT.findall(read(file))
    }
    assert told == asked


@pytest.mark.parametrize("target", ["demo", "serve", "test", "check", "help"])
def test_the_readme_names_what_make_does(target: str) -> None:
    assert f"make {target}" in read("README.md")
    assert re.search(rf"^{target}:", read("Makefile"), re.MULTILINE)


def test_every_link_leads_somewhere() -> None:
    broken = []
    for path, target in links():
        place, _, name = target.partition("#")
        file = (path.parent / place).resolve() if place else path
        if not file.is_relative_to(ROOT) or not file.exists():
            broken.append(f"{path.relative_to(ROOT)}: {target}")
        elif name and name not in {anchor(heading) for heading in headings(file.read_text(encoding="utf-8"))}:
            broken.append(f"{path.relative_to(ROOT)}: {target} (no such heading)")
    assert broken == []


def test_every_document_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        reached.add(path)
        for source, target in links():
            file = (source.parent / target.partition("#")[0]).resolve()
            inner = [*file.rglob("*.md")] if file.is_dir() else [file]
            waiting += [each for each in inner if source == path and each.suffix == ".md" and each not in reached]
    assert set(documents()) - reached == set()


def test_decisions_are_numbered_without_gaps_and_say_why() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", page.name)
        assert re.match(rf"# {int(page.name[:4])}\. \S", text), page.name
        assert re.search(r"^## (Why|Context)", text, re.MULTILINE), page.name


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_name_no_machine_and_no_package_host(path: Path) -> None:
    found = [line for line in path.read_text(encoding="utf-8").splitlines() if FOREIGN.search(line)]
    assert found == []


def test_the_changelog_keeps_its_form() -> None:
    text = read("CHANGELOG.md")
    assert text.startswith("# Changelog\n")
    assert "## [Unreleased]" in text
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {heading for heading in headings(text) if heading[0] != "[" and heading != "Changelog"} <= kinds
