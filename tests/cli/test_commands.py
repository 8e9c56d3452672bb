"""The command line as a person uses it."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from bailiwick.decision import decision_schema

POLICY = """
bailiwick: 1
name: t
places: {us: {include: [US], territories: inherit}}
models: {frontier: {ids: [anthropic/claude-opus-*]}}
rules:
  - {id: us-only, permit: frontier, where: {address: us, billing: us}}
  - {id: embeddings, permit: openai/text-embedding-3-small}
tests:
  - note: a US account is served
    facts: {model: claude-opus-4-1, address: US, network: hosting, billing: US}
    want: {effect: permit}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def bailiwick(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bailiwick", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def decide(policy: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return bailiwick("decide", "--policy", policy, "--model", "claude-opus-4-1", *words)


def test_a_permit_exits_with_0_and_names_its_rule(policy: Path) -> None:
    done = decide(policy, "--address", "8.8.8.8", "--billing", "US")

    assert done.returncode == 0
    assert "permit" in done.stdout
    assert "us-only" in done.stdout
    assert "8.8.8.8 is in US" in done.stdout


def test_a_deny_exits_with_3_and_offers_what_is_permitted(policy: Path) -> None:
    done = decide(policy, "--address", "5.9.0.1", "--billing", "US")

    assert done.returncode == 3
    assert "permit.none" in done.stdout
    assert "openai/text-embedding-3-small" in done.stdout


def test_bad_facts_exit_with_2_and_are_all_named(policy: Path) -> None:
    done = decide(policy, "--address", "US", "--billing", "QQ", "--fact", "shoe=9")

    assert done.returncode == 2
    assert "unknown place `QQ`" in done.stderr
    assert "unknown fact `shoe`" in done.stderr


def test_json_fits_the_published_schema(policy: Path) -> None:
    done = decide(policy, "--address", "8.8.8.8", "--billing", "US", "--json")

    document = json.loads(done.stdout)
    jsonschema.validate(document, decision_schema())
    assert document["location"]["places"] == ["US"]
    assert document["location"]["sources"][0]["built_at"].startswith("20")


def test_explain_says_which_evidence_would_have_to_change(policy: Path) -> None:
    done = bailiwick(
        "explain",
        "--policy",
        policy,
        "--model",
        "claude-opus-4-1",
        "--address",
        "US",
        "--billing",
        "DE",
    )

    assert done.returncode == 3
    assert "would be permitted if billing were" in done.stdout


def test_a_policy_is_checked_and_tested(policy: Path) -> None:
    checked, tested = bailiwick("policy", "check", policy), bailiwick("policy", "test", policy)

    assert checked.returncode == 0
    assert "2 rules, 1 tests" in checked.stdout
    assert tested.returncode == 0
    assert "1 passed, 0 failed" in tested.stdout


def test_a_test_that_fails_exits_with_1(policy: Path) -> None:
    policy.write_text(POLICY.replace("effect: permit", "effect: deny"))

    done = bailiwick("policy", "test", policy)

    assert done.returncode == 1
    assert "effect is `permit`, wanted `deny`" in done.stdout


def test_every_problem_of_a_policy_is_reported_in_one_run(policy: Path) -> None:
    policy.write_text("bailiwick: 1\nname: t\nrule: []\nplaces: {us: {include: [USA, QQ]}}\n")

    done = bailiwick("policy", "check", policy)

    assert done.returncode == 2
    assert f"{policy}:3:1: unknown key `rule`" in done.stderr
    assert f"{policy}:4:25: unknown place `USA`" in done.stderr
    assert f"{policy}:4:30: unknown place `QQ`" in done.stderr


def test_a_missing_file_is_named() -> None:
    done = bailiwick("policy", "check", "nowhere.yaml")

    assert done.returncode == 2
    assert done.stderr == "`nowhere.yaml` cannot be read: no such file or directory\n"


def test_a_difference_is_shown_and_can_fail_a_build(policy: Path, tmp_path: Path) -> None:
    wider = tmp_path / "wider.yaml"
    wider.write_text(POLICY.replace("include: [US]", "include: [US, CA]"))

    done = bailiwick("policy", "diff", policy, wider, "--exit-code")

    assert done.returncode == 1
    assert "deny -> permit" in done.stdout
    assert "example: address CA" in done.stdout
    assert bailiwick("policy", "diff", policy, policy, "--exit-code").returncode == 0


def test_the_matrix_prints_regions(policy: Path) -> None:
    done = bailiwick("policy", "matrix", policy, "--json")

    rows = {row["models"][0]: row for row in json.loads(done.stdout)}
    assert rows["anthropic/claude-opus-4"]["regions"]["US"]["access"] == "full"
    assert rows["anthropic/claude-opus-4"]["regions"]["EU"]["access"] == "blocked"


def test_the_schema_is_a_json_schema() -> None:
    done = bailiwick("policy", "schema")

    jsonschema.Draft202012Validator.check_schema(json.loads(done.stdout))


def test_locate_says_where_and_from_which_data() -> None:
    done = bailiwick("locate", "8.8.8.8", "192.0.2.1", "--json")

    known, reserved = json.loads(done.stdout)
    assert known["places"] == ["US"]
    assert reserved["places"] == []
    assert reserved["non_routable"]


def test_an_address_that_is_none_is_bad_input() -> None:
    assert bailiwick("locate", "8.8.8").returncode == 2


@pytest.mark.parametrize(
    "words", [("places",), ("places", "UA"), ("places", "EU"), ("catalog", "list")]
)
def test_names_are_listed(words: tuple[str, ...]) -> None:
    done = bailiwick(*words)

    assert done.returncode == 0
    assert done.stdout
