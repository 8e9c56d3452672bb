"""Take notices from the outbox to the accounts: into a folder, by mail, or to a webhook.

Every notice has an id that goes with it: the name of its file, its ``Message-ID``, its
``webhook-id``. So a notice that leaves twice, because we ended before we could note that it had
left, is known to be the same; in a folder it is one file.
"""

import base64
import hashlib
import hmac
import json
import os
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from sqlalchemy import Row, select, update

from bailiwick.accounts import personal, schema
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import reading
from bailiwick.accounts.notices import TOKEN
from bailiwick.accounts.standing import ancestors
from bailiwick.accounts.values import milliseconds
from bailiwick.errors import BailiwickError

FIRST_RETRY_S = 60
LAST_RETRY_S = 6 * 3600
TIMEOUT_S = 20.0
BATCH = 100
DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice on its way."""

    id: str
    account: str
    kind: str
    created_at: datetime
    subject: str
    body: str
    contact: str | None
    """E-mail address of the account or of the nearest organisation that has one."""


class NotDelivered(BailiwickError):
    """The notice could not leave now."""


class Transport(Protocol):
    """One way to tell somebody."""

    name: str

    def deliver(self, notice: Notice) -> None:
        """Return once it has left for good. Raises ``NotDelivered``."""


class Folder:
    """One file for each notice, written whole or not at all."""

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, notice: Notice) -> None:
        """Write the file, if it is not there already."""
        path = self._folder / f"{notice.id}.json"
        fresh = path.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(as_dict(notice), file, indent=2, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise NotDelivered(f"`{path}`: {error.strerror or error}") from None


class Mail:
    """A mail server."""

    name = "smtp"

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        *,
        security: str = "starttls",
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        self._host, self._port, self._sender = host, port, sender
        self._security, self._user, self._password = security, user, password

    def deliver(self, notice: Notice) -> None:
        """Hand it to the server."""
        if notice.contact is None:
            raise NotDelivered(
                "the account has no contact", "set one with `accounts set --contact`"
            )
        message = self._message(notice, notice.contact)
        try:
            with self._connected() as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(f"mail server: {_short(error)}") from None

    def _message(self, notice: Notice, contact: str) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = contact
        message["Subject"] = notice.subject
        message["Date"] = notice.created_at
        message["Message-ID"] = f"<{notice.id}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notice.body)
        return message

    def _connected(self) -> smtplib.SMTP:
        tls = ssl.create_default_context()
        if self._security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=TIMEOUT_S, context=tls
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
        if self._security == "starttls":
            server.starttls(context=tls)
        if self._user is not None:
            server.login(self._user, self._password or "")
        return server


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **more: Any) -> None:
        """Follow none: the notice is for the configured server alone."""
        del args, more


class Webhook:
    """The operator's own server. Signed as ``v1,BASE64(HMAC-SHA256(secret, id.time.body))``."""

    name = "webhook"

    def __init__(
        self, url: str, secret: bytes, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._url, self._secret, self._clock = url, secret, clock

    def deliver(self, notice: Notice) -> None:
        """Post it; any 2xx is taken for received."""
        body = json.dumps(event_of(notice), ensure_ascii=False).encode()
        stamp = str(int(self._clock().timestamp()))
        signed = f"{notice.id}.{stamp}.".encode() + body
        digest = base64.b64encode(hmac.digest(self._secret, signed, hashlib.sha256)).decode()
        request = Request(  # noqa: S310 - the URL is the operator's, http or https
            self._url,
            body,
            {
                "content-type": "application/cloudevents+json",
                "webhook-id": notice.id,
                "webhook-timestamp": stamp,
                "webhook-signature": f"v1,{digest}",
            },
            method="POST",
        )
        try:
            with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_S) as answer:
                if not 200 <= answer.status < 300:
                    raise NotDelivered(f"the webhook answered {answer.status}")
        except (URLError, OSError, HTTPException) as error:
            raise NotDelivered(f"webhook: {_short(error)}") from None


def as_dict(notice: Notice) -> dict[str, str | None]:
    """Write a notice as JSON values."""
    return {
        "id": notice.id,
        "account": notice.account,
        "kind": notice.kind,
        "created_at": notice.created_at.isoformat(),
        "contact": notice.contact,
        "subject": notice.subject,
        "body": notice.body,
    }


def event_of(notice: Notice) -> dict[str, object]:
    """Wrap a notice as a CloudEvent (1.0)."""
    return {
        "specversion": "1.0",
        "id": notice.id,
        "source": "bailiwick",
        "type": f"bailiwick.notice.{notice.kind}",
        "subject": notice.account,
        "time": notice.created_at.isoformat(),
        "datacontenttype": "application/json",
        "data": as_dict(notice),
    }


def deliver_notices(database: AccountDatabase, transport: Transport) -> tuple[int, int]:
    """Send what is due; returns how many left and how many must be tried again."""
    table = schema.notices
    now = milliseconds(database.now())
    with reading(database.engine) as connection:
        due = connection.execute(
            select(table)
            .where(table.c.sent_at.is_(None) & (table.c.next_at <= now))
            .order_by(table.c.next_at)
            .limit(BATCH)
        ).all()
    done = [_deliver(database, transport, row) for row in due]
    return sum(done), len(done) - sum(done)


def _deliver(database: AccountDatabase, transport: Transport, row: Row[Any]) -> bool:
    table = schema.notices
    try:
        transport.deliver(_notice(database, row))
    except NotDelivered as error:
        wait = min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(row.attempts, 12))
        with database.automating("notice") as change:
            change.connection.execute(
                update(table)
                .where(table.c.id == row.id)
                .values(
                    attempts=row.attempts + 1,
                    next_at=change.at + wait * 1000,
                    error=error.message[:500],
                )
            )
        return False
    with database.automating("notice") as change:
        change.connection.execute(
            update(table)
            .where(table.c.id == row.id)
            .values(
                attempts=row.attempts + 1,
                sent_at=change.at,
                sent_by=transport.name,
                token=None,
                error=None,
            )
        )
        change.record(row.account_id, "notice.sent", {"notice": row.id, "by": transport.name})
    return True


def _notice(database: AccountDatabase, row: Row[Any]) -> Notice:
    with reading(database.engine) as connection:
        parent = connection.execute(
            select(schema.accounts.c.parent_id).where(schema.accounts.c.id == row.account_id)
        ).scalar_one()
        chain = [row.account_id, *ancestors(connection, parent)]
        contact = personal.read_contact(connection, chain)
    created = datetime.fromtimestamp(row.created_at / 1000, UTC)
    body = row.body.replace(TOKEN, row.token) if row.token else row.body
    return Notice(row.id, row.account_id, row.kind, created, row.subject, body, contact)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
