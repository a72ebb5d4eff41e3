"""Integration Users: the list, adding and removing people, the open tickets of those who left."""

from flask import Blueprint

blueprint = Blueprint("integration_users", __name__)

from blueprints.integration_users import tickets, views  # noqa: E402, F401 - the views attach themselves to the blueprint
