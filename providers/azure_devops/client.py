"""The Azure DevOps client: personal access token, REST 7.1, work items by JSON Patch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers.azure_devops import answers, checks, destinations, hosts, items, memory, people, wire
from providers.base import Client, ConnectionValues, CreatesTickets, FindsPeople, ReadsStatus, url_origin
from providers.errors import (
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderError,
)
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

_NUMBER = re.compile(r"(?:AB)?#?([0-9]{1,9})", re.IGNORECASE)
_IN_LINK = re.compile(r"(?:/_workitems/edit/|[?&]workitem=|/_apis/wit/workitems/)([0-9]{1,9})", re.IGNORECASE)


class AzureDevOpsClient(Client, CreatesTickets, ReadsStatus, FindsPeople):
    """Speaks to one organization."""

    # Queries are believed to see a new item at once; nobody promises it.
    quiet_seconds = 5 * 60
    empty_looks = 4

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
        return CheckResult(
            account,
            (Permission("List projects", True), *checks.permissions(self.wire, {}), *checks.warnings(self.wire)),
        )

    def permissions(self, destination: Mapping[str, str]) -> Sequence[Permission]:
        """What the token and its owner may do with work items of this kind. Creates nothing."""
        return checks.permissions(self.wire, destination)

    # -- people -----------------------------------------------------------------------------------------------------

    def find_people(self, email: str) -> Sequence[Person]:
        """People whose sign-in name or mail address is exactly this. Raises NotAllowed when the token may not ask."""
        self.door.purpose = "find person"
        return people.find(self.wire, email)

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
        self.wire.patch("PATCH", f"_apis/wit/workitems/{quote(external_id, safe='')}", changes)

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
        statuses = [self._status(item, marker) for item in self._batch(ids)]
        return sorted((s for s in statuses if s.marker_found), key=lambda status: int(status.external_id))

    def _batch(self, ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        if not ids:
            return ()
        names = ",".join((*items.STATUS_FIELDS, items.DESCRIPTION, items.REPRO_STEPS))
        query = {"ids": ",".join(ids), "fields": names, "errorPolicy": "omit"}
        return self.wire.entries(self.wire.get("_apis/wit/workitems", needs=wire.READ_ITEMS, **query))

    def read_ticket(self, reference: str) -> TicketStatus:
        """The work item now.

        Raises NotFound when it lies in the recycle bin, NotAllowed when it is neither there nor to be seen.
        """
        self.door.purpose = "read ticket"
        number = quote(reference.lstrip("#"), safe="")
        query = {"fields": ",".join(items.STATUS_FIELDS)}
        try:
            item = self.wire.get(f"_apis/wit/workitems/{number}", needs=wire.READ_ITEMS, **query)
        except NotFound as error:
            raise self._why_gone(number, error) from None
        return self._status(item, "")

    def _why_gone(self, number: str, gone: NotFound) -> ProviderError:
        """Deleted, or only out of sight: the vendor's refusal is the same, the recycle bin tells."""
        if self.wire.probe(f"{self.base}/_apis/wit/recyclebin/{number}"):
            cause = f"Work item {number} was deleted; it lies in the recycle bin of its project."
            answers.say(gone, cause, "Restore it there, or create another ticket.")
            return gone
        hidden = NotAllowed(
            f"Azure DevOps shows no work item {number}: it is gone for good, or hidden from the token's owner.",
            next_step="Check in Azure DevOps that the owner may view work items in its area path.",
            vendor_status=gone.vendor_status,
            vendor_code=gone.vendor_code,
            vendor_message=gone.vendor_message,
        )
        hidden.attempt_id = gone.attempt_id
        return hidden

    def _status(self, item: Mapping[str, Any], marker: str) -> TicketStatus:
        values = items.values_of(item)
        if values is None:
            raise self.wire.unexpected("Azure DevOps' answer is not a work item.", "Try again later.")
        project, kind = (str(values.get(name) or "") for name in ("System.TeamProject", "System.WorkItemType"))
        category = self._category((self.base, project, kind), str(values["System.State"]))
        return items.status(str(item["id"]), values, self.base, category, marker)

    def _category(self, key: memory.Key, state: str) -> str:
        """new, active or done: the category of a state is fixed by the vendor, its name is free."""
        known = memory.states.get(key)
        if known is None or state not in known:
            self.door.purpose = "read states"
            project, kind = (quote(part, safe="") for part in key[1:])
            try:
                path = f"{project}/_apis/wit/workitemtypes/{kind}/states"
                listed = self.wire.entries(self.wire.get(path, needs=wire.READ_ITEMS))
            except ProviderError:
                return items.usual_category(state)
            known = {str(entry.get("name")): str(entry.get("category")) for entry in listed}
            memory.states.put(key, known)
        return items.CATEGORIES.get(known.get(state, ""), items.usual_category(state))

    def ticket_reference(self, text: str) -> str:
        """The number in a pasted number or link."""
        found = _NUMBER.fullmatch(text.strip()) or _IN_LINK.search(text)
        if not found:
            message = "Enter a work item number such as #12, or paste the work item's link."
            raise InvalidInput(message, field_errors={"reference": message}, sent=False)
        return found.group(1)
