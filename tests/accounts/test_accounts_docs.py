"""The documentation names every kind, tier and status."""

from pathlib import Path

import pytest

from bailiwick.accounts import ACCOUNT_STATUSES, EVIDENCE_KINDS, TIERS
from bailiwick.facts import OWNERSHIP_OUTCOMES

DOCS = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text()


@pytest.mark.parametrize("name", [*ACCOUNT_STATUSES, *EVIDENCE_KINDS, *OWNERSHIP_OUTCOMES])
def test_every_word_is_in_the_documentation(name: str) -> None:
    assert f"`{name}`" in DOCS


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_is_explained(tier: str) -> None:
    assert f"{tier} (" in DOCS
