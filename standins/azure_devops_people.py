"""The people and tokens of the sandbox Azure DevOps. Each one is a case a client has to get right:

- Alex Morgan (admin@): owner of every sandbox token.
- Dana Reyes: the simple case, member of the first team.
- Ines Duarte: stored in mixed case; addresses compare without case.
- Tom Becker and Thomas Becker: one mail address, two accounts; a human must choose.
- Lena Fischer: disabled; found, and refused as assignee.
- Sam Lee and Sam Lee-Ortiz: near match, one address begins with the other.
- Priya Nair: signs in with another address than her mail's; both find her, only the first assigns by address.
- Grace Okafor: known to the directory but no member of the organization: an "unknown identity" when assigned.
- Omar Haddad: in no team, so only the people host knows him.
- A group whose mail address is looked for like a person's, and an entry that is null.

Source of the shapes: Microsoft's REST 7.1 description (identities, teams) and recorded answers.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

PAT = "sandbox-azure-devops-token"
EXPIRED_PAT = "sandbox-azure-devops-expired-token"
REVOKED_PAT = "sandbox-azure-devops-revoked-token"
OTHER_ORGANIZATION_PAT = "sandbox-azure-devops-foreign-token"
ALL_ORGANIZATIONS_PAT = "sandbox-azure-devops-global-token"
ADMIN_EMAIL = "admin@sandbox.example"
ANONYMOUS = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
DOMAIN = "2b1f9f7e-0000-4000-8000-5a6dbe11ca5e"
SCOPES = frozenset({"vso.work", "vso.work_write", "vso.project", "vso.identity"})


def guid(name: str) -> str:
    """A GUID that is the same at each start."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://sandbox.example/{name}"))


@dataclass
class Token:
    """A personal access token. `state` is good, expired, revoked or foreign (of another organization)."""

    scopes: frozenset[str] = SCOPES
    state: str = "good"
    everywhere: bool = False


@dataclass
class Person:
    """An account; `schema` is Group for groups, `member` whether it belongs to the organization,
    `gone` whether the directory forgot it."""

    id: str
    name: str
    account: str
    mail: str = ""
    active: bool = True
    member: bool = True
    teams: tuple[str, ...] = ()
    schema: str = "User"
    gone: bool = False

    @property
    def descriptor(self) -> str:
        """The id that Graph knows the account by."""
        return f"aad.{self.id.replace('-', '')}"

    def answers_to(self, text: str) -> bool:
        """Whether a search for this text lists the account: it compares beginnings."""
        wanted = text.lower()
        known = () if self.gone else (self.account, self.mail, self.name)
        return any(own.lower().startswith(wanted) for own in known if own)

    def as_identity(self) -> dict[str, Any]:
        """The account as the people host shows it."""
        kept = {"SchemaClassName": self.schema, "Account": self.account, "Mail": self.mail, "Domain": DOMAIN}
        wrapped = {name: {"$type": "System.String", "$value": value} for name, value in kept.items()}
        shown: dict[str, Any] = {
            "id": self.id,
            "descriptor": f"Microsoft.IdentityModel.Claims.ClaimsIdentity;{DOMAIN}\\{self.account}",
            "subjectDescriptor": self.descriptor,
            "providerDisplayName": self.name,
            "isActive": self.active,
            "members": [],
            "memberOf": [],
            "memberIds": [],
            "properties": wrapped,
            "resourceVersion": 2,
            "metaTypeId": 0,
        }
        return shown | ({"isContainer": True} if self.schema == "Group" else {})

    def as_reference(self, base: str) -> dict[str, Any]:
        """The account inside a field or a team."""
        shown: dict[str, Any] = {
            "displayName": self.name,
            "url": f"{base}/_apis/Identities/{self.id}",
            "_links": {"avatar": {"href": f"{base}/_apis/GraphProfile/MemberAvatars/{self.descriptor}"}},
            "id": self.id,
            "uniqueName": self.account,
            "imageUrl": f"{base}/_apis/GraphProfile/MemberAvatars/{self.descriptor}",
            "descriptor": self.descriptor,
        }
        return shown | ({} if self.active else {"inactive": True})


def _person(key: str, name: str, account: str, **more: Any) -> Person:
    return Person(guid(key), name, account, **({"mail": account, "teams": ("Ops Team",)} | more))


def people() -> dict[str, Person]:
    """Fresh copies of all accounts by id."""
    everybody = (
        _person("alex", "Alex Morgan", ADMIN_EMAIL),
        _person("dana", "Dana Reyes", "dana.reyes@sandbox.example"),
        _person("ines", "Ines Duarte", "Ines.Duarte@Sandbox.Example", teams=("Basic Board Team",)),
        _person("tom", "Tom Becker", "tom.becker@sandbox.example"),
        _person("thomas", "Thomas Becker", "thomas.becker@sandbox.example", mail="tom.becker@sandbox.example"),
        _person("lena", "Lena Fischer", "lena.fischer@sandbox.example", active=False),
        _person("sam", "Sam Lee", "sam.lee@sandbox.example"),
        _person("sam2", "Sam Lee-Ortiz", "sam.lee@sandbox.example.org"),
        _person("priya", "Priya Nair", "p.nair@login.sandbox.example", mail="priya.nair@sandbox.example"),
        _person("grace", "Grace Okafor", "grace.okafor@sandbox.example", member=False, teams=()),
        _person("omar", "Omar Haddad", "omar.haddad@sandbox.example", teams=()),
        _person("duty", "[Ops]\\On duty", "on.duty@sandbox.example", schema="Group", teams=()),
    )
    return {person.id: person for person in everybody}


def tokens() -> dict[str, Token]:
    """Fresh copies of all tokens."""
    return {
        PAT: Token(),
        EXPIRED_PAT: Token(state="expired"),
        REVOKED_PAT: Token(state="revoked"),
        OTHER_ORGANIZATION_PAT: Token(state="foreign"),
        ALL_ORGANIZATIONS_PAT: Token(SCOPES | {"vso.profile"}, everywhere=True),
    }
