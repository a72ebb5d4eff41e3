"""The application: settings, extensions, blueprints, error handlers. `flask --app app …` and the server start here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import blueprints
import commands
import providers
import worker
from blueprints import context, errors, headers, packing, sessions, static_files
from config import Settings, load_settings
from extensions import csrf, db, login_manager, migrate
from providers.http import set_total_limit
from services import keys, logs, runtime, store

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_FORM_BYTES = 1024 * 1024


def create_app(settings: Settings | None = None, **changes: Any) -> Flask:
    """Make the application.

    Args:
        settings: values to run with; read from the environment when absent.
        changes: single settings to replace, by attribute name (tests).

    Raises:
        config.SettingsError: a setting cannot be used.
    """
    chosen = replace(settings or load_settings(), **changes)
    app = Flask(__name__, static_folder=None)
    _configure(app, chosen)
    logs.configure()
    runtime.install(app, chosen)
    worker.install(app, chosen)
    providers.use_endpoints(chosen.endpoints)
    # Outside calls may fill half of the threads; the other half goes on serving pages.
    set_total_limit(max(1, chosen.web_threads // 2))
    if chosen.trusted_proxies:
        hops = chosen.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask's documented way
    # Before anything that may refuse a request: also a refusal has its id and its headers.
    headers.register(app)
    packing.register(app)
    _extend(app)
    context.register(app)
    blueprints.register(app)
    app.register_blueprint(static_files.blueprint)
    errors.register(app)
    commands.register(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=keys.secret_key(settings.secret_key_file),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
        WTF_CSRF_TIME_LIMIT=None,  # tokens live as long as the session they are bound to
        WTF_CSRF_SSL_STRICT=False,  # no Referer is sent; Fetch metadata and Origin are checked instead
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.session_interface = sessions.PatchpanelSessions()


def _engine_options(settings: Settings) -> dict[str, Any]:
    if settings.database_url.startswith("sqlite"):
        return {"connect_args": {"timeout": 5, "check_same_thread": False}}
    # Without prepared statements: a generic plan does not use the trigram indexes.
    driver = {"prepare_threshold": None}
    return {"pool_size": settings.web_threads, "max_overflow": 4, "pool_pre_ping": True, "connect_args": driver}


def _extend(app: Flask) -> None:
    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)
    login_manager.init_app(app)
    sessions.prepare(login_manager)
    with app.app_context():
        store.prepare_sqlite(db.engine)
        keys.load_ring(runtime.settings().keyring_file)
