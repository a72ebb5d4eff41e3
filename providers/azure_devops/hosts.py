"""Addresses: the organization's, in one form whichever was pasted, and that of the host that knows its people."""

from __future__ import annotations

from urllib.parse import urlsplit

from providers.base import url_origin
from providers.errors import InvalidInput

CLOUD = "dev.azure.com"
OLD_CLOUD = ".visualstudio.com"
DEFAULT_IDENTITY_URL = "https://vssps.dev.azure.com"
EXAMPLE = "https://dev.azure.com/your-organization"

_identity = {"url": DEFAULT_IDENTITY_URL}


def use_identity_url(url: str) -> None:
    """Look people up at this host from now on; "" means Microsoft's own. Called once when the application starts."""
    _identity["url"] = url.strip().rstrip("/") or DEFAULT_IDENTITY_URL


def identity_url(base: str) -> str:
    """The people host for an organization at `base`, "" when there is none.

    The token was entered for the organization's host: Microsoft's people host gets it only when the organization is
    Microsoft's too. Another host gets it because whoever runs Patchpanel named that host in the settings.
    """
    url = _identity["url"]
    if url == DEFAULT_IDENTITY_URL and urlsplit(base).hostname != CLOUD:
        return ""
    return url


def canonical(typed: str) -> str:
    """`https://dev.azure.com/org` for each form of a Microsoft address, scheme, host and first folder of others.

    People paste whole page addresses; what follows the organization is cut off. Raises InvalidInput on our field.
    """
    parts = urlsplit(typed if url_origin(typed) else "")  # urlsplit raises ValueError for brackets around a name
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise _refused(f"Enter the whole address, for example {EXAMPLE}")
    host, folders = parts.hostname.lower(), [folder for folder in parts.path.split("/") if folder]
    if host.endswith(OLD_CLOUD):
        return f"https://{CLOUD}/{host.split('.')[0]}"
    first = folders[0] if folders and not folders[0].startswith("_") else ""
    if host == CLOUD:
        if not first:
            raise _refused(f"The organization is missing; enter for example {EXAMPLE}")
        return f"https://{CLOUD}/{first}"
    return f"{parts.scheme}://{parts.netloc.lower()}/{first}".rstrip("/")


def organization(base: str) -> str:
    """The organization's name, the host's where the address has no folder."""
    parts = urlsplit(base if url_origin(base) else "")
    return parts.path.strip("/") or parts.netloc


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field_errors={"organization_url": message}, sent=False)
