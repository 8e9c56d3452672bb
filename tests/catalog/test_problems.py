"""Every mistake in a catalogue file is told in one run, at its line, with help."""

import re
from collections.abc import Callable

import pytest

Refuse = Callable[..., list[str]]

WRONG = """\
catalog: 2
colour: red
defaults: {source: "https://example.com", as_of: 2026-06, status: rumoured}
providers: {acme: {country: UK}, Bad: {country: DE}, globex: {}}
models:
  acme/one:
    family: One
    openness: closed
    aliases: {api: [a b, "naïve"], fax: [x]}
    context_tokens: 200_000
    output_tokens: {value: 0, page: 3}
    modalities: {input: [text, smell], output: text}
    prices: {input: -1, output: 1e3, yearly: 2}
    scores: {"Human Eval": 90}
    as_of: 2026-02-30
  acme: {family: x}
  acme/a/b: {family: x}
  acme/two: three
"""


def test_every_problem_is_told_in_one_run(refuse: Refuse) -> None:
    told = [re.split(r"\nhelp: |(?<=is not one of) ", one)[0] for one in refuse(WRONG)]

    assert told == [
        "one.yaml:1:10: `2` is not one of",
        "one.yaml:2:1: unknown key `colour`",
        "one.yaml:3:67: `rumoured` is not one of",
        "one.yaml:4:29: `UK` is not a country",
        "one.yaml:4:34: `Bad` is not the name of a provider",
        "one.yaml:4:62: missing key `country`",
        "one.yaml:7:13: `One` is not a plain word",
        "one.yaml:8:15: `closed` is not one of",
        "one.yaml:9:21: `a b` is not the name of a model",
        "one.yaml:9:26: `naïve` is not the name of a model",
        "one.yaml:9:36: unknown key `fax`",
        "one.yaml:10:21: `200_000` is not a number of tokens",
        "one.yaml:11:28: `0` is not a number of tokens",
        "one.yaml:11:31: unknown key `page`",
        "one.yaml:12:32: `smell` is not one of",
        "one.yaml:12:48: `output` needs a list",
        "one.yaml:13:21: `-1` is not an amount",
        "one.yaml:13:33: `1e3` is not an amount",
        "one.yaml:13:38: unknown key `yearly`",
        "one.yaml:14:14: `Human Eval` is not a plain word",
        "one.yaml:15:12: `2026-02-30` is not a date",
        "one.yaml:16:3: `acme` is not the id of a model",
        "one.yaml:17:3: `acme/a/b` is not the id of a model",
        "one.yaml:18:13: `acme/two` needs keys with values, as in `key: value`",
    ]


def test_nearly_every_problem_comes_with_help(refuse: Refuse) -> None:
    without = [
        problem for problem in refuse(WRONG) if not re.search("\nhelp: |is not one of", problem)
    ]

    assert without == [
        "one.yaml:4:62: missing key `country`",
        "one.yaml:12:48: `output` needs a list",
        "one.yaml:18:13: `acme/two` needs keys with values, as in `key: value`",
    ]


def test_a_broken_entry_hides_no_problem_of_another(small: str, refuse: Refuse) -> None:
    wrong = small.replace("200000", "many").replace("    family: two\n", "")

    assert [problem.split("\n")[0] for problem in refuse(wrong)] == [
        "one.yaml:9:21: `many` is not a number of tokens",
        "one.yaml:12:3: model `globex/two`: `family` is missing",
    ]


def test_a_broken_default_is_told_once_and_not_for_every_figure(small: str, refuse: Refuse) -> None:
    told = refuse(small.replace("as_of: 2026-05-01", "as_of: soon"))

    assert [problem.split("\n")[0] for problem in told] == ["one.yaml:2:57: `soon` is not a date"]


def test_a_broken_entry_brings_no_false_alarm_in_the_next_file(small: str, refuse: Refuse) -> None:
    later = "catalog: 1\nmodels: {acme/one: {aliases: {other: [uno]}}}\n"

    told = refuse(small.replace("family: one", "family: [one]"), later)

    assert [problem.split("\n")[0] for problem in told] == [
        "one.yaml:6:13: `family` is not a plain word",
    ]


def test_a_figure_without_source_or_date_is_refused(small: str, refuse: Refuse) -> None:
    bare = small.replace(
        'defaults: {source: "https://example.com/models", as_of: 2026-05-01}\n', ""
    )

    told = refuse(bare)

    assert (
        "one.yaml:8:21: model `acme/one`: `context_tokens` has no `source`\n"
        "help: give `source` with the figure, the entry, or under `defaults`" in told
    )
    assert any("`scores.humaneval` has no `as_of`" in problem for problem in told)
    assert any("model `globex/two`: `entry` has no `source`" in problem for problem in told)


def test_a_source_that_is_one_word_must_be_named_in_the_file(small: str, refuse: Refuse) -> None:
    assert refuse(small.replace('"https://example.com/models"', "papper")) == [
        (
            "one.yaml:2:20: unknown source `papper`\n"
            "help: give it under `sources` of this file, or write a URL or a description"
        )
    ]


def test_a_new_model_needs_family_openness_and_a_provider(small: str, refuse: Refuse) -> None:
    later = """\
catalog: 1
defaults: {source: "a page", as_of: 2026-06}
models:
  acme/onee: {prices: {input: 1}}
  hooli/five: {family: five, openness: open}
"""

    assert refuse(small, later) == [
        "two.yaml:4:3: model `acme/onee`: `family` is missing\nhelp: did you mean `acme/one`?",
        "two.yaml:4:3: model `acme/onee`: `openness` is missing\nhelp: did you mean `acme/one`?",
        (
            "two.yaml:5:3: model `hooli/five`: unknown provider `hooli`\n"
            "help: add `hooli: {country: ...}` under `providers`"
        ),
    ]


@pytest.mark.parametrize("text", ["just text", "- a\n- list", "catalog: [1]", "models: {}"])
def test_a_file_of_another_shape_is_refused_and_not_a_crash(text: str, refuse: Refuse) -> None:
    (problem, *_) = refuse(text)

    assert problem.startswith("one.yaml:1:")


@pytest.mark.parametrize("part", ["providers", "models", "sources", "defaults"])
def test_a_part_of_another_shape_is_refused_and_not_a_crash(part: str, refuse: Refuse) -> None:
    assert refuse(f"catalog: 1\n{part}: none") == [
        f"one.yaml:2:{len(part) + 3}: `{part}` needs keys with values, as in `key: value`"
    ]


@pytest.mark.parametrize(
    "date",
    [
        "2026",
        "2026-13",
        "2026-6",
        "26-06-01",
        "2026-06-1",
        "2026/06/01",
        "1780000000",
        "\u0662026-06",
    ],
)
def test_a_date_is_a_day_or_a_month(date: str, small: str, refuse: Refuse) -> None:
    (problem,) = refuse(small.replace("2026-05-01", date))

    assert problem.endswith("help: write a day as 2026-06-30, or a month as 2026-06")


@pytest.mark.parametrize("country", ["de", "EU", "UK", "XX", "ZZ", "DEU", "D", "\uff24\uff25"])
def test_a_provider_has_the_seat_of_a_known_country(
    country: str, small: str, refuse: Refuse
) -> None:
    (problem,) = refuse(small.replace("country: DE", f"country: {country}"))

    assert f"`{country}` is not a country" in problem


@pytest.mark.parametrize("amount", ["nan", "inf", "-0", "+1", ".5", "1.", "1,5", "0x1", "\u0661"])
def test_an_amount_is_a_plain_number(amount: str, small: str, refuse: Refuse) -> None:
    (problem,) = refuse(small.replace("75.50", f'"{amount}"'))

    assert f"`{amount}` is not an amount" in problem
