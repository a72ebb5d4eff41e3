"""The people of the sandbox Jira. Each one is a case a client has to get right:

- Alex Morgan (admin@): owner of the sandbox API token; myself.
- Dana Reyes: the simple case, e-mail visible.
- Priya Nair: e-mail hidden by her profile; the search still finds her by it.
- Ines Duarte: stored in mixed case (Ines.Duarte@Sandbox.Example); addresses compare without case.
- Tom Becker and Thomas Becker: two active people with the same e-mail; a human must choose.
- Lena Fischer: inactive; found by user/search, never assignable.
- Automation for Jira (automation@): an app account, not a person.
- Erika Holm: a portal-only customer account; cannot be given issues.
- Sam Lee and Sam Lee-Ortiz: near match; Sam's address is a prefix of the other's (….example / ….example.org).
- Omar Haddad and Omar Haddad Jr.: near match whose address is hidden, beside the exact one that is visible.
- Grace Okafor: an ordinary active user whom no project allows as assignee.

Source of the shapes and of the search rules: Atlassian's REST description (`user/search`, `myself`).
"""

from __future__ import annotations

from dataclasses import dataclass

ADMIN_EMAIL = "admin@sandbox.example"
API_TOKEN = "sandbox-jira-token"
ACCOUNT_PASSWORD = "sandbox-password"
ADMIN_ID = "5b10a2844c20165700ede21a"
AVATAR_SIZES = ("16x16", "24x24", "32x32", "48x48")


@dataclass
class Person:
    """An account of the site. `email_hidden` keeps the address out of answers while searches still match it."""

    account_id: str
    name: str
    email: str
    email_hidden: bool = False
    active: bool = True
    account_type: str = "atlassian"
    assignable: bool = True

    def matches(self, query: str) -> bool:
        """Whether a search for this prefix finds the account: by e-mail, whole name or any word of the name."""
        wanted = query.strip().lower()
        name = self.name.lower()
        return any(text.startswith(wanted) for text in (self.email.lower(), name, *name.split()))

    def can_be_assigned(self) -> bool:
        """Whether issues may be given to the account."""
        return self.assignable and self.active and self.account_type == "atlassian"

    def as_json(self, base: str, *, hide_email: bool = False) -> dict[str, object]:
        """The account as `user/search` and `myself` show it; `base` is the site address."""
        data: dict[str, object] = {
            "self": f"{base}/rest/api/3/user?accountId={self.account_id}",
            "accountId": self.account_id,
            "accountType": self.account_type,
            "displayName": self.name,
            "active": self.active,
            "timeZone": "Europe/Lisbon",
            "avatarUrls": {size: f"{base}/avatar/{self.account_id}-{size}.png" for size in AVATAR_SIZES},
        }
        if not (hide_email or self.email_hidden):
            data["emailAddress"] = self.email
        return data


def people() -> dict[str, Person]:
    """Fresh copies of all accounts by account id."""
    everybody = (
        Person(ADMIN_ID, "Alex Morgan", ADMIN_EMAIL),
        Person("5b10ac8d82e05b22cc7d4e01", "Dana Reyes", "dana.reyes@sandbox.example"),
        Person("5b10ac8d82e05b22cc7d4e02", "Priya Nair", "priya.nair@sandbox.example", email_hidden=True),
        Person("5b10ac8d82e05b22cc7d4e03", "Ines Duarte", "Ines.Duarte@Sandbox.Example"),
        Person("5b10ac8d82e05b22cc7d4e04", "Tom Becker", "tom.becker@sandbox.example"),
        Person("5b10ac8d82e05b22cc7d4e05", "Thomas Becker", "tom.becker@sandbox.example"),
        Person("5b10ac8d82e05b22cc7d4e06", "Lena Fischer", "lena.fischer@sandbox.example", active=False),
        Person("557058:f58131cb-b67d-43c7", "Automation for Jira", "automation@sandbox.example", account_type="app"),
        Person("qm:5f0e4b5c:e7a1", "Erika Holm", "erika.holm@sandbox.example", account_type="customer"),
        Person("5b10ac8d82e05b22cc7d4e07", "Sam Lee", "sam.lee@sandbox.example"),
        Person("5b10ac8d82e05b22cc7d4e08", "Sam Lee-Ortiz", "sam.lee@sandbox.example.org"),
        Person("5b10ac8d82e05b22cc7d4e09", "Omar Haddad", "omar.haddad@sandbox.example"),
        Person("5b10ac8d82e05b22cc7d4e10", "Omar Haddad Jr.", "omar.haddad@sandbox.example.org", email_hidden=True),
        Person("5b10ac8d82e05b22cc7d4e11", "Grace Okafor", "grace.okafor@sandbox.example", assignable=False),
    )
    return {person.account_id: person for person in everybody}
