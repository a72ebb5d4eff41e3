"""Calls to one ServiceNow instance: signing in, the Table API, paging.

Source: ServiceNow's Table API and OAuth pages; docs/providers.md lists the facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from providers.answers import amend, read_json
from providers.errors import AuthenticationFailed, ProviderError, UnexpectedAnswer
from providers.servicenow import answers
from providers.servicenow.tokens import Slot, Token

if TYPE_CHECKING:
    import requests

PAGE_SIZE = 200
MOST_PAGES = 10
_COUNT_DIGITS = 18
_SHORTEST_LIFE, _LONGEST_LIFE = 1.0, 86_400.0


@dataclass(frozen=True)
class Login:
    """How to sign in: by API key, else by OAuth with the password grant, else with client credentials."""

    api_key: str = ""
    client_id: str = ""
    client_secret: str = ""
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "Login(…)"

    @property
    def grant(self) -> dict[str, str]:
        """The form for the token route."""
        client = {"client_id": self.client_id, "client_secret": self.client_secret}
        if self.username:
            return {"grant_type": "password", **client, "username": self.username, "password": self.password}
        return {"grant_type": "client_credentials", **client}


@dataclass(frozen=True)
class Page:
    """Rows of a table, and how many match in all (before access rules hide some); None when not told.

    `answer` is the (last) answer they came in.
    """

    rows: Sequence[Mapping[str, Any]]
    total: int | None
    answer: Any = None

    @property
    def hidden(self) -> bool:
        """Whether records match that this account may not see: the limit is applied before the access rules."""
        return bool(self.total) and not self.rows

    def refusal(self, error: ProviderError) -> ProviderError:
        """An error that only the content tells of; the ledger is corrected and the alert can link to the attempt."""
        amend(self.answer, "refused", error.cause)
        error.attempt_id = getattr(self.answer, "attempt_id", None)
        return error


class Wire:
    """One instance, spoken to as one account.

    Args:
        base: scheme, host and port.
        door: the guarded way out.
        login: the credentials.
        slot: where this process keeps the token.
    """

    def __init__(self, base: str, door: Any, login: Login, slot: Slot) -> None:
        self.base, self.door, self.slot = base, door, slot
        self._login = login
        self._session: requests.Session = door.session()
        self._session.headers["Accept"] = "application/json"

    # -- signing in -------------------------------------------------------------------------------------------------

    def sign_in(self, *, fresh: bool = False) -> Token | None:
        """The access token to use, asked for when none is kept; None with an API key. Raises ProviderError."""
        if self._login.api_key:
            return None
        token = self.slot.get(self._ask, patience=self._time_left(), fresh=fresh)
        # An answer or an address may repeat them.
        self.door.secrets = tuple({*self.door.secrets, token.access, token.refresh})
        return token

    def _time_left(self) -> float:
        try:
            return float(self.door.deadline.left())
        except TimeoutError:
            return 0.0

    def _ask(self) -> Token:
        purpose, self.door.purpose = self.door.purpose, "sign in"
        try:
            response = self._session.post(f"{self.base}/oauth_token.do", data=self._login.grant)
        finally:
            self.door.purpose = purpose
        answers.refuse_sleeping(response)
        if response.status_code in (400, 401):
            raise answers.sign_in_refused(response, by_password=bool(self._login.username))
        if response.status_code != 200:
            raise answers.error(response, doing="sign in by OAuth")
        data = read_json(response, answers.LABEL)
        if not isinstance(data, dict) or not isinstance(data.get("access_token"), str) or not data["access_token"]:
            raise answers.unlike(response)
        return self._granted(data)

    def _granted(self, data: Mapping[str, Any]) -> Token:
        try:
            life = float(data.get("expires_in", 0))
        except (TypeError, ValueError):
            life = 0.0
        refresh = data.get("refresh_token")
        life = min(max(life, _SHORTEST_LIFE), _LONGEST_LIFE)
        return Token.granted(data["access_token"], refresh if isinstance(refresh, str) else "", life)

    def revoke(self) -> None:
        """Give the tokens back. They travel in the body: an address would stand in the instance's log."""
        token = self.sign_in()
        if token is None:
            return
        for secret in (token.refresh, token.access):
            if secret:
                self._revoke(secret)
        self.slot.drop(token)

    def _revoke(self, secret: str) -> None:
        url = f"{self.base}/oauth_revoke_token.do"
        response = self._session.post(url, data={"token": secret})
        if response.status_code >= 400:
            # Older instances read the address only; the token is worthless once that worked.
            response = self._session.get(url, params={"token": secret})
        if response.status_code >= 400:
            raise answers.error(response, doing="revoke tokens")

    # -- the Table API ----------------------------------------------------------------------------------------------

    def rows(
        self, table: str, query: str, fields: Sequence[str], *, limit: int = PAGE_SIZE, offset: int = 0, show: str = ""
    ) -> Page:
        """One page of a table. `show="all"` asks for display values beside the values.

        Terms with an unknown field are dropped by ServiceNow without a word: whoever looks for something must compare
        the rows with what was asked. Raises ProviderError.
        """
        params = {
            "sysparm_query": query,
            "sysparm_fields": ",".join(fields),
            "sysparm_limit": str(limit),
            "sysparm_offset": str(offset),
            **_form(show),
        }
        response = self._call("GET", _table(table), params=params)
        found = answers.result(response, doing=f"read {table}")
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise answers.unlike(response)
        total = response.headers.get("X-Total-Count", "")
        return Page(found, int(total) if total.isdecimal() and len(total) <= _COUNT_DIGITS else None, response)

    def all_rows(self, table: str, query: str, fields: Sequence[str], *, most: int = MOST_PAGES * PAGE_SIZE) -> Page:
        """All rows, page by page until the count is reached: a page may be short without being the last."""
        found: list[Mapping[str, Any]] = []
        offset, total, answer = 0, None, None
        while offset < most:
            size = min(PAGE_SIZE, most - offset)
            page = self.rows(table, query, fields, limit=size, offset=offset)
            found += page.rows
            answer = page.answer
            total = page.total if page.total is not None else total
            offset += size
            if (offset >= total) if total is not None else len(page.rows) < size:
                break
        return Page(found, total, answer)

    def record(self, table: str, sys_id: str, fields: Sequence[str]) -> Mapping[str, Any]:
        """One record with display values. Raises NotFound when it is gone or hidden, ProviderError."""
        params = {"sysparm_fields": ",".join(fields), **_form("all")}
        response = self._call("GET", f"{_table(table)}/{quote(sys_id, safe='')}", params=params)
        return _one(response, doing=f"read {table}", good=(200,))

    def create(self, table: str, body: Mapping[str, str]) -> tuple[Mapping[str, Any], str]:
        """Make a record with one call. Returns what ServiceNow says it stored, and the sys_id of its address.

        Raises ProviderError; `sent` is False when the create itself never left.
        """
        params = {"sysparm_fields": ",".join(("sys_id", "number", *body)), **_form("")}
        response = self._call("POST", _table(table), params=params, json=dict(body), creating=True)
        record = _one(response, doing=f"create in {table}", good=(200, 201))
        return record, urlsplit(response.headers.get("Location", "")).path.rpartition("/")[2]

    def change(self, table: str, sys_id: str, body: Mapping[str, str], *, once: bool = False) -> Mapping[str, Any]:
        """Change fields of a record. Returns what ServiceNow says it stored, with display values for `once`.

        With `once` the change adds something, as a create does: it is sent at most once, and an error says by `sent`
        whether it left. Raises ProviderError.
        """
        params = {"sysparm_fields": ",".join(("sys_id", *body)), **_form("all" if once else "")}
        path = f"{_table(table)}/{quote(sys_id, safe='')}"
        response = self._call("PATCH", path, params=params, json=dict(body), creating=once)
        return _one(response, doing=f"write {table}", good=(200,))

    def get(self, path: str, *, doing: str) -> Any:
        """The `result` of another route. Raises ProviderError."""
        return answers.result(self._call("GET", path), doing=doing)

    def _call(self, method: str, path: str, *, creating: bool = False, **arguments: Any) -> requests.Response:
        token = self._before(creating=creating)
        response = self._send(method, path, token, creating=creating, **arguments)
        if token is not None and self._stale(response, creating=creating):
            self.slot.drop(token)
            token = self._before(creating=creating)
            response = self._send(method, path, token, creating=creating, **arguments)
        if response.status_code == 401:
            raise self._refused(response)
        return response

    def _before(self, *, creating: bool) -> Token | None:
        try:
            return self.sign_in()
        except ProviderError as error:
            if creating:
                # The sign-in failed, so the create was never sent: it may be repeated at once.
                error.sent = False
            raise

    def _stale(self, response: requests.Response, *, creating: bool) -> bool:
        """Whether the token was refused, so that a fresh one may help.

        ServiceNow looks at the token before anything else, so its own refusal proves that nothing was created. Anybody
        else's 401 (a proxy behind the instance) proves nothing: a create is not repeated then.
        """
        if response.status_code != 401:
            return False
        return not creating or bool(getattr(response, "vendor_message", ""))

    def _send(
        self, method: str, path: str, token: Token | None, *, creating: bool, **arguments: Any
    ) -> requests.Response:
        proof = {"Authorization": f"Bearer {token.access}"} if token else {"x-sn-apikey": self._login.api_key}
        with self.door.creating() if creating else nullcontext():
            return self._session.request(method, f"{self.base}{path}", headers=proof, **arguments)

    def _refused(self, response: requests.Response) -> AuthenticationFailed:
        if self._login.api_key:
            return answers.refused(response, "ServiceNow refused this API key.", answers.KEY_STEP)
        cause = "ServiceNow gave a token and then refused it for the Table API."
        step = "Check that the REST API access policies of the instance let OAuth in, and that the user is active."
        return answers.refused(response, cause, step)


def _table(name: str) -> str:
    return f"/api/now/table/{quote(name, safe='')}"


def _form(show: str) -> dict[str, str]:
    return {"sysparm_display_value": show or "false", "sysparm_exclude_reference_link": "true"}


def _one(response: requests.Response, *, doing: str, good: tuple[int, ...]) -> Mapping[str, Any]:
    found = answers.result(response, doing=doing, good=good)
    if not isinstance(found, dict):
        raise UnexpectedAnswer("ServiceNow's answer is not a record.", next_step="Try again later.", vendor_status=200)
    return found
