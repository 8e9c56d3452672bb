"""`bailiwick webhooks`: an event of Stripe, signed by its own library, becomes evidence."""

import json
import time
from pathlib import Path

import httpx
import pytest
import stripe

from bailiwick.accounts import show_account
from bailiwick.cli import main
from console.running import BY, Running, free_port

SECRET = "whsec_of_a_test"


def signed(body: str, secret: str = SECRET) -> str:
    now = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{now}.{body}", secret)
    return f"t={now},v1={signature}"


def event(account: str) -> str:
    customer = {"id": "cus_1", "object": "customer", "address": {"country": "DE"},
                "metadata": {"bailiwick_account": account}}  # fmt: skip
    return json.dumps({"id": "evt_1", "object": "event", "type": "customer.updated",
                       "created": int(time.time()), "data": {"object": customer}})  # fmt: skip


def test_events_become_evidence_if_they_are_signed(tmp_path: Path) -> None:
    running = Running(tmp_path)
    (tmp_path / "stripe.secret").write_text(SECRET)
    running.ports["webhooks"] = free_port()
    running.settings["webhooks"] = {
        "listen": {"port": str(running.ports["webhooks"])},
        "stripe": [{"file": "stripe.secret"}],
    }
    running.accounts.add_account("Acme", id="acme", **BY)
    try:
        running.start("webhooks")
        url, body = f"{running.url('webhooks')}/webhooks/stripe", event("acme")
        forged = httpx.post(
            url, content=body, headers={"stripe-signature": signed(body, "whsec_other")}, timeout=60
        )
        taken = httpx.post(
            url, content=body, headers={"stripe-signature": signed(body)}, timeout=60
        )
        said = [(row.kind, row.value) for row in show_account(running.accounts, "acme").evidence]
    finally:
        running.stop()

    assert (forged.status_code, taken.status_code) == (401, 200)
    assert said == [("billing", "DE")]


def test_it_does_not_start_where_nobody_could_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = Running(tmp_path)
    running.start()
    monkeypatch.setattr("sys.argv", ["bailiwick", "webhooks", "--config", str(running.config)])
    with pytest.raises(SystemExit) as ended:
        main()
    running.stop()

    assert ended.value.code == 2
    assert "nobody could send" in capsys.readouterr().err
