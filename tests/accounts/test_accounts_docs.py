"""The documentation names every kind, tier and status."""

from pathlib import Path

import pytest

from bailiwick.accounts import ACCOUNT_STATUSES, EVIDENCE_KINDS, REASONS, TIERS
from bailiwick.facts import OWNERSHIP_OUTCOMES
from bailiwick.policy import FINDING_KINDS

DOCS = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text()


@pytest.mark.parametrize("name", [*ACCOUNT_STATUSES, *EVIDENCE_KINDS, *OWNERSHIP_OUTCOMES])
def test_every_word_is_in_the_documentation(name: str) -> None:
    assert f"`{name}`" in DOCS


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_is_explained(tier: str) -> None:
    assert f"{tier} (" in DOCS


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_is_explained(code: str) -> None:
    assert f"| `{code}` |" in (Path(__file__).parents[2] / "docs" / "reasons.md").read_text()


def test_findings_are_about_kinds_of_evidence_that_there_are() -> None:
    assert set(FINDING_KINDS) - {"ownership"} <= set(EVIDENCE_KINDS)
