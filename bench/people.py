"""`python -m bench.people URL COUNT INCIDENTS`: people who browse at the same time, each with a session of their own.

One process and one thread (asyncio), so that the load costs little beside what is measured. Prints a line once all are
signed in, browses until SIGTERM, then prints JSON: for each page when it was asked for (time.monotonic), the seconds
until its last byte, and the status (0: the connection broke).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from urllib.parse import urlsplit

from bench import addresses
from bench.browser import Browser
from bench.processes import PASSWORD

SEED = 20260102
THINK_SECONDS = (1.0, 3.0)
READY = "ready"
# The product ends the oldest session of an account that has more than ten.
SESSIONS_EACH = 8


def email_of(number: int) -> str:
    """The account that this one of the people uses; bench.rows adds it."""
    return f"person-{number // SESSIONS_EACH}@patchpanel.example"


def main(url: str, count: int, incidents: int) -> list[tuple[float, float, int]]:
    """Sign in, browse until told to stop; returns the samples."""
    cookies = [_signed_in(url, email_of(number)) for number in range(count)]
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    return asyncio.run(_browse(url, cookies, incidents))


def _signed_in(url: str, email: str) -> str:
    browser = Browser(url)
    browser.sign_in(email, PASSWORD)
    browser.close()
    return browser.cookies


async def _browse(url: str, cookies: list[str], incidents: int) -> list[tuple[float, float, int]]:
    samples: list[tuple[float, float, int]] = []
    people = [_Person(url, each, number, incidents, samples) for number, each in enumerate(cookies)]
    tasks = [asyncio.create_task(person.live()) for person in people]
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: [task.cancel() for task in tasks])
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return samples


class _Person:
    """Opens page after page over a kept connection, with pauses."""

    def __init__(
        self, url: str, cookie: str, number: int, incidents: int, samples: list[tuple[float, float, int]]
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._head = f" HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept-Encoding: gzip\r\nCookie: {cookie}\r\n\r\n"
        self._chance, self._number, self._incidents = random.Random(SEED + number), number, incidents
        self._samples = samples
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def live(self) -> None:
        """Browse until cancelled."""
        turn = self._number
        await asyncio.sleep(self._chance.uniform(0, THINK_SECONDS[1]))
        while True:
            started = time.monotonic()
            status = await self._page(self._path(turn))
            self._samples.append((started, time.monotonic() - started, status))
            turn += 1
            await asyncio.sleep(self._chance.uniform(*THINK_SECONDS))

    def _path(self, turn: int) -> str:
        detail = addresses.detail(self._chance.randrange(1, self._incidents + 1))
        pages = (addresses.INCIDENTS, detail, addresses.INTEGRATIONS, addresses.INCIDENTS, detail, addresses.PEOPLE)
        return pages[turn % len(pages)]

    async def _page(self, path: str) -> int:
        """The status; a kept connection the server has closed in the meantime is opened again, as browsers do."""
        kept = self._streams is not None
        try:
            return await self._ask(path)
        except (OSError, EOFError):
            self._close()
        if kept:
            with contextlib.suppress(OSError, EOFError):
                return await self._ask(path)
            self._close()
        return 0

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None

    async def _ask(self, path: str) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(f"GET {path}{self._head}".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        await reader.readexactly(int(head.partition("content-length:")[2].partition("\r\n")[0]))
        return int(head.split(" ", 2)[1])


if __name__ == "__main__":
    found = main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(found) + "\n")
