"""The users of an instance: who the connection acts as, what that account may do, and people by e-mail address.

Source: ServiceNow's Table API pages (sys_user, sys_user_has_role). Rows an account may not see are left out without a
word, and fields it may not see too; only the count of matches gives that away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from providers.errors import AuthenticationFailed, NotAllowed, NotFound, ProviderError, UnexpectedAnswer
from providers.servicenow import answers, batches, query
from providers.servicenow.answers import value
from providers.servicenow.records import DEFAULT_TABLE
from providers.servicenow.wire import Wire
from providers.values import Permission, Person

FIELDS = ("sys_id", "name", "user_name", "email", "active")
# Without these a user cannot be told to have another name, or to be inactive; an address may be hidden.
_NEEDED = frozenset({"name", "user_name", "active"})
READ_USERS = "read sys_user"
# Roles that prove that records of task tables can be made and assigned.
_PROOF = frozenset({"admin", "itil"})
_MOST_MATCHES = 200


def named(wire: Wire, user_name: str) -> Person:
    """The user with this User ID.

    Raises:
        AuthenticationFailed: there is none, so the connection cannot act as that user.
        NotAllowed: the account may not read users.
        ProviderError: what else can go wrong on the way.
    """
    page = wire.rows("sys_user", query.equals("user_name", user_name), FIELDS, limit=2)
    for row in page.rows:
        if value(row.get("user_name")).casefold() == user_name.casefold() and value(row.get("sys_id")):
            return answers.person(row)
    if page.rows or page.hidden:
        raise page.refusal(may_not_read())
    nobody = AuthenticationFailed(
        f"ServiceNow accepted the sign-in, but refused to name the user {user_name}: there is none with this User ID, "
        "or it is not shown to this account.",
        next_step="Check the User ID as it stands in ServiceNow under User Administration → Users.",
        vendor_status=200,
    )
    raise page.refusal(nobody)


def token_owner(wire: Wire, client_id: str) -> Person:
    """The user a client credentials token acts as, as far as the instance tells; else a person without id.

    Raises ProviderError when the token is no good for the Table API.
    """
    wire.rows(DEFAULT_TABLE, "", ("sys_id",), limit=1)
    return current(wire) or Person("", f"the user of OAuth client {client_id}", "", "")


def current(wire: Wire) -> Person | None:
    """The user our calls act as; None when the instance does not tell. Raises nothing.

    This is a route of the browser pages: not every instance and API access policy lets it be used.
    """
    wire.door.purpose = "find own user"
    try:
        me = wire.get("/api/now/ui/user/current_user", doing=READ_USERS)
        found = answers.person({**me, "sys_id": me["user_sys_id"], "name": me.get("user_display_name")})
    except (ProviderError, KeyError, TypeError, AttributeError):
        return None
    return found if found.external_id else None


def find(wire: Wire, email: str) -> Sequence[Person]:
    """People whose e-mail address is exactly this, inactive ones too; addresses are not unique in ServiceNow.

    Raises NotAllowed when the account may not see people or their addresses, ProviderError.
    """
    page = wire.all_rows("sys_user", query.equals("email", email, blame="email"), FIELDS, most=_MOST_MATCHES)
    if page.hidden or any("email" not in row for row in page.rows):
        raise page.refusal(may_not_read())
    people = [answers.person(row) for row in page.rows]
    return [each for each in people if each.external_id and each.email.casefold() == email.casefold()]


def again(wire: Wire, sys_ids: Sequence[str]) -> Mapping[str, Person]:
    """The users with these ids that still exist, with one call; inactive ones are marked.

    Raises:
        NotAllowed: the account may not see some of them, so that a missing one may exist all the same; or not their
            names, or whether they are active.
        UnexpectedAnswer: some are missing, and ServiceNow did not say how many it hid.
        ProviderError: what else can go wrong on the way.
    """
    batch = batches.read(wire, "sys_user", sys_ids, FIELDS)
    if batch.hidden or any(name not in row for row in batch.rows.values() for name in _NEEDED):
        raise may_not_read()
    if batch.hidden is None and len(batch.rows) < len(batches.usable(sys_ids)):
        raise UnexpectedAnswer(
            "ServiceNow did not say how many users match, so that a missing one may exist all the same.",
            next_step="Patchpanel looks again later.",
            vendor_status=200,
        )
    return {sys_id: replace(answers.person(row), email_hidden="email" not in row) for sys_id, row in batch.rows.items()}


def may_not_read() -> NotAllowed:
    """The account does not see users, or not enough of them."""
    return NotAllowed(
        "The ServiceNow account may not read users with their User ID and e-mail address.",
        next_step="A ServiceNow administrator must give it the missing permission on the table sys_user.",
        missing=(READ_USERS,),
    )


def permissions(wire: Wire, table: str, user: str) -> tuple[Permission, ...]:
    """What the user with this sys_id may do with records of a table. Creates nothing, raises nothing.

    Reading is tried. Creating cannot be tried, so it is True when a role proves it and unknown otherwise: other roles
    and access rules may allow it too.
    """
    proven = True if _PROOF & set(_roles(wire, user)) else None
    return (
        Permission(f"Read records ({table})", _reads(wire, table)),
        Permission(f"Create records ({table})", proven),
        Permission("Assign records", proven),
        Permission("Find people (sys_user)", _reads(wire, "sys_user")),
    )


def _reads(wire: Wire, table: str) -> bool | None:
    try:
        return not wire.rows(table, "", ("sys_id",), limit=1).hidden
    except (NotAllowed, NotFound):
        return False
    except ProviderError:
        return None


def _roles(wire: Wire, user: str) -> Sequence[str]:
    """Names of the user's roles; none when they cannot be read."""
    if not query.SYS_ID.fullmatch(user):
        return ()
    terms = query.both(query.equals("user", user), "state=active")
    try:
        rows = wire.all_rows("sys_user_has_role", terms, ("user", "role.name")).rows
    except ProviderError:
        return ()
    return [value(row.get("role.name")) for row in rows if value(row.get("user")) == user]
