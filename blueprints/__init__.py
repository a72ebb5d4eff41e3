"""The table of blueprints: where each is mounted and who may enter it at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flask import Blueprint, Flask

from blueprints import access, health
from blueprints.account import views as account
from blueprints.connect import blueprint as connect
from blueprints.incidents import blueprint as incidents
from blueprints.integration_users import views as integration_users
from blueprints.integrations import blueprint as integrations
from blueprints.notifications import views as notifications
from blueprints.settings import blueprint as settings
from blueprints.sign_in import views as sign_in
from blueprints.webhooks import views as webhooks


class Entry(StrEnum):
    """Who may enter a blueprint; what they may do there stands at each view."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"


@dataclass(frozen=True)
class Mount:
    """One line of the table."""

    blueprint: Blueprint
    prefix: str
    entry: Entry


TABLE: tuple[Mount, ...] = (
    Mount(health.blueprint, "", Entry.PUBLIC),
    Mount(sign_in.blueprint, "", Entry.PUBLIC),
    Mount(account.blueprint, "/account", Entry.SIGNED_IN),
    Mount(connect, "/connect", Entry.SIGNED_IN),
    Mount(incidents, "", Entry.SIGNED_IN),
    Mount(integration_users.blueprint, "/setup/integration-users", Entry.SIGNED_IN),
    Mount(integrations, "/settings/organization/integrations", Entry.SIGNED_IN),
    Mount(notifications.blueprint, "/notifications", Entry.SIGNED_IN),
    Mount(settings, "/settings", Entry.SIGNED_IN),
    Mount(webhooks.blueprint, "/webhooks", Entry.PUBLIC),
)


def register(app: Flask) -> None:
    """Mount every blueprint of the table."""
    for mount in TABLE:
        # A blueprint keeps its hooks when several applications are made in one process.
        hooks = mount.blueprint.before_request_funcs.get(None, [])
        if mount.entry is Entry.SIGNED_IN and access.must_be_signed_in not in hooks:
            mount.blueprint.before_request(access.must_be_signed_in)
        app.register_blueprint(mount.blueprint, url_prefix=mount.prefix or None)
