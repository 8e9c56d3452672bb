"""Names, reasons and contacts that are written to do harm, and stay what they are."""

from email import message_from_string, policy
from typing import Any

import pytest

import people
from accounts.test_delivery import MailServer, mail_server
from bailiwick.accounts import Mail, deliver_notices
from bailiwick.errors import InvalidInput

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

__all__ = ["mail_server"]  # a fixture

NAMES = (
    "Acme <script>alert(1)</script>",
    "Acme. To object: https://evil.example/appeal",
    "=?utf-8?q?Bcc=3A_x=40evil=2Eexample?=",
    "{{ link }} {% for x in facts %}",
    "[[appeal-token]]",
    "Ünïcödé 公司",
    "A" * 200,
)
CONTROL = (
    "Acme\r\nBcc: x@evil.example",
    "Acme\nX: y",
    "Acme\x00",
    "Acme\u2028next",
    "Acme\u202etxt",
)


@pytest.mark.parametrize("name", CONTROL)
def test_names_and_reasons_with_control_characters_are_refused(
    database: Any, by: Any, name: str
) -> None:
    with pytest.raises(InvalidInput):
        database.add_account(name, id="acme", **by)
    database.add_account("Acme", id="acme", **by)
    with pytest.raises(InvalidInput):
        database.set_evidence("acme", "billing", ["US"], actor="ann", reason=name)
    for contact in (
        f"{name}@acme.example",
        f"ops@acme.example{name[4:]}",
        "<a@b>",
        "a@b, c@d",
        "a b@c",
    ):
        with pytest.raises(InvalidInput):
            database.set_contact("acme", contact, **by)


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_stays_a_name_in_mail_and_file(
    database: Any, by: Any, name: str, mail_server: MailServer
) -> None:
    database.add_account(name, id="acme", **by)
    database.set_contact("acme", "ops@acme.example", **by)
    people.suspend(database, "acme")
    host, port = mail_server.server_address[:2]
    mail = Mail(str(host), int(port), "gate@gate.example", security="none")

    assert deliver_notices(database, mail) == (1, 0)
    (raw,) = mail_server.received
    message = message_from_string(raw.removesuffix("\r\n.\r\n"), policy=policy.default)
    assert message["To"] == "ops@acme.example"
    assert message["Bcc"] is None
    assert sorted(message.keys()) == [
        "Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version",
        "Message-ID", "Subject", "To",
    ]  # fmt: skip
    body = message.get_content()
    assert body.count("https://gate.example/appeal/") == 1
    assert message.get_content_type() == "text/plain"
    assert name in " ".join(body.split()) or name == "[[appeal-token]]"
