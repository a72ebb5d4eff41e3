"""The rules of the architecture as functions: each takes a file and says what in it breaks the rule.

`test_architecture.py` runs them over the whole tree and shows for each that it can fail.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = (
    "app.py",
    "config.py",
    "config_readers.py",
    "extensions.py",
    "sandbox.py",
    "serve.py",
    "supervise.py",
    "worker.py",
)
PACKAGES = ("blueprints", "commands", "forms", "models", "providers", "services")
LONGEST_FILE = 299
LONGEST_FUNCTION = 29

# The files that may open connections, each with its reason.
DOOR = {
    "providers/http.py": "the door itself: a requests adapter",
    "providers/exchange.py": "one request and its answer over one line",
    "providers/sockets.py": "the vetted sockets",
    "providers/addresses.py": "resolves names before they are checked",
    "providers/idle_lines.py": "asks urllib3 whether an idle line was closed",
    "providers/answers.py": "reads requests.Response objects",
    "providers/redaction.py": "reads requests.Response and PreparedRequest objects",
    "serve.py": "asks its own server whether it answers, and whether the port is free",
    "sandbox.py": "finds a free port and waits for its own stand-in",
}
NETWORK = ("requests", "urllib3", "socket", "ssl", "http.client", "smtplib", "urllib.request", "ftplib", "httpx")
ENVIRONMENT = {
    "config.py": "the one table of settings",
    "sandbox.py": "gives the sandbox's settings to the processes it starts",
}
PROCESSES = {"supervise.py": "starts the web server and the worker"}
WITHOUT_REQUEST = {"Flask", "current_app", "g", "has_app_context"}  # what services may take from Flask
DANGEROUS_MODULES = ("pickle", "marshal", "shelve", "subprocess", "pty", "runpy")
DANGEROUS_CALLS = ("eval", "exec", "compile", "__import__")
UNCHECKED = re.compile(r"[\w.]+\.(verify|check_hostname) = False")
DANGEROUS_OS = re.compile(r"os\.(system|popen|exec\w+|spawn\w+|posix_spawn\w*)")


@dataclass(frozen=True)
class Source:
    """A file of the tree: its path below the root and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    @property
    def package(self) -> str:
        """First folder of the path, "" at the top."""
        return self.path.partition("/")[0] if "/" in self.path else ""

    @cached_property
    def docstrings(self) -> set[int]:
        """Ids of the nodes that are docstrings."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0] if node.body else None
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    found.add(id(first.value))
        return found


Rule = Callable[[Source], Iterator[str]]


@lru_cache(maxsize=1)
def python_files() -> Sequence[Source]:
    """Every Python file of the project except migrations, which alembic writes."""
    folders = (*PACKAGES, "standins", "tests", "bench")
    paths = [ROOT / name for name in PRODUCT]
    paths += [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def product_files() -> Sequence[Source]:
    """The Python files that run in production."""
    return [file for file in python_files() if file.package not in ("standins", "tests", "bench")]


def provider_keys() -> set[str]:
    """Names of the folders below providers/: one per provider."""
    return {path.parent.name for path in (ROOT / "providers").glob("*/__init__.py")}


def at(file: Source, line: int, words: str) -> str:
    """One offence, clickable."""
    return f"{file.path}:{line}: {words}"


def imports(file: Source) -> Iterator[tuple[int, str, str]]:
    """Every import as (line, module, name); those only the type checker sees are left out."""
    skipped = {
        id(inner)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(file.tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.lineno, node.module, alias.name


def literals(file: Source) -> Iterator[tuple[int, str]]:
    """Every text constant with its line; docstrings are left out."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in file.docstrings:
            yield node.lineno, node.value


def within(module: str, name: str, roots: Sequence[str]) -> bool:
    """Whether an import takes one of these modules or something below it."""
    full = f"{module}.{name}" if name else module
    return any(full == root or full.startswith(f"{root}.") or module == root for root in roots)


def providers_know_nothing_of_us(file: Source) -> Iterator[str]:
    """providers/ imports no Flask, no SQLAlchemy, no models, no services, no settings."""
    ours = ("app", "blueprints", "commands", "config", "extensions", "forms", "models", "services")
    banned = (*ours, "flask", "flask_login", "flask_sqlalchemy", "flask_wtf", "sqlalchemy", "wtforms")
    if file.package == "providers":
        for line, module, name in imports(file):
            if within(module, name, banned):
                yield at(file, line, f"imports {module}")


def services_know_no_pages(file: Source) -> Iterator[str]:
    """services/ sees no request, no session of a browser, no template, no form."""
    banned = ("blueprints", "forms", "commands", "flask_login", "flask_wtf", "wtforms", "jinja2", "app")
    if file.package == "services":
        for line, module, name in imports(file):
            if within(module, name, banned) or (module == "flask" and name not in WITHOUT_REQUEST):
                yield at(file, line, f"imports {module} {name}".strip())


def models_are_tables_only(file: Source) -> Iterator[str]:
    """models/ imports no service, page, form or command."""
    if file.package == "models":
        for line, module, name in imports(file):
            if within(module, name, ("app", "blueprints", "commands", "forms", "services")):
                yield at(file, line, f"imports {module}")


def only_services_commit(file: Source) -> Iterator[str]:
    """`.commit(` stands in services/ only."""
    if file.package != "services":
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
                yield at(file, node.lineno, "commits")


def only_the_door_opens_sockets(file: Source) -> Iterator[str]:
    """Modules that reach the network are imported by the outbound door and the start-up code only."""
    if file.path not in DOOR:
        for line, module, name in imports(file):
            if within(module, name, NETWORK):
                yield at(file, line, f"imports {module}")


def only_config_reads_the_environment(file: Source) -> Iterator[str]:
    """os.environ and os.getenv stand in config.py only."""
    if file.path not in ENVIRONMENT:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb"):
                yield at(file, node.lineno, "reads the environment")
        for line, module, name in imports(file):
            if module == "os" and name in ("environ", "getenv", "environb"):
                yield at(file, line, "reads the environment")


def no_provider_is_named(file: Source) -> Iterator[str]:
    """A provider's key stands in its own folder, the registry and the sandbox only."""
    if file.path in ("providers/__init__.py", "sandbox.py"):
        return
    own = {file.path.split("/")[1]} if file.package == "providers" else set()
    for key in provider_keys() - own:
        named = re.compile(rf"[/:#.]?{re.escape(key)}([/:#_-].*)?", re.DOTALL)
        for line, text in literals(file):
            if named.fullmatch(text):
                yield at(file, line, f"names the provider {key}")
        for line, module, name in imports(file):
            if within(module, name, (f"providers.{key}",)):
                yield at(file, line, f"imports the provider {key}")


def nothing_dangerous(file: Source) -> Iterator[str]:
    """No code from text, no pickle, no processes, no HTML that skips escaping."""
    for line, module, name in imports(file):
        if within(module, name, DANGEROUS_MODULES) and file.path not in PROCESSES:
            yield at(file, line, f"imports {module}")
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in DANGEROUS_CALLS or called.split(".")[-1] == "Markup" or DANGEROUS_OS.fullmatch(called):
                yield at(file, node.lineno, f"calls {called}")


def certificates_are_checked(file: Source) -> Iterator[str]:
    """Nothing switches the check of TLS certificates off."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call):
            off = any(word.arg == "verify" and ast.unparse(word.value) == "False" for word in node.keywords)
        elif isinstance(node, ast.Assign):
            off = UNCHECKED.fullmatch(ast.unparse(node)) is not None
        else:
            off = isinstance(node, ast.Attribute) and node.attr in ("CERT_NONE", "_create_unverified_context")
        if off:
            yield at(file, node.lineno, "switches the check of certificates off")


def files_are_short(file: Source) -> Iterator[str]:
    """A file has fewer than 300 lines."""
    lines = len(file.text.splitlines())
    if lines > LONGEST_FILE:
        yield at(file, lines, f"has {lines} lines; {LONGEST_FILE} are allowed")


def functions_are_short(file: Source) -> Iterator[str]:
    """A function has fewer than 30 lines of code: docstring, comments and blank lines are not counted."""
    lines = file.text.splitlines()
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            first = body[0].lineno if body else node.lineno
            written = [line.strip() for line in lines[first - 1 : node.end_lineno]]
            count = sum(1 for line in written if line and not line.startswith("#"))
            if count > LONGEST_FUNCTION:
                yield at(file, node.lineno, f"{node.name} has {count} lines of code; {LONGEST_FUNCTION} are allowed")


def public_things_are_described(file: Source) -> Iterator[str]:
    """Every public function, class and method of the product has a docstring, and so has every module."""
    if not file.text.strip():
        return
    if ast.get_docstring(file.tree) is None:
        yield at(file, 1, "the module has no docstring")
    classes = [node for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
    for scope in [file.tree, *classes]:
        for node in scope.body:
            public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and ast.get_docstring(node) is None:
                yield at(file, node.lineno, f"{node.name} has no docstring")
