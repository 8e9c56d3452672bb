"""Provider packs from the command line."""

import json
import subprocess
import sys
from pathlib import Path

from bailiwick.accounts import AccountDatabase
from bailiwick.bootstrap import read_settings

PAGE = "Albania\nGermany\nUkraine (with certain exceptions)\n"
SETTINGS = """
policy: policy.yaml
accounts: {database: accounts.db, secret: accounts.secret}
upstreams:
  - {name: one, base_url: "http://127.0.0.1:9", dialects: [openai], models: {"openai/*": "*"}, egress: HK}
"""


def bailiwick(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bailiwick", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_packs_are_listed_and_shown() -> None:
    listed = json.loads(bailiwick("providers", "list", "--json").stdout)
    shown = json.loads(bailiwick("providers", "show", "openai", "--json").stdout)

    assert {one["pack"] for one in listed} >= {"anthropic", "google", "openai"}
    assert shown["authority"] == "provider/openai"
    assert len(shown["served"]) == 188
    assert shown["source"].startswith("https://")


def test_the_rule_set_of_a_pack_can_be_taken_over_and_edited(tmp_path: Path) -> None:
    rules = bailiwick("providers", "show", "openai", "--rules").stdout
    (tmp_path / "openai.yaml").write_text(rules)
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        'bailiwick: 1\nname: t\nuse: openai.yaml\nrules:\n  - {id: all, permit: "*"}\n...\n'
    )

    done = bailiwick("decide", "-p", policy, "-m", "gpt-4o", "--address", "CN", "--json")

    assert json.loads(done.stdout)["reasons"][0]["authority"] == "provider/openai"


def test_a_policy_uses_a_pack_by_name_and_the_matrix_says_whose_rules_they_are(
    tmp_path: Path,
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        'bailiwick: 1\nname: t\nuse: provider/openai\nrules:\n  - {id: all, permit: "*"}\n...\n'
    )

    checked = bailiwick("policy", "check", policy)
    rows = json.loads(
        bailiwick("policy", "matrix", policy, "--model", "openai/gpt-4o", "--json").stdout
    )
    printed = bailiwick("policy", "matrix", policy, "--model", "openai/gpt-4o").stdout

    assert checked.returncode == 0
    assert "known to have gaps" in checked.stderr
    assert "as of 2026-08-21" in checked.stderr
    assert rows[0]["owners"] == ["operator", "provider/openai (2026-08-21)"]
    assert "provider/openai: https://help.openai.com" in printed


def test_a_pack_without_a_list_cannot_be_used(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("bailiwick: 1\nname: t\nuse: [provider/mistral, provider/nobody]\n...\n")

    done = bailiwick("policy", "check", policy)

    assert done.returncode == 2
    assert "neither everywhere nor nowhere" in done.stderr
    assert "no provider pack is called so; known are anthropic," in done.stderr


def test_my_accounts_and_exits_are_checked(tmp_path: Path) -> None:
    config = tmp_path / "bailiwick.yaml"
    config.write_text(SETTINGS)
    settings = read_settings(config).accounts
    accounts = AccountDatabase.open(settings.url, settings.secret, create=True)
    accounts.add_account("A", id="acme", actor="t", reason="t")
    accounts.set_evidence("acme", "billing", ["RU"], actor="t", reason="t")

    done = bailiwick("providers", "check", "openai", "--config", config, "--place", "DE", "--json")

    found = {(one["what"], one["place"]) for one in json.loads(done.stdout)["unserved"]}
    assert done.returncode == 1
    assert found == {("exit to upstream one", "HK"), ("account acme: billing", "RU")}
    assert bailiwick("providers", "check", "openai", "--place", "DE").returncode == 0
    assert bailiwick("providers", "check", "openai").returncode == 2


def test_a_page_is_imported_with_a_diff_to_review(tmp_path: Path) -> None:
    page, pack = tmp_path / "page.txt", tmp_path / "openai.yaml"
    page.write_text(PAGE)

    done = bailiwick(
        "providers", "import", page, "--name", "openai", "--as-of", "2026-11-27", "-o", pack
    )
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        'bailiwick: 1\nname: t\nuse: openai.yaml\nrules:\n  - {id: all, permit: "*"}\n...\n'
    )
    decided = bailiwick("decide", "-p", policy, "-m", "gpt-4o", "--address", "FR")

    assert done.returncode == 0
    assert "- FR France: no longer served" in done.stderr
    assert "as_of: 2026-08-21 -> 2026-11-27" in done.stderr
    assert decided.returncode == 3
    assert "provider/openai" in decided.stdout


def test_a_page_with_an_unknown_name_makes_no_pack(tmp_path: Path) -> None:
    page, pack = tmp_path / "page.txt", tmp_path / "x.yaml"
    page.write_text("Albania\nGermoney\nTogo\n")

    done = bailiwick(
        "providers", "import", page, "--name", "openai", "--as-of", "2026-11-27", "-o", pack
    )

    assert done.returncode == 2
    assert "page.txt:2: unknown place name `Germoney`" in done.stderr
    assert not pack.exists()
