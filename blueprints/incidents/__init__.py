"""Incidents: list, detail, changes; their tickets."""

from flask import Blueprint

blueprint = Blueprint("incidents", __name__)

from blueprints.incidents import ticket_links, tickets, views  # noqa: E402, F401 - the views attach themselves to the blueprint
