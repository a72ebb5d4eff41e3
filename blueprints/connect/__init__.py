"""Connecting by consent: Install, Reconnect, the vendor's call-back, the choice among several sites."""

from flask import Blueprint

blueprint = Blueprint("connect", __name__)

from blueprints.connect import callback, views  # noqa: E402, F401 - the views attach themselves to the blueprint
