"""What may answer in place of a model: read, ordered, and never more than a rule permits."""

import pytest

from policy.reading import HEAD, problems, read

BASE = """
rules:
  - {id: us, permit: "pa/*", where: {address: XA}}
  - {id: open, permit: pb/open}
"""


def candidates(text: str) -> tuple[str, ...]:
    return read(HEAD + BASE + "fallback:\n  one: " + text).fallbacks[0].candidates


def test_models_come_in_the_order_in_which_they_are_listed() -> None:
    assert candidates("{of: pa/frontier-1, to: [pb/open, pa/small]}") == ("pb/open", "pa/small")


def test_a_model_that_no_rule_permits_is_no_candidate() -> None:
    made = read(
        HEAD
        + "rules:\n  - {id: a, permit: pa/small}\nfallback:\n  one: {of: pa/frontier-1, to: [pb/open]}\n"
    )

    assert made.fallbacks[0].candidates == ()
    assert [one.code for one in made.warnings if one.code.startswith("fallback")] == [
        "fallback.none"
    ]


def test_it_must_be_asked_for_unless_the_policy_says_otherwise() -> None:
    (one,) = read(HEAD + BASE + "fallback:\n  one: {of: pa/frontier-1, to: pb/open}\n").fallbacks

    assert not one.always
    assert not one.translate
    assert one.when == {"denied", "refused"}


def test_a_figure_that_is_missing_is_never_enough() -> None:
    assert candidates("{of: pa/frontier-1, by: price, max_price: 5}") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{of: pa/frontier-1}", "needs `to` or `by`"),
        ("{of: pa/frontier-1, by: quality}", "`benchmark` goes with"),
        ("{of: pa/frontier-1, to: pb/open, benchmark: x}", "`benchmark` goes with"),
        ("{of: pa/frontier-1, to: pb/open, when: never}", "neither `denied` nor `refused`"),
        ("{of: pa/nobody, to: pb/open}", "unknown model `pa/nobody`"),
        ("{of: pa/frontier-1, to: pb/nobody}", "unknown model `pb/nobody`"),
        ("{of: pa/frontier-1, to: pb/open, opt_in: maybe}", "`maybe` is not one of"),
        ("{of: pa/frontier-1, by: price, max_price: cheap}", "`cheap` is not an amount"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, message: str) -> None:
    assert message in "\n".join(
        map(str, problems(HEAD + BASE + "fallback:\n  one: " + text + "\n"))
    )
