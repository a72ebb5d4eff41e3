"""The registry: one line per provider, in the order of the cards."""

from __future__ import annotations

from collections.abc import Mapping

from providers import azure_devops, jira, servicenow
from providers.base import Provider

_REGISTRY: dict[str, Provider] = {}


def register(provider: Provider) -> None:
    """Add a provider. Raises ValueError when its key is taken."""
    if provider.key in _REGISTRY:
        raise ValueError(f"provider {provider.key} is registered already")
    _REGISTRY[provider.key] = provider


def unregister(key: str) -> None:
    """Take a provider out again."""
    _REGISTRY.pop(key)


def get(key: str) -> Provider:
    """The provider with this key. Raises KeyError."""
    return _REGISTRY[key]


def all_providers() -> tuple[Provider, ...]:
    """All providers, in the order of their cards."""
    return tuple(_REGISTRY.values())


def use_endpoints(endpoints: Mapping[str, str]) -> None:
    """Tell every provider the addresses of vendor hosts."""
    for provider in all_providers():
        provider.client.use_endpoints(endpoints)


register(jira.PROVIDER)
register(servicenow.PROVIDER)
register(azure_devops.PROVIDER)
