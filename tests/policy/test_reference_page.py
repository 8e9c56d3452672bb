"""What the policy reference shows can be read as it stands, and its own tests pass."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bailiwick.bootstrap import read_catalog
from bailiwick.decision import check_policy, compile_table, run_examples
from bailiwick.errors import Severity
from bailiwick.policy import DEFAULT_ANONYMIZERS, read_policy

PAGE = (Path(__file__).parent.parent.parent / "docs/policy.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime(2026, 7, 15, tzinfo=UTC)
CATALOG = read_catalog()


def whole(block: str) -> str:
    return block if block.startswith("bailiwick:") else f"bailiwick: 1\nname: page\n{block}"


@pytest.mark.parametrize("block", BLOCKS, ids=range(1, len(BLOCKS) + 1))
def test_a_sample_of_the_reference_is_a_policy(block: str) -> None:
    policy = read_policy(whole(block), "policy.md", CATALOG)
    found = check_policy(compile_table(policy, CATALOG), NOW)

    results = run_examples(policy, CATALOG, NOW)

    assert [(one.example.note, one.wrong) for one in results if not one.passed] == []
    assert [str(one) for one in found if one.severity is not Severity.NOTE] == []


def test_the_default_of_anonymizers_on_the_page_is_the_default() -> None:
    (block,) = [one for one in BLOCKS if one.startswith("anonymizers:")]

    assert read_policy(whole(block), "policy.md", CATALOG).anonymizers == DEFAULT_ANONYMIZERS
    assert all(f"  {name}: {how}" in block for name, how in DEFAULT_ANONYMIZERS.items())
