"""People are left alone, pools are found, and nothing of it suspends anybody."""

import pytest

from bailiwick.signals import PERSONAS, Rates, simulate
from bailiwick.signals.uses import ADVISORY, REVIEW

ACCOUNTS, DAYS = 1000, 8
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def rates() -> dict[str, Rates]:
    return {one.persona: one for one in simulate(ACCOUNTS, DAYS, seed=7)}


@pytest.mark.parametrize("name", [one.name for one in PERSONAS if one.fair])
def test_ordinary_people_are_hardly_ever_reviewed(name: str, rates: dict[str, Rates]) -> None:
    assert rates[name].accounts == ACCOUNTS
    assert rates[name].share <= 0.01


@pytest.mark.parametrize("name", [one.name for one in PERSONAS if not one.fair])
def test_pools_are_found(name: str, rates: dict[str, Rates]) -> None:
    assert rates[name].share >= 0.9


def test_there_is_no_level_that_suspends() -> None:
    assert {REVIEW, ADVISORY} == {"review", "advisory"}
