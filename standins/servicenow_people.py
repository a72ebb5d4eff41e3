"""The people and groups of the sandbox ServiceNow. Each person is a case a client has to get right:

- Patchpanel Integration (patchpanel.integration): the user of the API key and of every OAuth grant.
- Dana Reyes: the simple case.
- Ines Duarte: address stored in mixed case; addresses compare without case.
- Tom Becker and Thomas Becker: two active people with the same e-mail; a human must choose.
- Lena Fischer: inactive.
- Sam Lee and Sam Lee-Ortiz: near match; Sam's address is a prefix of the other's.
- Paula Ohne: no e-mail address at all.
"""

from __future__ import annotations

USER_NAME = "patchpanel.integration"
PASSWORD = "sandbox-servicenow-password"
API_KEY = "now_sandbox-api-key"
CLIENT_ID = "5b1f0c9a7d3e4f20a8c6e1d2b3a49587"
CLIENT_SECRET = "sandbox-client-secret"

INTEGRATION_ID = "6816f79cc0a8016401c5a33be04be441"
DANA_ID = "62826bf03710200044e0bfc8bcbe5df1"
TOM_ID = "62826bf03710200044e0bfc8bcbe5df3"
THOMAS_ID = "62826bf03710200044e0bfc8bcbe5df4"
LENA_ID = "62826bf03710200044e0bfc8bcbe5df5"
NETWORK_ID = "287ebd7da9fe198100f92cc8d1d2154e"
SERVICE_DESK_ID = "d625dccec0a8016700a222a0f7900d06"
CLOSED_GROUP_ID = "8a4dde73c6112278017a6a4baf547aa7"


def _user(sys_id: str, user_name: str, name: str, email: str, active: bool = True) -> dict[str, str]:
    flag = "true" if active else "false"
    return {"sys_id": sys_id, "user_name": user_name, "name": name, "email": email, "active": flag}


def users() -> list[dict[str, str]]:
    """Fresh rows of sys_user."""
    return [
        _user(INTEGRATION_ID, USER_NAME, "Patchpanel Integration", "patchpanel@sandbox.example"),
        _user(DANA_ID, "dana.reyes", "Dana Reyes", "dana.reyes@sandbox.example"),
        _user("62826bf03710200044e0bfc8bcbe5df2", "ines.duarte", "Ines Duarte", "Ines.Duarte@Sandbox.Example"),
        _user(TOM_ID, "tom.becker", "Tom Becker", "tom.becker@sandbox.example"),
        _user(THOMAS_ID, "thomas.becker", "Thomas Becker", "tom.becker@sandbox.example"),
        _user(LENA_ID, "lena.fischer", "Lena Fischer", "lena.fischer@sandbox.example", active=False),
        _user("62826bf03710200044e0bfc8bcbe5df6", "sam.lee", "Sam Lee", "sam.lee@sandbox.example"),
        _user("62826bf03710200044e0bfc8bcbe5df7", "sam.lee-ortiz", "Sam Lee-Ortiz", "sam.lee@sandbox.example.org"),
        _user("62826bf03710200044e0bfc8bcbe5df8", "paula.ohne", "Paula Ohne", ""),
    ]


def groups() -> list[dict[str, str]]:
    """Fresh rows of sys_user_group."""
    return [
        {"sys_id": NETWORK_ID, "name": "Network", "active": "true"},
        {"sys_id": SERVICE_DESK_ID, "name": "Service Desk", "active": "true"},
        {"sys_id": CLOSED_GROUP_ID, "name": "Former Team", "active": "false"},
    ]


def role_grants() -> list[dict[str, str]]:
    """Fresh rows of sys_user_has_role."""
    grants = ("itil", "snc_platform_rest_api_access")
    return [
        {"sys_id": f"{number:032x}", "user": INTEGRATION_ID, "role.name": role, "state": "active"}
        for number, role in enumerate(grants, 0xA0)
    ]
