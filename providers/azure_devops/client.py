"""The Azure DevOps client: personal access token, REST 7.1, work items by JSON Patch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.azure_devops import (
    answers,
    checks,
    comments,
    destinations,
    hosts,
    items,
    memory,
    people,
    reading,
    webhooks,
    wire,
)
from providers.base import Client, ConnectionValues, url_origin
from providers.capabilities import CreatesTickets, FindsPeople, ReadsStatus, ReceivesWebhooks, TakesComments
from providers.errors import InvalidInput, NotFound, ProviderError
from providers.values import (
    Account,
    CheckResult,
    Choice,
    CreatedTicket,
    Delivery,
    DestinationSchema,
    Permission,
    Person,
    Registered,
    TicketDraft,
    TicketStatus,
)

_NUMBER = re.compile(r"(?:AB)?#?([0-9]{1,9})", re.IGNORECASE)
_IN_LINK = re.compile(r"(?:/_workitems/edit/|[?&]workitem=|/_apis/wit/workitems/)([0-9]{1,9})", re.IGNORECASE)


class AzureDevOpsClient(Client, CreatesTickets, ReadsStatus, TakesComments, ReceivesWebhooks, FindsPeople):
    """Speaks to one organization."""

    # Queries are believed to see a new item at once; nobody promises it.
    quiet_seconds = 5 * 60
    empty_looks = 4
    batch_size = reading.MOST
    people_batch_size = people.MOST
    webhook_steps = webhooks.STEPS

    def __init__(self, values: ConnectionValues, door: Any) -> None:
        super().__init__(values, door)
        self.base = values.settings["organization_url"].rstrip("/")
        self.wire = wire.Wire(door, self.base, values.credentials["personal_access_token"])

    # -- what the registry asks -------------------------------------------------------------------------------------

    @classmethod
    def use_endpoints(cls, endpoints: Mapping[str, str]) -> None:
        """Where people are looked up."""
        hosts.use_identity_url(endpoints.get("azure_identity", ""))

    @classmethod
    def origin(cls, settings: Mapping[str, str]) -> str:
        """The host the token is sent to, in the form it is stored in."""
        try:
            return url_origin(hosts.canonical(settings.get("organization_url", "")))
        except InvalidInput:
            return ""

    @classmethod
    def tenant(cls, settings: Mapping[str, str]) -> str:
        """Name of the organization."""
        return hosts.organization(settings.get("organization_url", ""))

    @classmethod
    def clean(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Trim, and bring every form of the organization's address to one."""
        cleaned = super().clean(settings)
        cleaned["organization_url"] = hosts.canonical(cleaned.get("organization_url", ""))
        return cleaned

    @classmethod
    def describe(cls, response: Any) -> tuple[str, str]:
        """Azure DevOps' own code and message in an error answer."""
        return answers.describe(response)

    # -- checking ---------------------------------------------------------------------------------------------------

    def check(self) -> CheckResult:
        """Prove the token with its owner's name, then that it may list projects."""
        self.door.purpose = "check"
        try:
            owner = self.wire.owner()
        except NotFound as error:
            raise answers.wrong_place(error) from error
        self.wire.entries(self.wire.get("_apis/projects", needs=wire.PROJECTS, **{"$top": "1"}))
        name = str(owner.get("customDisplayName") or owner.get("providerDisplayName") or owner["id"])
        account = Account(str(owner["id"]), name, site_url=self.base, site_name=self.tenant(self.values.settings))
        return CheckResult(account, (Permission("List projects", True),))

    def permissions(self, destination: Mapping[str, str]) -> Sequence[Permission]:
        """What the token and its owner may do with work items of this kind, and whether the token reaches too far.
        Creates nothing.
        """
        return (*checks.permissions(self.wire, destination), *checks.warnings(self.wire))

    # -- people -----------------------------------------------------------------------------------------------------

    def find_people(self, email: str) -> Sequence[Person]:
        """People whose sign-in name or mail address is exactly this. Raises NotAllowed when the token may not ask."""
        self.door.purpose = "find person"
        return people.find(self.wire, email)

    def read_people(self, external_ids: Sequence[str]) -> Mapping[str, Person]:
        """Known people by id, with one call. Raises NotAllowed when the token lacks the scope: keep what is known."""
        self.door.purpose = "read people"
        return people.read(self.wire, external_ids)

    # -- destinations -----------------------------------------------------------------------------------------------

    def choices(self, step: str, chosen: Mapping[str, str]) -> Sequence[Choice]:
        """Projects the token's owner sees, or the work item types of the chosen one that people can make."""
        if step == "project":
            self.door.purpose = "list projects"
            return destinations.projects(self.wire)
        self.door.purpose = "list work item types"
        return destinations.work_item_types(self.wire, chosen["project"])

    def schema(self, destination: Mapping[str, str]) -> DestinationSchema:
        """What the work item type demands, and area, priority and severity where it has them."""
        self.door.purpose = "list fields"
        return destinations.schema(self.wire, destination)

    # -- tickets ----------------------------------------------------------------------------------------------------

    def create_ticket(self, draft: TicketDraft) -> CreatedTicket:
        """Open the work item with one call.

        Only a type that is not known here and turns out to have no description costs a second one, after the first was
        refused for certain.
        """
        self.door.purpose = "create ticket"
        text_fields = self._text_fields(draft)
        try:
            made = self._create(draft, text_fields)
        except InvalidInput as error:
            if set(error.field_errors) != {"description"} or text_fields == (items.HISTORY,):
                raise
            memory.type_fields.put(memory.key(self.base, draft.destination), frozenset())
            made = self._create(draft, (items.HISTORY,))
        return self._created(made, draft)

    def _create(self, draft: TicketDraft, text_fields: Sequence[str], **options: str) -> Any:
        with self.door.creating():
            return self.wire.patch(
                "POST", items.new_path(draft.destination), items.document(draft, text_fields), **options
            )

    def _text_fields(self, draft: TicketDraft) -> tuple[str, ...]:
        """Where the text goes: what the type has. Its discussion, which every type has, when it has nothing else."""
        known = memory.type_fields.get(memory.key(self.base, draft.destination))
        if known is None:
            is_bug = draft.destination.get("work_item_type") == "Bug"
            return (items.DESCRIPTION, items.REPRO_STEPS) if is_bug else (items.DESCRIPTION,)
        return tuple(name for name in (items.DESCRIPTION, items.REPRO_STEPS) if name in known) or (items.HISTORY,)

    def _created(self, made: Any, draft: TicketDraft) -> CreatedTicket:
        number = made.get("id") if isinstance(made, Mapping) else None
        if not isinstance(number, int):
            raise self.wire.unexpected("Azure DevOps' answer names no work item.", "Patchpanel looks for it.")
        values = made.get("fields") or {}
        project = str(values.get("System.TeamProject") or draft.destination["project"])
        problem = self._assignment_problem(str(number), values, draft)
        return CreatedTicket(str(number), items.key(str(number)), items.link(self.base, project, str(number)), problem)

    def _assignment_problem(self, number: str, values: Mapping[str, Any], draft: TicketDraft) -> str:
        if not draft.assignee_on_create:
            try:
                self.assign_ticket(number, draft.assignee_id)
            except ProviderError as error:
                return error.vendor_message or error.cause
            return ""
        given, name = items.person(values.get(items.ASSIGNED_TO))
        if draft.assignee_id and given.lower() != draft.assignee_id.lower():
            return f"Azure DevOps gave it to {name or 'nobody'} instead."
        return ""

    def dry_run(self, draft: TicketDraft) -> bool:
        """Let Azure DevOps validate the work item by all rules of its process. Raises InvalidInput with its reasons."""
        self.door.purpose = "validate ticket"
        self._create(draft, self._text_fields(draft), validateOnly="true")
        return True

    def assign_ticket(self, external_id: str, person_id: str) -> None:
        """Give the work item to a person."""
        self.door.purpose = "assign ticket"
        changes = [items.add(f"/fields/{items.ASSIGNED_TO}", person_id)]
        self.wire.patch("PATCH", items.path(external_id), changes)

    def find_by_marker(self, marker: str, destination: Mapping[str, str]) -> Sequence[TicketStatus]:
        """Work items that carry the marker as a tag, in any project: somebody may have moved it meanwhile."""
        self.door.purpose = "look for ticket"
        query = items.marker_query(marker)
        path = f"{quote(destination['project'], safe='')}/_apis/wit/wiql"
        found = self.wire.post(path, {"query": query}, needs=wire.READ_ITEMS, **{"$top": "10"})
        hits = found.get("workItems") if isinstance(found, Mapping) else None
        if not isinstance(hits, list):
            raise self.wire.unexpected("Azure DevOps' search answer has an unknown form.", "It is looked for again.")
        ids = [str(hit["id"]) for hit in hits if isinstance(hit, Mapping) and isinstance(hit.get("id"), int)]
        statuses = reading.several(self.wire, ids, marker)
        return sorted((s for s in statuses if s.marker_found), key=lambda status: int(status.external_id))

    def read_ticket(self, reference: str) -> TicketStatus:
        """The work item now, in whichever project it lies.

        Raises NotFound when it lies in the recycle bin, and when the bin does not say; NotAllowed when it is neither
        there nor to be seen: hidden from the token's owner, or removed past the bin, which few may do and which looks
        the same.
        """
        self.door.purpose = "read ticket"
        return reading.one(self.wire, reference.lstrip("#"))

    def read_tickets(self, external_ids: Sequence[str]) -> Mapping[str, TicketStatus]:
        """The work items that can be seen, by number, with one call; and one for each type whose states are unknown."""
        self.door.purpose = "read tickets"
        return reading.by_number(self.wire, external_ids)

    def ticket_reference(self, text: str) -> str:
        """The number in a pasted number or link."""
        found = _NUMBER.fullmatch(text.strip()) or _IN_LINK.search(text)
        if not found:
            message = "Enter a work item number such as #12, or paste the work item's link."
            raise InvalidInput(message, field_errors={"reference": message}, sent=False)
        return found.group(1)

    # -- comments ---------------------------------------------------------------------------------------------------

    def add_comment(self, external_id: str, text: str, marker: str) -> None:
        """Say something in the work item's discussion with one call, which is never repeated."""
        self.door.purpose = "add comment"
        comments.add(self.wire, external_id, text, marker)

    def has_comment(self, external_id: str, marker: str) -> bool:
        """Whether the work item's discussion holds the marker."""
        self.door.purpose = "look for comment"
        return comments.holds(self.wire, external_id, marker)

    # -- webhooks ---------------------------------------------------------------------------------------------------

    @classmethod
    def is_genuine(cls, delivery: Delivery, secrets: Sequence[str], values: ConnectionValues) -> bool:
        """Whether the delivery's basic authentication knows one of the secrets; Azure DevOps signs nothing."""
        return webhooks.is_genuine(delivery, secrets)

    @classmethod
    def touched(cls, delivery: Delivery) -> Sequence[str]:
        """The number of the work item the event is about. Raises ValueError when it cannot be read."""
        return webhooks.touched(delivery)

    @classmethod
    def can_register(cls, auth_method: str) -> bool:
        """Yes: the token's scope is enough; whether its owner has the right shows when it is tried."""
        return auth_method == "pat"

    def register_webhook(self, address: str, secret: str, destinations: Sequence[Mapping[str, str]]) -> Registered:
        """Have each project of the destinations call this address. Raises NotAllowed with the right that is missing."""
        self.door.purpose = "register webhook"
        return webhooks.register(self.wire, address, secret, destinations)

    def remove_webhook(self, registered: Registered) -> None:
        """Take the subscriptions back."""
        self.door.purpose = "remove webhook"
        webhooks.remove(self.wire, registered.ids)
