"""Notices leave: as files, by a real mail server, to a real webhook; and are tried again."""

import base64
import hashlib
import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import people
from bailiwick.accounts import Folder, Mail, Webhook, deliver_notices, schema, show_account
from bailiwick.accounts.engine import reading

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@pytest.fixture
def told(database: Any, by: Any) -> Any:
    """An account whose suspension waits to be told; returns the notice's row as it waits."""
    database.add_account("Group", id="group", kind="organisation", **by)
    database.set_contact("group", "legal@group.example", **by)
    database.add_account("Acme", id="acme", parent="group", **by)
    people.suspend(database, "acme")
    return waiting(database)


def waiting(database: Any) -> Any:
    with reading(database.engine) as connection:
        return connection.execute(select(schema.notices)).one()


def test_a_folder_gets_one_file_with_the_token_which_the_database_then_forgets(
    database: Any, told: Any, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "out")

    assert deliver_notices(database, folder) == (1, 0)
    assert deliver_notices(database, folder) == (0, 0)

    (file,) = (tmp_path / "out").iterdir()
    sent = json.loads(file.read_text())
    assert file.name == f"{told.id}.json"
    assert f"https://gate.example/appeal/{told.token}" in sent["body"]
    assert sent["contact"] == "legal@group.example"
    assert people.desk(database).appeal(told.token).state == "offered"
    after = waiting(database)
    assert (after.token, after.sent_by) == (None, "folder")
    assert show_account(database, "acme").history[-1].what == "notice.sent"


def test_a_notice_that_cannot_leave_is_tried_again_later_and_later(
    database: Any, told: Any, clock: Any, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("not a folder")
    folder = Folder(tmp_path / "out")

    assert deliver_notices(database, folder) == (0, 1)
    assert deliver_notices(database, folder) == (0, 0), "not before a minute has passed"
    clock.move(seconds=61)
    assert deliver_notices(database, folder) == (0, 1)
    clock.move(seconds=61)
    assert deliver_notices(database, folder) == (0, 0), "the second wait is longer"
    (tmp_path / "out").unlink()
    clock.move(seconds=61)
    assert deliver_notices(database, folder) == (1, 0)
    assert waiting(database).attempts == 3


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail as RFC 5321 says, as far as it is needed here."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailSession)
        self.received: list[str] = []


class MailSession(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.say("220 ready")
        while line := self.rfile.readline().decode().strip():
            if line.upper().startswith("DATA"):
                self.say("354 go on")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += self.rfile.readline()
                self.server.received.append(text.decode())
            quitting = line.upper().startswith("QUIT")
            self.say("221 bye" if quitting else "250 fine")
            if quitting:
                return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(
            ({name.lower(): value for name, value in self.headers.items()}, body)
        )  # type: ignore[attr-defined]
        status, headers = self.server.answers.pop(0)  # type: ignore[attr-defined]
        if status is None:
            self.wfile.write(b"this is no answer\r\n")
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    yield from running(MailServer())


@pytest.fixture
def hook() -> Iterator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.answers = [], []
    yield from running(server)


def running(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_mail_server_gets_it_for_the_nearest_contact_under_its_id(
    database: Any, told: Any, mail_server: MailServer
) -> None:
    host, port = mail_server.server_address[:2]
    mail = Mail(str(host), int(port), "notices@gate.example", security="none")

    assert deliver_notices(database, mail) == (1, 0), waiting(database).error

    (text,) = mail_server.received
    assert "To: legal@group.example" in text
    assert f"Message-ID: <{told.id}@gate.example>" in text
    assert "Why: the terms of service were broken." in text


def test_without_a_contact_no_mail_leaves_and_the_outbox_says_why(
    database: Any, mail_server: MailServer, by: Any
) -> None:
    database.add_account("Lonely", id="lonely", **by)
    people.suspend(database, "lonely")
    host, port = mail_server.server_address[:2]

    assert deliver_notices(
        database, Mail(str(host), int(port), "n@g.example", security="none")
    ) == (0, 1)

    assert waiting(database).error == "the account has no contact"
    assert mail_server.received == []


def test_a_webhook_gets_a_signed_cloud_event_and_anything_but_success_is_tried_again(
    database: Any, told: Any, hook: Any, clock: Any
) -> None:
    url = f"http://127.0.0.1:{hook.server_port}/notices"
    webhook = Webhook(url, b"secret", clock)
    hook.answers = [(500, {}), (302, {"location": url}), (None, {}), (204, {})]

    results = []
    for _ in range(4):
        results.append(deliver_notices(database, webhook))
        clock.move(hours=1)

    assert results == [(0, 1), (0, 1), (0, 1), (1, 0)]
    assert len(hook.got) == 4, "a redirect is not followed"
    headers, body = hook.got[-1]
    stamp = headers["webhook-timestamp"]
    signed = f"{told.id}.{stamp}.".encode() + body
    wanted = base64.b64encode(hmac.digest(b"secret", signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert {one["webhook-id"] for one, _ in hook.got} == {told.id}
    event = json.loads(body)
    assert (event["specversion"], event["type"]) == ("1.0", "bailiwick.notice.suspended")
    assert event["data"]["account"] == "acme"
