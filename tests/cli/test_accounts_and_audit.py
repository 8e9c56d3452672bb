"""Accounts, keys and records from the command line, on real files."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bailiwick.audit import AuditLog
from end_users import jwk, pem

UPSTREAM = """
upstreams:
  - {name: u, base_url: "http://127.0.0.1:9", dialects: [openai], models: {"openai/*": "*"}}
"""


def now() -> datetime:
    return datetime.now(UTC)


def bailiwick(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bailiwick", *map(str, words)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def ok(folder: Path, *words: object) -> str:
    done = bailiwick(folder, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bailiwick.yaml").write_text(f"policy: policy.yaml\n{UPSTREAM}")
    (tmp_path / "policy.yaml").write_text("bailiwick: 1\nname: t\nrules: [{id: p, permit: '*'}]\n")
    return tmp_path


def test_an_account_gets_evidence_labels_status_and_a_key_shown_once(folder: Path) -> None:
    ok(folder, "accounts", "add", "Holding", "--id", "holding", "--organisation")
    assert ok(folder, "accounts", "add", "Firm", "--id", "firm", "--parent", "holding") == "firm\n"
    ok(folder, "accounts", "set", "firm", "--evidence", "billing=US", "--label", "research")
    made = json.loads(ok(folder, "accounts", "key", "firm", "--json"))
    shown = json.loads(ok(folder, "accounts", "show", "firm", "--json"))

    assert made["key"].startswith("bw_")
    assert made["key"] not in json.dumps(shown)
    assert shown["summary"]["status"] == "active"
    assert [(one["kind"], one["value"]) for one in shown["evidence"]] == [("billing", "US")]
    assert [one["name"] for one in shown["labels"]] == ["research"]
    assert shown["history"][-1]["what"] == "key.added"
    assert "firm" in ok(folder, "accounts", "show")
    assert "research" in ok(folder, "accounts", "show", "firm")


def test_a_key_to_attest_with_is_added_shown_and_ended(folder: Path) -> None:
    key = Ed25519PrivateKey.generate()
    (folder / "firm.pem").write_text(pem(key))
    (folder / "firm.jwk").write_text(jwk(key, kid="theirs"))
    ok(folder, "accounts", "add", "Firm", "--id", "firm")

    assert ok(folder, "accounts", "attest", "firm", "--key", "firm.pem", "--kid", "k1") == "k1\n"
    assert ok(folder, "accounts", "attest", "firm", "--key", "firm.jwk") == "theirs\n"
    assert "ended k1" in ok(folder, "accounts", "attest", "firm", "--end", "k1")
    shown = json.loads(ok(folder, "accounts", "show", "firm", "--json"))

    assert [(one["kid"], bool(one["ended_at"])) for one in shown["attesters"]] == [
        ("k1", True),
        ("theirs", False),
    ]
    assert shown["history"][-1]["what"] == "attester.ended"
    assert "theirs" in ok(folder, "accounts", "show", "firm")
    for words in ([], ["--key", "no.pem"], ["--end", "k1"], ["--kid", "k1", "--end", "theirs"]):
        assert bailiwick(folder, "accounts", "attest", "firm", *words).returncode == 2


def test_a_key_is_revoked_by_its_id(folder: Path) -> None:
    ok(folder, "accounts", "add", "Firm", "--id", "firm")
    made = json.loads(ok(folder, "accounts", "key", "firm", "--json"))

    ok(folder, "accounts", "key", "firm", "--revoke", made["id"])
    again = bailiwick(folder, "accounts", "key", "firm", "--revoke", "key_unknown")

    shown = json.loads(ok(folder, "accounts", "show", "firm", "--json"))
    assert shown["keys"][0]["revoked_at"] is not None
    assert again.returncode == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("set", "firm", "--evidence", "billing=QQ"), "QQ"),
        (("set", "firm", "--evidence", "shoe=US"), "shoe"),
        (("set", "firm", "--evidence", "billing"), "is not KIND=VALUE"),
        (("set", "firm"), "nothing to set"),
        (("set", "nobody", "--label", "x"), "nobody"),
        (("status", "firm", "asleep", "--code", "terms.breach", "--reason", "x"), "asleep"),
        (("status", "firm", "closed", "--code", "no.code", "--reason", "x"), "no.code"),
        (("show", "nobody"), "nobody"),
    ],
)
def test_bad_input_changes_nothing_and_is_named(
    folder: Path, words: tuple[str, ...], message: str
) -> None:
    ok(folder, "accounts", "add", "Firm", "--id", "firm")
    before = ok(folder, "accounts", "show", "firm", "--json")

    done = bailiwick(folder, "accounts", *words)

    assert done.returncode == 2
    assert message in done.stderr
    assert ok(folder, "accounts", "show", "firm", "--json") == before


def test_without_settings_the_help_says_what_to_give(tmp_path: Path) -> None:
    done = bailiwick(tmp_path, "accounts", "show")

    assert done.returncode == 2
    assert "--config" in done.stderr


def test_records_are_verified_shown_and_exported(tmp_path: Path) -> None:
    log = AuditLog.open(tmp_path / "audit", node="n1", worker="0", clock=now)
    for number in range(5):
        log.append_nowait({"kind": "decision", "id": f"dec_{number}", "effect": "permit"})
    log.close()

    verified = bailiwick(tmp_path, "audit", "verify", "audit")
    shown = ok(tmp_path, "audit", "show", "audit", "--where", "id=dec_3")
    exported = ok(tmp_path, "audit", "export", "audit", "out.jsonl", "--kind", "decision")

    assert verified.returncode == 0, verified.stdout
    assert "whole" in verified.stdout
    assert shown.count("\n") == 1
    assert "dec_3" in shown
    assert exported == "5 records to out.jsonl\n"
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 5


def test_a_changed_record_fails_the_check(tmp_path: Path) -> None:
    log = AuditLog.open(tmp_path / "audit", node="n1", worker="0", clock=now)
    log.append_nowait({"kind": "decision", "id": "dec_1", "effect": "deny"})
    log.close()
    (segment,) = (tmp_path / "audit").glob("*.jsonl")
    segment.write_text(segment.read_text().replace("deny", "pass"))

    done = bailiwick(tmp_path, "audit", "verify", "audit", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"]


def test_a_gateway_without_a_good_policy_does_not_start(folder: Path) -> None:
    (folder / "policy.yaml").write_text("bailiwick: 1\nname: t\nrules: [{id: p, permti: '*'}]\n")

    done = bailiwick(folder, "serve")

    assert done.returncode == 2
    assert "permti" in done.stderr


def test_a_rotated_key_signs_on_and_the_old_signatures_stay_good(tmp_path: Path) -> None:
    for _ in range(2):
        log = AuditLog.open(tmp_path / "audit", node="n1", worker="0", clock=now)
        log.append_nowait({"kind": "decision", "id": "dec_1", "effect": "deny"})
        log.close()
        ok(tmp_path, "audit", "rotate-key", "audit/keys", "bailiwick/n1")

    done = bailiwick(tmp_path, "audit", "verify", "audit")

    assert done.returncode == 0, done.stdout
    assert len((tmp_path / "audit/keys/public-keys").read_text().splitlines()) == 3
