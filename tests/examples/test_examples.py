"""Every example policy loads without a warning, passes its own tests and is marked as it should be."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bailiwick.bootstrap import LoadedPolicy, load_policy
from bailiwick.decision import DEFAULT_REGIONS, check_policy, compile_table, matrix, run_examples
from bailiwick.errors import Severity

FOLDER = Path(__file__).parent.parent.parent / "examples"
POLICIES = sorted(
    path for path in FOLDER.glob("*.yaml") if path.read_text().count("\nbailiwick: 1")
)
REPORTED = {"frontier-us-only", "open-with-quotas", "features-by-region", "open-weight", "reported"}
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


def load(name: str) -> LoadedPolicy:
    return load_policy(FOLDER / f"{name}.yaml")


def test_the_examples_are_there() -> None:
    assert {path.stem for path in POLICIES} >= {*REPORTED, "minimal", "full"}


@pytest.mark.parametrize("name", [path.stem for path in POLICIES])
def test_an_example_passes_its_own_tests(name: str) -> None:
    loaded = load(name)

    results = run_examples(loaded.policy, loaded.catalog, NOW)

    assert results
    assert [(one.example.note, one.wrong) for one in results if not one.passed] == []


@pytest.mark.parametrize("name", [path.stem for path in POLICIES])
def test_an_example_shows_a_permit_and_a_refusal(name: str) -> None:
    wanted = {str(one.want["effect"]) for one in load(name).policy.examples}

    assert wanted >= {"permit", "deny"}


@pytest.mark.parametrize("name", [path.stem for path in POLICIES])
def test_nothing_in_an_example_is_doubtful(name: str) -> None:
    loaded = load(name)
    table = compile_table(loaded.policy, loaded.catalog)

    found = [*loaded.policy.warnings, *check_policy(table, NOW)]

    assert [str(one) for one in found if one.severity is not Severity.NOTE] == []


@pytest.mark.parametrize("name", sorted(REPORTED))
def test_what_a_news_story_reported_is_marked_as_that(name: str) -> None:
    policy = load(name).policy

    assert policy.about == "as reported in June 2026, unverified"
    assert policy.source == "news story, June 2026, unverified"
    assert policy.as_of is not None
    assert policy.as_of.isoformat()[:7] == "2026-06"


def test_the_reported_policies_make_the_reported_table() -> None:
    loaded = load("reported")
    rows = matrix(compile_table(loaded.policy, loaded.catalog), NOW, DEFAULT_REGIONS)

    cells = {row.models: {name: cell.words for name, cell in row.cells.items()} for row in rows}
    blocked = {row.models: set(row.blocked) for row in rows}

    full = {"US": "full", "EU": "full", "Asia-Pacific": "full"}
    assert cells == {
        ("anthropic/claude-3.5-opus",): {"US": "full", "EU": "blocked", "Asia-Pacific": "blocked"},
        ("openai/gpt-4o",): {
            "US": "full",
            "EU": "full with quotas",
            "Asia-Pacific": "partial (full)",
        },
        ("google/gemini-ultra",): {
            "US": "full",
            "EU": "limited",
            "Asia-Pacific": "partial (limited)",
        },
        ("meta/llama-3.1-405b",): full,
        ("mistral/mistral-large-2",): full,
        ("tii/falcon-2-180b",): full,
    }
    assert blocked[("openai/gpt-4o",)] == {"CN", "RU", "IR"}
    assert blocked[("google/gemini-ultra",)] == {"CN", "RU"}
    assert "US" not in blocked[("anthropic/claude-3.5-opus",)]
    assert len(blocked[("anthropic/claude-3.5-opus",)]) == 249


def test_each_reported_policy_has_an_authority_of_its_own() -> None:
    owners = {load(name).policy.rules[0].authority for name in REPORTED - {"reported"}}

    assert len(owners) == 4
    assert {rule.authority for rule in load("reported").policy.rules} == {*owners, "builtin"}


def test_no_other_example_speaks_of_a_provider() -> None:
    for path in POLICIES:
        if path.stem not in REPORTED:
            assert "reported" not in path.read_text(), path
            assert "provider/" not in path.read_text(), path
