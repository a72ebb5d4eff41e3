"""Finding people of a Jira site by e-mail address, and reading known ones again.

Sources: Atlassian's REST v3 pages “Find users” and “Bulk get users”; docs/providers.md lists the facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from providers.base import FindsPeople
from providers.errors import NotAllowed
from providers.jira import answers
from providers.jira.wire import PAGE_SIZE, JiraWire
from providers.values import Person


class FindsJiraPeople(JiraWire, FindsPeople):
    """Capability: finds people and reads them again."""

    people_batch_size = PAGE_SIZE  # one page; the ids stand in the address, which must not become too long

    def find_people(self, email: str) -> Sequence[Person]:
        """People whose e-mail is exactly this. Jira matches hidden addresses too but then leaves them out of the
        answer.

        Raises NotAllowed when the account may not search people: Jira answers that with an empty list.
        """
        self.door.purpose = "find person"
        found = self._get("user/search", params={"query": email, "maxResults": "50"})
        if not isinstance(found, list):
            raise self._unexpected("Jira's list of people has an unknown form.")
        people = [answers.person(entry, email) for entry in found if entry.get("accountType") == "atlassian"]
        shown = [person for person in people if not person.email_hidden and person.email.lower() == email.lower()]
        hidden = [person for person in people if person.email_hidden]
        matches = shown or hidden
        if not matches:
            self._may_search_people()
        return matches

    def read_people(self, external_ids: Sequence[str]) -> Mapping[str, Person]:
        """Those of at most 50 people who still have an account, by account id, with one call.

        Works without the permission to search people. A person whose address is hidden comes back with `email_hidden`
        and no address.
        """
        if not external_ids:
            return {}
        self.door.purpose = "read people"
        wanted = list(dict.fromkeys(external_ids))
        with self._of_site():
            # Without a page size, Jira answers with the first ten.
            entries = list(self._pages("user/bulk", ("values",), accountId=wanted))
        if not all(isinstance(entry.get("accountId"), str) for entry in entries):
            raise self._unexpected("Jira's list of people has an unknown form.")
        people = [answers.person(entry, "") for entry in entries]
        return {person.external_id: person for person in people if person.external_id in wanted}

    def _may_search_people(self) -> None:
        self.door.purpose = "check permission to find people"
        if self._may("USER_PICKER") is False:
            raise NotAllowed(
                "The Jira account may not look for people.",
                next_step="A Jira administrator must grant it the global permission “Browse users and groups”.",
                missing=("Browse users and groups",),
            )
