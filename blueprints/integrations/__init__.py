"""Cards, dialogs and badges of connections."""

from flask import Blueprint

blueprint = Blueprint("integrations", __name__)

from blueprints.integrations import changes, configure, connection_views, rate, views, webhook  # noqa: E402, F401 - the views attach themselves to the blueprint
