"""A small provider in one file: the ticket system Chalkboard, its client and its description as data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, request

from providers.base import (
    AuthMethod,
    Client,
    ConnectionValues,
    CreatesTickets,
    Field,
    FieldKind,
    FindsPeople,
    Group,
    Provider,
    ReadsStatus,
    Sentences,
    url_origin,
)
from providers.http import error_for, read_json
from providers.values import (
    Account,
    CheckResult,
    Choice,
    CreatedTicket,
    DestinationField,
    DestinationFieldKind,
    DestinationSchema,
    Person,
    Step,
    TicketDraft,
    TicketStatus,
)

KEY, PASSWORD_OF_EVE = "chalk-key-7731", "chalk-password-7731"


@dataclass
class Chalkboard:
    """A tiny ticket system: cards on boards."""

    cards: list[dict[str, Any]] = field(default_factory=list)
    locked: bool = False

    def application(self) -> Flask:
        """Its server."""
        app = Flask("chalkboard")
        app.before_request(self._who)
        app.add_url_rule("/me", "me", view_func=lambda: self._say({"name": "Eve Chalk", "id": "e1"}))
        app.add_url_rule("/boards", "boards", view_func=lambda: self._say([{"id": "b1", "title": "Ops"}]))
        app.add_url_rule("/people", view_func=self._people)
        app.add_url_rule("/cards", view_func=self._find, methods=["GET"])
        app.add_url_rule("/cards", view_func=self._add, methods=["POST"], endpoint="add")
        app.add_url_rule(
            "/cards/<int:number>", view_func=lambda number: self._say(self.cards[number - 1]), endpoint="one"
        )
        return app

    def _say(self, data: Any, status: int = 200) -> Response:
        return Response(json.dumps(data), status, content_type="application/json")

    def _who(self) -> Response | None:
        basic = request.authorization and request.authorization.password == PASSWORD_OF_EVE
        if not self.locked and (basic or request.headers.get("X-Chalk-Key") == KEY):
            return None
        return self._say({"problem": f"bad credentials {request.headers.get('X-Chalk-Key')}"}, 401)

    def _people(self) -> Response:
        known = {"dana@chalk.example": {"id": "d1", "name": "Dana Chalk", "email": "dana@chalk.example"}}
        return self._say([known[request.args["email"]]] if request.args["email"] in known else [])

    def _find(self) -> Response:
        return self._say([card for card in self.cards if request.args["marker"] in card["text"]])

    def _add(self) -> Response:
        card = {"number": len(self.cards) + 1, "lane": "To do", **request.get_json()}
        self.cards.append(card)
        return self._say(card, 201)


class ChalkClient(Client, CreatesTickets, FindsPeople, ReadsStatus):
    """Speaks to a Chalkboard."""

    quiet_seconds = 5
    empty_looks = 2

    def __init__(self, values: ConnectionValues, door: Any) -> None:
        super().__init__(values, door)
        self.base = values.settings["board_url"]
        self.session = door.session()
        if values.auth_method == "key":
            self.session.headers["X-Chalk-Key"] = values.credentials["key"]
        else:
            self.session.auth = (values.settings["user"], values.credentials["word"])

    @classmethod
    def origin(cls, settings: Mapping[str, str]) -> str:
        """The site."""
        return url_origin(settings.get("board_url", ""))

    @classmethod
    def tenant(cls, settings: Mapping[str, str]) -> str:
        """The site without its scheme."""
        return settings.get("board_url", "").partition("://")[2]

    @classmethod
    def describe(cls, response: Any) -> tuple[str, str]:
        """The problem in an error answer."""
        return "chalk-1", response.json()["problem"]

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.session.request(method, self.base + path, **arguments)
        if answer.status_code >= 400:
            raise error_for(answer, label="Chalkboard")
        return read_json(answer, "Chalkboard")

    def check(self) -> CheckResult:
        """Ask who we are."""
        self.door.purpose = "check"
        me = self._call("GET", "/me")
        return CheckResult(Account(me["id"], me["name"], site_name="the chalkboard"))

    def find_people(self, email: str) -> Sequence[Person]:
        """People by address."""
        self.door.purpose = "find person"
        found = self._call("GET", "/people", params={"email": email})
        return [Person(entry["id"], entry["name"], entry["name"].lower(), entry["email"]) for entry in found]

    def choices(self, step: str, chosen: Mapping[str, str]) -> Sequence[Choice]:
        """Boards."""
        return [Choice(entry["id"], entry["title"]) for entry in self._call("GET", "/boards")]

    def schema(self, destination: Mapping[str, str]) -> DestinationSchema:
        """Each board wants a colour."""
        colours = (Choice("r", "Red"), Choice("g", "Green"))
        return DestinationSchema((DestinationField("colour", "Colour", DestinationFieldKind.SELECT, choices=colours),))

    def create_ticket(self, draft: TicketDraft) -> CreatedTicket:
        """Put a card on the board."""
        self.door.purpose = "create ticket"
        card = {
            "title": draft.summary,
            "text": f"{draft.description} {draft.marker}",
            "colour": draft.values["colour"].value,
            "owner": draft.assignee_id,
        }
        with self.door.creating():
            made = self._call("POST", "/cards", json=card)
        return CreatedTicket(str(made["number"]), f"CARD-{made['number']}", f"{self.base}/board#{made['number']}")

    def read_ticket(self, reference: str) -> TicketStatus:
        """A card."""
        card = self._call("GET", f"/cards/{reference}")
        number, done = str(card["number"]), card["lane"] == "Wiped"
        return TicketStatus(
            external_id=number,
            external_key=f"CARD-{number}",
            url=f"{self.base}/board#{number}",
            summary=card["title"],
            status=card["lane"],
            category="done" if done else "new",
            assignee_id=card["owner"],
            assignee_name="Dana Chalk",
        )

    def find_by_marker(self, marker: str, destination: Mapping[str, str]) -> Sequence[TicketStatus]:
        """Cards with the marker in their text."""
        return [self.read_ticket(str(c["number"])) for c in self._call("GET", "/cards", params={"marker": marker})]


ADDRESS = Field("board_url", "Board URL", kind=FieldKind.URL, help="Where the board hangs.", find="Look at the wall.")
PROVIDER = Provider(
    key="chalkboard",
    label="Chalkboard",
    group=Group.TICKETS,
    purpose="Cards on a wall.",
    auth_methods=(
        AuthMethod("key", "Board key", (ADDRESS, Field("key", "Board Key", kind=FieldKind.SECRET, help="From Eve."))),
        AuthMethod(
            "login",
            "Name and word",
            (ADDRESS, Field("user", "Chalk User", help="A name."), Field("word", "Word", kind=FieldKind.SECRET)),
        ),
    ),
    client=ChalkClient,
    sentences=Sentences(refused="The board does not know you", unreachable="The board is out of reach"),
    integration_type="Chalk",
    steps=(Step("board", "Board"),),
)
