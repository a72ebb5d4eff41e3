"""What a page costs: processor time against the bare page, p99 against its own p50, SQL statements, first visit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

from bench import addresses, bare
from bench.browser import Answer, Browser
from bench.figures import Figure
from bench.installations import Bench
from bench.processes import BARE, Server, environment, module, run, start_web
from bench.timing import Times, in_turns

MOST_PROCESSOR = 2.0
MOST_P99 = 2.0
MOST_QUERIES = 12
MOST_FIRST_VISIT = 50_000
_FILE = re.compile(r'(?:href|src)="(/static/[^"#]+)')
_IN_STYLES = re.compile(r"url\(\"?'?([^)\"']+)")


def processor_time(bench: Bench) -> list[Figure]:
    """Processor time and spread of each page, beside a bare page of the same bytes."""
    ours = bench.largest
    paths = addresses.pages(ours.size)
    shapes = {f"page-{number}": bare.shape(ours.browser.page(path).text) for number, path in enumerate(paths.values())}
    figures: list[Figure] = []
    with _bare_server(bench, shapes) as server:
        browser = Browser(server.url)
        for (name, path), shape in zip(paths.items(), shapes, strict=True):
            size, plain = len(ours.browser.page(path).body), len(browser.page(f"/{shape}").body)
            assert 0.9 < plain / size < 1.1, f"the bare page has {plain:,} bytes, ours {size:,}"
            figures += _page(bench, name, (ours.browser, path, ours.server), (browser, f"/{shape}", server))
        browser.close()
    return figures


@contextmanager
def _bare_server(bench: Bench, shapes: dict[str, object]) -> Iterator[Server]:
    file = bench.folder / f"shapes-{bench.database}.json"
    file.write_text(json.dumps(shapes), encoding="utf-8")
    environ = {**environment(bench.largest.environ["DATABASE_URL"], bench.folder, ""), bare.SHAPES: str(file)}
    server = start_web(environ, bench.folder / "bare.log", BARE)
    try:
        yield server
    finally:
        server.stop()


def _page(
    bench: Bench, name: str, ours: tuple[Browser, str, Server], plain: tuple[Browser, str, Server]
) -> list[Figure]:
    """Both in turns. Each server only has its own requests, so what it used in the meantime is their price."""
    in_turns({"ours": lambda: ours[0].page(ours[1]), "bare": lambda: plain[0].page(plain[1])}, 1)
    before = ours[2].processor_seconds(), plain[2].processor_seconds()
    times = in_turns(
        {"ours": lambda: ours[0].page(ours[1]), "bare": lambda: plain[0].page(plain[1])}, bench.plan.pages, warm_up=0
    )
    used = ours[2].processor_seconds() - before[0], plain[2].processor_seconds() - before[1]
    each = [seconds * 1000 / bench.plan.pages for seconds in used]
    return [
        Figure(
            f"page {name}: processor time", bench.database, each[0], "ms", each[1], "bare page", most=MOST_PROCESSOR
        ),
        _spread(bench, name, times["ours"], times["bare"]),
    ]


def _spread(bench: Bench, name: str, ours: Times, plain: Times) -> Figure:
    note = f"bare page: {plain.p99 / plain.p50:.2f} ×"
    return Figure(f"page {name}: p99", bench.database, ours.p99, "ms", ours.p50, "own p50", most=MOST_P99, note=note)


def statements(bench: Bench) -> tuple[list[Figure], dict[int, dict[str, str]]]:
    """SQL statements per page and size; also the cursors of the deepest pages by size."""
    found = {
        size: json.loads(run(module("queries", size), each.environ).splitlines()[-1])
        for size, each in bench.installations.items()
    }
    lists = addresses.lists(found[bench.largest.size]["cursors"])
    groups = {name: [name] for name in addresses.pages(bench.largest.size)}
    for kind in ("incidents", "integration users"):
        groups[f"{kind}: every list and search"] = [name for name in lists if name.startswith(kind)]
    figures = [_counted(bench, name, members, found) for name, members in groups.items()]
    return figures, {size: each["cursors"] for size, each in found.items()}


def _counted(bench: Bench, name: str, members: list[str], found: dict[int, dict[str, dict[str, int]]]) -> Figure:
    """The highest number of statements; a page whose number depends on the size misses the aim in any case."""
    by_size = {member: {size: each["queries"][member] for size, each in found.items()} for member in members}
    uneven = {member: counts for member, counts in by_size.items() if len(set(counts.values())) > 1}
    highest = max(count for counts in by_size.values() for count in counts.values())
    note = f"by size: {uneven}" if uneven else "the same at every size"
    most = 0 if uneven else MOST_QUERIES
    return Figure(f"SQL queries, {name}", bench.database, highest, "queries", most=most, exact=True, note=note)


def first_visit(bench: Bench) -> list[Figure]:
    """What an empty browser fetches for the integrations page, as it comes over the wire, headers included.

    Counted are the page and the files it names. Of the images that the styles name a browser fetches those it draws;
    all of them together stand in the note.
    """
    browser = bench.smallest.browser
    page = _packed(browser, addresses.INTEGRATIONS)
    named = dict.fromkeys(_FILE.findall(browser.page(addresses.INTEGRATIONS).text))
    total = _wire(page) + sum(_wire(_packed(browser, address)) for address in named)
    drawn = sum(_wire(_packed(browser, address)) for address in _in_styles(browser, list(named)))
    note = f"{len(named) + 1} requests; the page alone {_wire(page):,}; images in styles at most {drawn:,} more"
    name = "first visit of integrations, on the wire"
    return [Figure(name, bench.database, total, "bytes", most=MOST_FIRST_VISIT, exact=True, note=note)]


def _in_styles(browser: Browser, named: list[str]) -> set[str]:
    """Addresses of the images that the styles name, apart from those the page names itself."""
    styles = [address for address in named if address.partition("?")[0].endswith(".css")]
    found = {urljoin(css, inner) for css in styles for inner in _IN_STYLES.findall(browser.page(css).text)}
    return {address for address in found if not address.startswith("data:")} - set(named)


def _wire(answer: Answer) -> int:
    return len(answer.body) + answer.head_bytes


def _packed(browser: Browser, path: str) -> Answer:
    return browser.page(path, {"Accept-Encoding": "gzip"})
