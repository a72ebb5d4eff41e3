"""The ServiceNow client: incidents and other tasks over the Table API.

Source: ServiceNow's Table API pages; docs/providers.md lists the facts. A 2xx proves little here: terms of a query and
values of a body that ServiceNow does not understand are dropped, so every record that comes back is compared with what
was asked or sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from providers.base import Client, ConnectionValues, CreatesTickets, FindsPeople, url_origin
from providers.errors import InvalidInput, NotAllowed, NotFound, ProviderError, UnexpectedAnswer
from providers.servicenow import answers, people, query, records
from providers.servicenow.answers import value
from providers.servicenow.comments import Comments
from providers.servicenow.destinations import Destinations
from providers.servicenow.reading import Reading
from providers.servicenow.tokens import slots
from providers.servicenow.webhooks import Webhooks
from providers.servicenow.wire import Login, Page, Wire
from providers.values import (
    Account,
    CheckResult,
    Choice,
    CreatedTicket,
    DestinationSchema,
    Permission,
    Person,
    TicketDraft,
    TicketStatus,
)


class ServiceNowClient(Reading, Comments, Webhooks, Client, CreatesTickets, FindsPeople):
    """Speaks to one ServiceNow instance."""

    # A look-up reads the database: what was stored shows at once. The time is for creates still under way.
    quiet_seconds = 2 * 60
    empty_looks = 2
    people_batch_size = 100

    def __init__(self, values: ConnectionValues, door: Any) -> None:
        super().__init__(values, door)
        self.base = values.settings["service_url"].rstrip("/")
        self.user_name = values.settings.get("user_id") or values.settings.get("username") or ""
        self._wire = Wire(self.base, door, *self._credentials())

    def _credentials(self) -> tuple[Login, Any]:
        settings, secrets = self.values.settings, self.values.credentials
        if self.values.auth_method == "api_key":
            login = Login(api_key=secrets["api_key"])
        else:
            login = Login(
                "", settings["client_id"], secrets["client_secret"], self.user_name, secrets.get("password", "")
            )
        if login.username and not login.password:
            message = "Enter the Password too, or leave Username and Password empty."
            raise InvalidInput(message, field_errors={"password": message}, sent=False)
        parts = (login.api_key, login.client_id, login.client_secret, self.user_name, login.password)
        return login, slots.slot((url_origin(self.base), *parts))

    # -- what the registry asks -------------------------------------------------------------------------------------

    @classmethod
    def origin(cls, settings: Mapping[str, str]) -> str:
        """The instance the secrets are sent to."""
        return url_origin(settings.get("service_url", ""))

    @classmethod
    def tenant(cls, settings: Mapping[str, str]) -> str:
        """Host of the instance."""
        return urlsplit(settings.get("service_url", "")).netloc

    @classmethod
    def clean(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Trim, and bring the instance's address to scheme and host: people paste whole page addresses."""
        cleaned = super().clean(settings)
        typed = cleaned.get("service_url", "")
        parts = urlsplit(typed if url_origin(typed) else "")  # urlsplit raises ValueError for brackets around a name
        if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
            message = "Enter the whole address, for example https://yourcompany.service-now.com"
            raise InvalidInput(message, field_errors={"service_url": message}, sent=False)
        cleaned["service_url"] = f"{parts.scheme}://{parts.netloc.lower()}"
        for name in ("user_id", "username"):
            if cleaned.get(name):
                query.safe(cleaned[name], field=name)
        return cleaned

    @classmethod
    def describe(cls, response: Any) -> tuple[str, str]:
        """ServiceNow's own code and message in an error answer."""
        return answers.message(response)

    # -- checking ---------------------------------------------------------------------------------------------------

    def check(self) -> CheckResult:
        """Prove the credentials: sign in anew (OAuth), then read the user the connection acts as."""
        self.door.purpose = "check"
        try:
            self._wire.sign_in(fresh=True)
            account = self._account()
        except NotFound as error:
            raise answers.wrong_product(error) from error
        except InvalidInput as error:
            if error.vendor_status != 400:
                raise
            raise answers.wrong_product(error) from error
        self._wire.slot.account_id = account.id
        return CheckResult(account)

    def _account(self) -> Account:
        if self.user_name:
            user = people.named(self._wire, self.user_name)
        else:
            user = people.token_owner(self._wire, self.values.settings["client_id"])
        return Account(user.external_id, user.name, self.base, self.tenant(self.values.settings))

    def permissions(self, destination: Mapping[str, str]) -> Sequence[Permission]:
        """What the account may do with records of the chosen table. Creates nothing."""
        user = self._own_id()
        self.door.purpose = "check permissions"
        return people.permissions(self._wire, _table(destination), user)

    # -- people -----------------------------------------------------------------------------------------------------

    def find_people(self, email: str) -> Sequence[Person]:
        """People whose e-mail is exactly this. Raises NotAllowed when the account may not see people."""
        self.door.purpose = "find person"
        return people.find(self._wire, email)

    def read_people(self, external_ids: Sequence[str]) -> Mapping[str, Person]:
        """The users with these ids that still exist, with one call. Raises NotAllowed when some are hidden."""
        self.door.purpose = "read people"
        return people.again(self._wire, external_ids)

    # -- destinations -----------------------------------------------------------------------------------------------

    def choices(self, step: str, chosen: Mapping[str, str]) -> Sequence[Choice]:
        """Task tables, incident first."""
        self.door.purpose = "list tables"
        return Destinations(self._wire).tables()

    def schema(self, destination: Mapping[str, str]) -> DestinationSchema:
        """The mandatory fields of the table, and those worth a default."""
        self.door.purpose = "list fields"
        return Destinations(self._wire).schema(_table(destination))

    # -- tickets ----------------------------------------------------------------------------------------------------

    def create_ticket(self, draft: TicketDraft) -> CreatedTicket:
        """Make the record with one call, assigned at once, and compare what was stored with what was sent."""
        table = _table(draft.destination)
        caller = self._caller(table)
        self.door.purpose = "create ticket"
        body = records.new_record(table, draft, caller)
        try:
            stored, located = self._wire.create(table, body)
        except InvalidInput as error:
            raise self._named(error, table) from error
        sys_id = value(stored.get("sys_id")) or (located if query.SYS_ID.fullmatch(located) else "")
        if not sys_id:
            raise UnexpectedAnswer(
                "ServiceNow's answer does not name the new record.", next_step="Patchpanel looks for it."
            )
        problem, warnings = records.differences(body, stored)
        key = value(stored.get("number")) or sys_id
        external_id = records.external_id(table, sys_id)
        return CreatedTicket(external_id, key, records.link(self.base, table, sys_id), problem, warnings)

    def _caller(self, table: str) -> str:
        """The sys_id for the caller field, "" where the table has none or the user is not known.

        Known from the last check; a process that made none asks once. Raises ProviderError with `sent` False.
        """
        if table not in records.CALLER_FIELDS:
            return ""
        try:
            return self._own_id()
        except NotAllowed:
            return ""
        except ProviderError as error:
            error.sent = False
            raise

    def _own_id(self) -> str:
        """The sys_id of the user we act as, "" when nobody tells. Raises ProviderError."""
        slot = self._wire.slot
        if slot.account_id is None:
            # What the last successful check left in the connection, where clients are handed it.
            slot.account_id = getattr(self.values, "account_id", "") or self._ask_own_id()
        return slot.account_id

    def _ask_own_id(self) -> str:
        self.door.purpose = "find own user"
        user = people.named(self._wire, self.user_name) if self.user_name else people.current(self._wire)
        return user.external_id if user else ""

    def _named(self, error: InvalidInput, table: str) -> InvalidInput:
        """The refusal with fields named as the dialog names them; a data policy uses their labels."""
        self.door.purpose = "name refused fields"
        labels = [label for label in error.field_errors if not label.islower()]
        named = Destinations(self._wire).labelled(table, labels) if labels else {}
        fields = {named.get(label, label): text for label, text in error.field_errors.items()}
        error.field_errors = {answers.DIALOG_NAMES.get(name, name): text for name, text in fields.items()}
        return error

    def assign_ticket(self, external_id: str, person_id: str) -> None:
        """Give the record to a person. Raises InvalidInput when ServiceNow did not keep it."""
        self.door.purpose = "assign ticket"
        table, sys_id = records.located(external_id)
        stored = self._wire.change(table, sys_id, {"assigned_to": person_id})
        problem, _ = records.differences({"assigned_to": person_id}, stored)
        if problem:
            raise InvalidInput(
                problem,
                next_step="Check that the person may be given records of this table and its assignment group.",
                field_errors={"integration_user": problem},
                vendor_status=200,
            )

    def find_by_marker(self, marker: str, destination: Mapping[str, str]) -> Sequence[TicketStatus]:
        """Records whose correlation ID is the marker, oldest first.

        Raises ProviderError also when an empty answer would prove nothing: hidden records, a dropped search term.
        """
        self.door.purpose = "look for ticket"
        table = query.table(destination.get("table") or records.BASE_TABLE)
        page = self._wire.rows(
            table,
            query.both(query.equals("correlation_id", marker), "ORDERBYsys_created_on"),
            records.STATUS_FIELDS,
            limit=20,
            show="all",
        )
        found = [records.status(row, table, self.base, marker) for row in page.rows]
        proven = [status for status in found if status.marker_found]
        if not proven and (page.rows or page.hidden):
            raise self._proves_nothing(page)
        return proven

    def _proves_nothing(self, page: Page) -> ProviderError:
        if page.rows and all("correlation_id" in row for row in page.rows):
            return UnexpectedAnswer(
                "ServiceNow ignored the search for the correlation ID.", next_step="Patchpanel looks again later."
            )
        return NotAllowed(
            "The ServiceNow account may not see the records that match, or their correlation ID.",
            next_step="A ServiceNow administrator must let it read the records it creates.",
            missing=("read correlation_id",),
        )

    def ticket_reference(self, text: str) -> str:
        """The record's number or id in a pasted number or link."""
        return records.reference(text)

    def farewell(self) -> None:
        """Revoke the OAuth tokens. Raises ProviderError."""
        self.door.purpose = "revoke token"
        self._wire.revoke()


def _table(destination: Mapping[str, str]) -> str:
    return query.table(destination.get("table") or records.DEFAULT_TABLE)
