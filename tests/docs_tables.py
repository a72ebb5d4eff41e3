"""Those parts of docs/ that follow from the code: settings, commands, permissions, providers.

`python -m tests.docs_tables` writes them anew between their markers; `test_docs.py` fails while they differ.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from flask import Flask

import providers
from commands import register
from config import INSTANCE, SETTINGS
from providers import capabilities
from providers.base import AuthMethod, Field, Provider
from services.actors import PERMISSIONS, Permission

DOCS = Path(__file__).resolve().parent.parent / "docs"
UPDATE = "Run: .venv/bin/python -m tests.docs_tables"
BLOCK = re.compile(r"(?P<begin><!-- made by tests/docs_tables\.py -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
# What a failure's class makes the page say first; see blueprints/errors.py.
FAILURES = (
    ("The provider refuses the credentials", "refused"),
    ("The account lacks a permission", "permission"),
    ("No answer, wrong product, bad certificate, 429, 5xx", "unreachable"),
)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def settings() -> str:
    """One heading per setting."""
    return "\n".join(
        f"### {setting.name}\n\n{setting.help}\n\nDefault: {default(setting.default)}\n" for setting in SETTINGS
    )


def default(value: str) -> str:
    """A default as people read it: paths as seen from the project's folder."""
    return f"`{value.replace(str(INSTANCE), 'instance')}`" if value else "none"


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Our own commands with their full names, in alphabetical order; Flask's are not among them."""
    app = Flask("docs", static_folder=None)
    before = set(app.cli.commands)
    register(app)
    yield from _walk("", {name: command for name, command in app.cli.commands.items() if name not in before})


def _walk(prefix: str, found: dict[str, click.Command]) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(found.items()):
        if isinstance(command, click.Group):
            yield from _walk(f"{prefix}{name} ", command.commands)
        else:
            yield f"{prefix}{name}", command


def commands() -> str:
    """One heading per command, with the help it prints itself."""
    return "\n".join(_command(name, command) for name, command in all_commands())


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command)
    usage = " ".join([f"flask --app app {name}", *command.collect_usage_pieces(context)])
    parts = [f"### {name}\n", f"    {usage}\n", inspect.cleandoc(command.help or "") + "\n"]
    options = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    if options:
        parts.append("\n".join(f"- `{names}`: {words}" for names, words in filter(None, options)) + "\n")
    return "\n".join(parts)


def permissions() -> str:
    """Which role has which permission."""
    roles = sorted(PERMISSIONS, key=lambda role: (-len(PERMISSIONS[role]), role))
    rows = [(f"`{one}`", *("yes" if one in PERMISSIONS[role] else "no" for role in roles)) for one in Permission]
    return table(("Permission", *roles), rows)


def all_capabilities() -> dict[str, type]:
    """Everything a provider may be able to do, with its words."""
    found = {}
    for value in vars(capabilities).values():
        words = inspect.getdoc(value) if inspect.isclass(value) else None
        if words and words.startswith("Capability: "):
            found[words.splitlines()[0].removeprefix("Capability: ").rstrip(".")] = value
    return found


def provider_list() -> str:
    """What each can do at a glance, then one heading per provider."""
    return "\n".join([overview(), *(_provider(provider) for provider in providers.all_providers())])


def overview() -> str:
    """Provider by way to connect by capability."""
    found = all_capabilities().values()
    rows = [
        (provider.label, method.label, *(offers(provider, method, capability) for capability in found))
        for provider in providers.all_providers()
        for method in provider.auth_methods
    ]
    return table(("Provider", "Way to connect", *(f"`{capability.__name__}`" for capability in found)), rows)


def offers(provider: Provider, method: AuthMethod, capability: type) -> str:
    """Whether connections made this way have the capability; "by hand" where we cannot set it up over them."""
    if not provider.can(capability):
        return "no"
    client = provider.client
    if issubclass(client, capabilities.ReceivesWebhooks) and capability is capabilities.ReceivesWebhooks:
        return "yes" if client.can_register(method.key) else "by hand"
    return "yes"


def _provider(provider: Provider) -> str:
    can = [f"- {words} (`{cls.__name__}`)" for words, cls in all_capabilities().items() if provider.can(cls)]
    says = [(what, f"**{getattr(provider.sentences, name)}**") for what, name in FAILURES]
    parts = [f"### {provider.label}\n", f"{provider.purpose} Section of the page: **{provider.group}**.\n"]
    if provider.steps:
        steps = ", then ".join(f"**{step.label}**" for step in provider.steps)
        parts.append(f"Where a ticket goes is chosen by {steps}.\n")
    parts += [_method(method) for method in provider.auth_methods]
    parts += ["What it can do:\n", "\n".join(can) + "\n", "What the page says when a call fails:\n"]
    return "\n".join([*parts, table(("What happened", "First sentence"), says)])


def _method(method: AuthMethod) -> str:
    rows = [_field(field) for field in method.fields]
    words = f"Way to connect: **{method.label}**. Opens with **{method.opener}**, "
    words += f"stored with **{method.submit_new}**, changed with **{method.submit_existing}**.\n"
    return f"{words}\n{table(('Field', 'Kind', 'Required', 'What to enter'), rows)}"


def _field(field: Field) -> tuple[str, ...]:
    kind = "secret" if field.secret else str(field.kind)
    words = " ".join(part for part in (field.help, field.find) if part)
    return f"**{field.label}**", kind, "yes" if field.required else "no", words


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "commands.md": commands,
    "permissions.md": permissions,
    "providers.md": provider_list,
}


def fill(text: str, made: str) -> str:
    """A page with its generated part replaced. Raises ValueError when it has no place for it."""
    filled, count = BLOCK.subn(lambda found: f"{found['begin']}\n{made}\n{found['end']}", text)
    if count != 1:
        raise ValueError(f"the page has {count} places for its generated part, not 1")
    return filled


def main() -> None:
    """Write all of them."""
    for name, make in PAGES.items():
        page = DOCS / name
        page.write_text(fill(page.read_text(encoding="utf-8"), make()), encoding="utf-8")


if __name__ == "__main__":
    main()
