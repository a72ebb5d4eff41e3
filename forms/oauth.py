"""The dialog for an organisation's own app at a vendor."""

from __future__ import annotations

from forms.connection import ConnectionForm, generated
from models import Connection
from providers.base import AuthMethod
from providers.oauth import CLIENT_ID, CLIENT_SECRET
from services.oauth import App


class ConsentForm(ConnectionForm):
    """Client ID, Client Secret and Description; a stored secret may be left blank."""

    secret_is_kept = False

    def app(self, stored: App | None = None) -> App:
        """The app that was typed, the stored secret filled in where it was left blank."""
        typed = self[CLIENT_SECRET].data or ""
        kept = stored.client_secret if stored is not None else ""
        return App(self[CLIENT_ID].data.strip(), typed or kept)

    def described(self) -> str:
        """The description as it is stored."""
        return (self.description.data or "").strip()


def consent_form(method: AuthMethod, connection: Connection | None = None) -> ConsentForm:
    """The form of one way to connect by consent, filled from `connection` (secrets never are)."""
    return generated(ConsentForm, method, connection)
