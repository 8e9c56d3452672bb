"""Who acts on the command line, and what can be erased with it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from people import CATALOG, POLICY

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
WHY = ("--reason", "a test")


def bailiwick(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bailiwick", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models.yaml").write_text(CATALOG)
    (tmp_path / "policy.yaml").write_text(POLICY)
    users = [{"name": name, "role": "approver", "hash": HASH} for name in ("ann", "bob")]
    (tmp_path / "users.yaml").write_text(json.dumps({"users": users}))
    settings = "policy: policy.yaml\ncatalog: [models.yaml]\nconsole: {users: users.yaml}\n"
    (tmp_path / "bailiwick.yaml").write_text(settings)
    made = bailiwick(tmp_path, "accounts", "add", "Acme", "--id", "acme", "--by", "ann")
    assert made.returncode == 0, made.stderr
    return tmp_path


def test_with_a_users_file_only_its_people_act(folder: Path) -> None:
    suspend = ("accounts", "status", "acme", "suspended", "--code", "terms.breach", *WHY)
    invented = bailiwick(folder, *suspend, "--by", "ann2")
    nobody = bailiwick(folder, *suspend)
    proposed = bailiwick(folder, *suspend, "--by", "ANN")
    proposal = proposed.stdout.split()[1].rstrip(":")
    same = bailiwick(folder, "accounts", "approve", proposal, "--by", "Ann")
    second = bailiwick(folder, "accounts", "approve", proposal, "--by", "bob")
    elsewhere = bailiwick(folder, "order", "off", "*", *WHY, "--by", "mallory")
    beside = bailiwick(
        folder,
        "accounts",
        "key",
        "acme",
        *WHY,
        "--by",
        "mallory",
        "--database",
        "accounts.db",
        "--secret",
        "accounts.secret",
    )

    assert invented.returncode == 2
    assert "`ann2` is not in the users file" in invented.stderr
    assert nobody.returncode == 2
    assert proposed.returncode == 0, proposed.stderr
    assert "somebody else must approve it" in same.stderr
    assert "active -> suspended" in second.stdout
    assert elsewhere.returncode == 2
    assert beside.returncode == 2
    shown = json.loads(bailiwick(folder, "accounts", "show", "acme", "--json").stdout)
    moved = next(one for one in shown["history"] if one["what"] == "status.set")
    assert (moved["actor"], moved["detail"]["second"]) == ("ann", "bob")


def test_what_is_personal_is_erased_and_the_history_says_so(folder: Path) -> None:
    bailiwick(folder, "accounts", "set", "acme", "--contact", "ops@acme.example", "--by", "ann")

    erased = bailiwick(folder, "accounts", "erase", "acme", *WHY, "--by", "bob")
    again = bailiwick(folder, "accounts", "erase", "acme", *WHY, "--by", "bob")
    stranger = bailiwick(folder, "accounts", "erase", "nobody", *WHY, "--by", "bob")

    assert erased.stdout.startswith("erased 1 values of acme")
    assert again.stdout.startswith("erased 0 values")
    assert stranger.returncode == 2
    assert b"ops@acme.example" not in (folder / "accounts.db").read_bytes()
    shown = json.loads(bailiwick(folder, "accounts", "show", "acme", "--json").stdout)
    assert [one["what"] for one in shown["history"]][-1] == "personal.erased"


def test_an_order_for_a_model_that_does_not_exist_is_refused(folder: Path) -> None:
    done = bailiwick(folder, "order", "off", "pa/frontierr", *WHY, "--by", "ann")

    assert done.returncode == 2
    assert "`pa/frontierr` matches no model of the catalogue" in done.stderr
    assert "pa/frontier" in done.stderr
