"""Serve one of the apps from a settings file, in a process that is watched."""

import ipaddress
import logging
import multiprocessing
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from bailiwick.accounts import AccountDatabase, Attempts, Desk
from bailiwick.accounts.sources import Inbox
from bailiwick.bootstrap import (
    configure_logging,
    find_key,
    load_policy,
    noting,
    read_settings,
    read_text,
)
from bailiwick.console.access import Door
from bailiwick.console.follow import Followed, Noting, Office
from bailiwick.console.oidc import Oidc, OidcOptions
from bailiwick.console.people import People, read_people
from bailiwick.console.webhooks import Sender, WebhookOptions, make_webhooks_app
from bailiwick.documents import parse_document
from bailiwick.errors import BailiwickError
from bailiwick.settings import KeySettings, Settings

log = logging.getLogger("bailiwick.console")
HEADER_MS: Final = 10_000
NOBODY: Final = People({})


def serve_console(config: Path) -> None:
    """Serve the admin API until told to stop. Raises ``BailiwickError`` if it cannot begin."""
    settings = read_settings(config)
    listen = settings.console.listen
    if listen.tls is None and not _is_loopback(listen.host):
        raise BailiwickError(
            f"`console.listen.host` is `{listen.host}`, and there is no `console.listen.tls`",
            "passwords must not travel in the clear; name a certificate, or use 127.0.0.1",
        )
    _people(settings)
    _oidc(settings)
    _serve(settings, listen, partial(_admin_app, config))


def serve_appeals(config: Path) -> None:
    """Serve the appeal page until told to stop. Raises ``BailiwickError`` if it cannot begin."""
    settings = read_settings(config)
    _serve(settings, settings.appeals.listen, partial(_appeals_app, config))


def serve_webhooks(config: Path) -> None:
    """Receive webhooks until told to stop. Raises ``BailiwickError`` if it cannot begin."""
    settings = read_settings(config)
    _webhook_options(settings)
    _serve(settings, settings.webhooks.listen, partial(_webhooks_app, config))


def _webhooks_app(config: Path) -> Any:
    settings = read_settings(config)
    configure_logging(settings.logging)
    accounts = settings.accounts
    inbox = Inbox(AccountDatabase.open(accounts.url, accounts.secret))
    return make_webhooks_app(inbox, _webhook_options(settings))


def _webhook_options(settings: Settings) -> WebhookOptions:
    said = settings.webhooks
    if not said.stripe and not said.senders:
        raise BailiwickError(
            "nobody could send: there is neither `webhooks.stripe` nor `webhooks.senders`",
            "name the variables or files that hold the signing secrets",
        )
    senders = {
        name: Sender(_secrets(f"senders.{name}.secrets", one.secrets), one.best_tier)
        for name, one in said.senders.items()
    }
    return WebhookOptions(_secrets("stripe", said.stripe), senders)


def _secrets(key: str, said: Sequence[KeySettings]) -> tuple[str, ...]:
    found = []
    for one in said:
        secret, where = find_key(one, os.environ)
        if secret is None:
            raise BailiwickError(f"`webhooks.{key}`: {where} holds no secret", "set it first")
        found.append(secret)
    return tuple(found)


def _admin_app(config: Path) -> Any:
    """Make the app in the process that serves it."""
    from bailiwick.console.admin import make_admin_app

    settings = read_settings(config)
    configure_logging(settings.logging)
    office, console = _office(settings), settings.console
    office().desk.database.authenticated = "login"
    door = Door(
        _people(settings), office().desk.database, _oidc(settings), console.idle, console.longest
    )
    return make_admin_app(office, door, console.origin)


def _appeals_app(config: Path) -> Any:
    from bailiwick.console.appeals import Pace, make_appeals_app

    settings = read_settings(config)
    configure_logging(settings.logging)
    appeals, location = settings.appeals, settings.location
    trusted = location.trusted()
    pace = Pace(
        appeals.reads_per_minute, appeals.writes_per_hour, trusted, location.client_address_header
    )
    office = _office(settings)
    return make_appeals_app(office, pace, Attempts(office().desk.database))


def _office(settings: Settings) -> Followed[Office]:
    """Open the desk, and follow the policy with every file that it names."""
    accounts = settings.accounts
    database = AccountDatabase.open(accounts.url, accounts.secret)

    def read(note: Noting) -> Office:
        for path in (settings.policy, *settings.catalog):
            note(path)
        loaded = load_policy(settings.policy, settings.catalog, noting(note))
        return Office(
            Desk(database, loaded.policy, appeal_link=accounts.appeal_link), loaded.catalog
        )

    return Followed("policy", read, settings.reload.interval, settings.reload.settle)


def _oidc(settings: Settings) -> Oidc | None:
    console = settings.console
    if console.users is None and console.oidc is None:
        raise BailiwickError(
            "nobody could log in: there is neither `console.users` nor `console.oidc`",
            "`bailiwick console user NAME --role admin` makes a line of a users file",
        )
    said = console.oidc
    options = said and OidcOptions(
        said.issuer, said.audience, said.jwks, said.roles, said.name_claim, said.role_claim
    )
    return Oidc(options) if options else None


def _people(settings: Settings) -> Callable[[], People]:
    file = settings.console.users
    if file is None:
        return lambda: NOBODY

    def read(note: Noting) -> People:
        note(file)
        return read_people(parse_document(read_text(file), str(file)))

    return Followed("users file", read, settings.reload.interval, settings.reload.settle)


def _serve(settings: Settings, listen: Any, make: Callable[[], Any]) -> None:
    configure_logging(settings.logging)
    _office(settings)().desk.database.close()
    _check_free(listen.host, listen.port)
    multiprocessing.set_start_method("spawn", force=True)
    tls = listen.tls
    server = MPServer(
        "bailiwick", address=listen.host, port=listen.port, interface=Interfaces.ASGINL,
        http=HTTPModes.http1, loop=Loops.auto, websockets=False, workers=1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MS), log_level=LogLevels.warning,
        ssl_cert=tls.certificate if tls else None, ssl_key=tls.key if tls else None,
        ssl_protocol_min=SSLProtocols.tls12, respawn_failed_workers=True, workers_kill_timeout=5,
    )  # fmt: skip
    log.info("answering on %s:%d", listen.host, listen.port)
    server.serve(target_loader=make, wrap_loader=False)


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BailiwickError(
                f"cannot listen on `{host}:{port}`: {error.strerror}", "name another port"
            ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
