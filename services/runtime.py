"""The settings in force and the policy made from them, one set per application."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from config import Settings
from providers.addresses import Policy, parse_allow

NAME = "patchpanel"


@dataclass(frozen=True)
class Runtime:
    """Settings and what follows from them."""

    settings: Settings
    policy: Policy


def install(app: Flask, settings: Settings) -> None:
    """Make these settings the application's own."""
    app.extensions[NAME] = Runtime(settings, Policy(parse_allow(settings.outbound_allow)))


def runtime() -> Runtime:
    """What is in force in the current application."""
    found: Runtime = current_app.extensions[NAME]
    return found


def settings() -> Settings:
    """The settings in force."""
    return runtime().settings
