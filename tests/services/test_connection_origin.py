"""A stored secret belongs to one origin: no spelling of another address gets it without typing it again.

The stored address has a name and a port. Beside it stands a listener at other addresses of the same machine that notes
every byte it hears. Each spelling is tried by each verb with the secret left blank.
"""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from extensions import db
from models import Connection
from providers.targets import parse_url
from standins.jira import ADMIN_EMAIL, API_TOKEN
from tests.conftest import PatchpanelClient, Site

PAGE = "/settings/organization/integrations"
VERBS = ("edit", "test")
SAME, OTHER = "same origin", "another origin or none"
BASIC = base64.b64encode(f"{ADMIN_EMAIL}:{API_TOKEN}".encode())
BAD_ADDRESS = "Enter the whole address"
# {p}: port of the stored address; {q}: port of the listener. `SAME` ones lead to the stored site, so the secret may go.
SPELLINGS = (
    # the stored address in other words
    (SAME, "http://127.0.0.1:{p}"),
    (SAME, "http://127.0.0.1:{p}/"),
    (SAME, "http://127.0.0.1:{p}/jira/software/projects/OPS"),
    (SAME, "http://127.0.0.1:{p}/?next=http://localhost:{q}"),
    (SAME, "http://127.0.0.1:{p}#@localhost:{q}"),
    (SAME, "http://127.0.0.1:{p}?@localhost:{q}"),
    (SAME, "http://127.0.0.1:{p}/@localhost:{q}"),
    (SAME, "http://127.0.0.1:{p}//localhost:{q}"),
    (SAME, "HTTP://127.0.0.1:{p}"),
    (SAME, "hTTp://127.0.0.1:{p}/x"),
    (SAME, "  http://127.0.0.1:{p}  "),
    (SAME, "\thttp://127.0.0.1:{p}\n"),
    (SAME, "http://127.0.0.1:0{p}"),
    # ports
    (OTHER, "http://127.0.0.1:{q}"),
    (OTHER, "http://127.0.0.1:{q}/rest/api/3"),
    (OTHER, "http://127.0.0.1:{q}#127.0.0.1:{p}"),
    (OTHER, "http://127.0.0.1:{q}?127.0.0.1:{p}"),
    (OTHER, "http://127.0.0.1"),
    (OTHER, "http://127.0.0.1:"),
    (OTHER, "http://127.0.0.1:80"),
    (OTHER, "http://127.0.0.1:0"),
    (OTHER, "http://127.0.0.1:99999"),
    (OTHER, "http://127.0.0.1:{p}:{q}"),
    (OTHER, "http://127.0.0.1:{p},127.0.0.1:{q}"),
    (OTHER, "http://127.0.0.1:-{q}"),
    (OTHER, "http://127.0.0.1:{p}a"),
    # scheme
    (OTHER, "https://127.0.0.1:{p}"),
    (OTHER, "https://127.0.0.1:{q}"),
    (OTHER, "ftp://127.0.0.1:{p}"),
    (OTHER, "file://127.0.0.1:{q}/etc/passwd"),
    (OTHER, "gopher://127.0.0.1:{q}"),
    (OTHER, "//127.0.0.1:{q}"),
    (OTHER, "127.0.0.1:{q}"),
    (OTHER, "javascript:alert(1)"),
    (OTHER, "http:127.0.0.1:{q}"),
    (OTHER, "http:/127.0.0.1:{q}"),
    (OTHER, "http:///127.0.0.1:{q}"),
    # user information
    (OTHER, "http://127.0.0.1:{p}@localhost:{q}"),
    (OTHER, "http://127.0.0.1:{p}@127.0.0.1:{q}"),
    (OTHER, "http://user:word@127.0.0.1:{p}"),
    (OTHER, "http://localhost:{q}@127.0.0.1:{p}"),
    (OTHER, "http://@127.0.0.1:{p}"),
    (OTHER, "http://127.0.0.1:{p}%40localhost:{q}"),
    (OTHER, "http://127.0.0.1:{p}\\@localhost:{q}"),
    (OTHER, "http://localhost:{q}\\@127.0.0.1:{p}"),
    # names and dots
    (OTHER, "http://localhost:{p}"),
    (OTHER, "http://LocalHost:{q}"),
    (OTHER, "http://localhost.:{q}"),
    (OTHER, "http://127.0.0.1.:{p}"),
    (OTHER, "http://127.0.0.1.nip.example:{q}"),
    (OTHER, "http://127.1:{q}"),
    (OTHER, "http://127.1:{p}"),
    (OTHER, "http://2130706433:{p}"),
    (OTHER, "http://0x7f000001:{p}"),
    (OTHER, "http://0177.0.0.1:{p}"),
    (OTHER, "http://127.0.0.2:{p}"),
    (OTHER, "http://0.0.0.0:{q}"),
    (OTHER, "http://0:{q}"),
    # IPv6
    (OTHER, "http://[::1]:{q}"),
    (OTHER, "http://[::1]:{p}"),
    (OTHER, "http://[::ffff:127.0.0.1]:{p}"),
    (OTHER, "http://[::ffff:7f00:1]:{q}"),
    (OTHER, "http://[::127.0.0.1]:{q}"),
    (OTHER, "http://[0:0:0:0:0:0:0:1]:{q}"),
    (OTHER, "http://[64:ff9b::7f00:1]:{q}"),
    (OTHER, "http://[::1%25lo]:{q}"),
    (OTHER, "http://[127.0.0.1]:{q}"),
    (OTHER, "http://[::1:{q}"),
    # letters that look alike or are mapped
    (OTHER, "http://①②⑦.0.0.1:{q}"),
    (OTHER, "http://127。0。0。1:{q}"),
    (OTHER, "http://１２７.0.0.1:{p}"),
    (OTHER, "http://ⓛocalhost:{q}"),
    (OTHER, "http://löcalhost:{q}"),
    (OTHER, "http://xn--lcalhost-n4a:{q}"),
    (OTHER, "http://local\u00adhost:{q}"),
    (OTHER, "http://LOCALHOſT:{q}"),
    # blanks, controls, percent signs
    (OTHER, "http://127.0.0.1:{p} @localhost:{q}"),
    (OTHER, "http://local host:{q}"),
    (OTHER, "http://%6c%6f%63alhost:{q}"),
    (OTHER, "http://127.0.0.1%2e:{q}"),
    (OTHER, "http://127.0.0.1%00.example:{q}"),
    (OTHER, "http://127.0.0.1:{p}\r\nHost: localhost:{q}"),
    (OTHER, "http://127.0.0.1\t:{q}"),
    (OTHER, "ht\ntp://localhost:{q}"),
    (OTHER, "http://"),
    (OTHER, "http://:{q}"),
    (OTHER, "http://?:{q}"),
)


@dataclass
class Ear:
    """Listens at a port of 127.0.0.1 and ::1 and keeps every byte it hears."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)

    def listen(self, stack: ExitStack) -> None:
        """Open the sockets; they close with the stack."""
        first = stack.enter_context(socket.create_server(("", 0)))
        self.port = first.getsockname()[1]
        sockets = [first]
        if socket.has_dualstack_ipv6():
            sockets.append(stack.enter_context(socket.create_server(("::1", self.port), family=socket.AF_INET6)))
        for each in sockets:
            threading.Thread(target=self._accept, args=(each,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                conn, _ = listening.accept()
            except OSError:
                return
            with conn:
                conn.settimeout(2)
                self.heard.append(b"a connection ")
                try:
                    self.heard.append(conn.recv(65536))
                except OSError:
                    continue


@pytest.fixture
def ear() -> Iterator[Ear]:
    """The listener at the other address."""
    found = Ear()
    with ExitStack() as stack:
        found.listen(stack)
        yield found


def stored() -> tuple[object, ...]:
    """The connection as it is in the database."""
    db.session.rollback()
    return tuple(db.session.execute(select(Connection.__table__)).one())


def test_there_are_enough_spellings() -> None:
    assert len({spelling for _, spelling in SPELLINGS}) == len(SPELLINGS) >= 60


@pytest.mark.parametrize("verb", VERBS)
def test_no_spelling_of_another_address_gets_the_stored_secret(
    admin: PatchpanelClient, connected: Connection, jira: Site, ear: Ear, allow: Callable[..., None], verb: str
) -> None:
    ours = jira.url.rpartition(":")[2]
    # Even when the operator allows everything there is at the other addresses, the secret must not go there.
    names = ("127.0.0.1", "127.0.0.2", "localhost", "[::1]")
    allow(*(f"{scheme}{name}:{port}" for scheme in ("http://", "") for name in names for port in (ours, ear.port)))
    before, origin = stored(), connected.origin
    url = f"{PAGE}/connections/{connected.id}/{verb}"
    for kind, pattern in SPELLINGS:
        spelling = pattern.replace("{p}", ours).replace("{q}", str(ear.port))
        calls = len(jira.standin.calls)
        answer = admin.post_form(url, jira.typed(service_url=spelling, api_token=""))
        page = answer.get_data(as_text=True)
        assert API_TOKEN not in page, spelling
        assert not any(API_TOKEN.encode() in piece or BASIC in piece for piece in ear.heard), spelling
        if kind is SAME:
            assert answer.status_code in (200, 303), spelling
            assert len(jira.standin.calls) > calls, spelling
            assert parse_url(stored()[_column("settings")]["service_url"]) == parse_url(jira.url), spelling
            continue
        assert ear.heard == [], spelling
        assert answer.status_code == 422, spelling
        assert "must be typed again" in page or BAD_ADDRESS in page, spelling
        assert len(jira.standin.calls) == calls, spelling
        assert stored()[_column("origin")] == origin, spelling
        assert stored()[_column("credentials")] == before[_column("credentials")], spelling


def _column(name: str) -> int:
    return list(Connection.__table__.columns.keys()).index(name)


@pytest.mark.parametrize("verb", VERBS)
def test_typing_the_secret_again_lets_it_go_to_the_new_address_only(
    admin: PatchpanelClient, connected: Connection, jira: Site, ear: Ear, allow: Callable[..., None], verb: str
) -> None:
    allow(f"http://localhost:{ear.port}")
    moved = jira.typed(service_url=f"http://localhost:{ear.port}", api_token="another-token-8150")
    answer = admin.post_form(f"{PAGE}/connections/{connected.id}/{verb}", moved)
    assert answer.status_code == 422  # nobody answers there
    heard = b"".join(ear.heard)
    assert base64.b64encode(f"{ADMIN_EMAIL}:another-token-8150".encode()) in heard
    assert BASIC not in heard
    assert stored()[_column("origin")] == connected.origin


def test_a_row_whose_address_was_changed_behind_our_back_makes_no_call(
    admin: PatchpanelClient, connected: Connection, ear: Ear, allow: Callable[..., None]
) -> None:
    from services import store

    allow(f"http://localhost:{ear.port}")
    for changes in ({"settings"}, {"settings", "origin"}):
        with store.write() as session:
            row = store.locked(session, Connection, connected.id)
            row.settings = {**row.settings, "service_url": f"http://localhost:{ear.port}"}
            if "origin" in changes:
                row.origin = f"http://localhost:{ear.port}"
        answer = admin.post_form(f"{PAGE}/connections/{connected.id}/check")
        assert answer.status_code == 409
        assert "cannot be opened" in answer.get_data(as_text=True)
    assert ear.heard == []
