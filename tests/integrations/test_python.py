"""The plain Python API."""

import subprocess
import sys
from pathlib import Path

import pytest

from bailiwick import Bailiwick, Outcome
from bailiwick.decision import Effect
from bailiwick.errors import InvalidInput
from service.running import DE, LLAMA, OPUS, POLICY, US


@pytest.fixture(scope="module")
def bailiwick(tmp_path_factory: pytest.TempPathFactory) -> Bailiwick:
    path = Path(tmp_path_factory.mktemp("policy")) / "policy.yaml"
    path.write_text(POLICY)
    return Bailiwick.from_policy(path)


def test_a_permit_is_true_and_says_what_must_be_kept(bailiwick: Bailiwick) -> None:
    answer = bailiwick.decide(OPUS, address=US, billing="US", labels=[])

    assert answer
    assert answer.rules == ("frontier-in-us", "marked-in-us")
    assert dict(answer.obligations.headers) == {"x-moderation": "strict"}
    assert answer.located is not None
    assert answer.located.places == ("US",)


def test_a_deny_is_false_and_says_why_and_what_else_there_is(bailiwick: Bailiwick) -> None:
    answer = bailiwick.decide(OPUS, address=DE, billing="US")

    assert not answer
    assert answer.why == "permit.none"
    assert LLAMA in answer.alternatives
    assert answer.as_dict()["effect"] == "deny"


def test_a_place_may_stand_for_an_address(bailiwick: Bailiwick) -> None:
    assert bailiwick.decide(OPUS, address="US", billing="US", labels=[])
    assert not bailiwick.decide(OPUS, address=["US", "DE"], billing="US", labels=[])


def test_pending_is_neither(bailiwick: Bailiwick) -> None:
    answer: Outcome = bailiwick.decide(OPUS, address=US, billing="pending", labels=[])

    assert answer.effect is Effect.UNDETERMINED
    assert not answer


def test_it_lists_what_somebody_may_use(bailiwick: Bailiwick) -> None:
    models = bailiwick.permitted_models(address=DE, billing="DE", labels=[])

    assert LLAMA in models
    assert not any("opus" in model for model in models)


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"biling": "US"}, "biling"), ({"billing": "Narnia"}, "Narnia"), ({"action": "fly"}, "fly")],
)
def test_names_and_values_that_do_not_exist_are_errors(
    bailiwick: Bailiwick, facts: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        bailiwick.decide(OPUS, **facts)


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ["granian", "sqlalchemy", "numpy", "pydantic", "litellm", "fastapi"]
    code = f"import sys, bailiwick; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
