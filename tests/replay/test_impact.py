"""``bailiwick impact``: the story's tables, what follows from them and what does not."""

import json
from pathlib import Path

import pytest

from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from bailiwick.replay.impact import compute, read_claims, read_table
from replay.replay_help import bailiwick

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
MARKET = EXAMPLES / "market" / "market.csv"


def document(*words: object) -> dict:
    done = bailiwick("impact", *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_market_table_gives_growth_and_the_share_outside_the_us() -> None:
    found = document(MARKET, "--policy", EXAMPLES / "reported.yaml", "--at", "2026-06-30")

    growth = {name: round(100 * rate, 1) for name, rate in found["growth"].items()}
    assert growth == {
        "United States": 37.4, "European Union": 20.2, "Asia-Pacific without China": 15.5,
        "China": 34.2, "Rest of world": 18.3,
    }  # fmt: skip
    assert found["about"] == "as reported in June 2026, unverified"
    (opus,) = [one for one in found["exposure"] if "anthropic/claude-3.5-opus" in one["models"]]
    shares = {year: round(sums["share_refused"][0], 3) for year, sums in opus["columns"].items()}
    assert shares == {"2024": 0.526, "2025": 0.5, "2026": 0.472}
    assert opus["regions"]["European Union"] == "blocked"
    outside = found["outside"]
    assert outside["all_but"] == "United States"
    assert [(one["value"], round(one["share"], 3)) for one in outside["columns"].values()] == [
        (50, 0.526), (62, 0.5), (76, 0.472),
    ]  # fmt: skip


def test_people_are_told_what_the_tables_say_and_what_does_not_follow() -> None:
    market = words(MARKET, "--policy", EXAMPLES / "reported.yaml", "--at", "2026-06-30")
    benchmarks = words(EXAMPLES / "market" / "benchmarks.csv")

    for line in (
        "United States 45 62 85 37.4%",
        "European Union 18 22 26 20.2%",
        "Asia-Pacific without China 12 14 16 15.5%",
        "China 15 20 27 34.2%",
        "Rest of world 5 6 7 18.3%",
        "all 95 124 161 30.2%",
        "all but United States 50 (52.6%) 62 (50.0%) 76 (47.2%)",
        "US-only access reduces the addressable market by 60 % 60.0% 47.2% DOES NOT FOLLOW",
        "markets outside the US are a 30 billion opportunity 30 76 DOES NOT FOLLOW",
        "the US grows at nearly double the rate of the EU 1.7 to 2 1.85 follows",
        "the US grows at nearly double the rate of Asia-Pacific 1.7 to 2 2.42 DOES NOT FOLLOW",
        "gpt-4o is US-only 100.0% 0.0% DOES NOT FOLLOW",
        "CONTRADICTION: `gpt-4o is US-only` and `gpt-4o is fully available in the EU` cannot both",
    ):
        assert line in market
    for line in (
        "the gap on MMLU-Pro is 3 to 5 points, best against worst 3 to 5 5.1 DOES NOT FOLLOW",
        "the gap on HumanEval is 6 to 8 points, best against best 6 to 8 7.9 follows",
        "the gap on HumanEval is 6 to 8 points, mean against mean 6 to 8 8.8 DOES NOT FOLLOW",
    ):
        assert line in benchmarks


def words(*given: object) -> str:
    """Run the command; give what it prints without the lines of its tables."""
    text = bailiwick("impact", *given).stdout
    return " ".join(text.translate(dict.fromkeys(map(ord, "│┃━─┏┓└┘┡┩╇┳┴"), " ")).split())


def test_a_region_that_is_refused_in_part_gives_bounds() -> None:
    found = document(MARKET, "--policy", EXAMPLES / "reported.yaml", "--at", "2026-06-30")

    (gpt,) = [one for one in found["exposure"] if "openai/gpt-4o" in one["models"]]
    low, high = gpt["columns"]["2026"]["share_refused"]
    assert low == pytest.approx(27 / 161)
    assert high == pytest.approx((27 + 7) / 161)


def test_what_the_story_says_of_its_market_follows_or_does_not() -> None:
    found = document(MARKET, "--policy", EXAMPLES / "reported.yaml", "--at", "2026-06-30")

    follows = {one["says"]: one["follows"] for one in found["claims"]}
    assert follows == {
        "US-only access reduces the addressable market by 60 %": False,
        "markets outside the US are a 30 billion opportunity": False,
        "the US grows at nearly double the rate of the EU": True,
        "the US grows at nearly double the rate of Asia-Pacific": False,
        "the US grows by 37 % a year": True,
        "the EU grows by 20 % a year": True,
        "Asia-Pacific without China grows by 15 % a year": True,
        "China grows by 34 % a year": True,
        "the rest of the world grows by 18 % a year": True,
        "gpt-4o is US-only": False,
        "gpt-4o is fully available in the EU": True,
    }
    assert found["contradictions"] == [["gpt-4o is US-only", "gpt-4o is fully available in the EU"]]


def test_what_the_story_says_of_benchmarks_follows_or_does_not() -> None:
    found = document(EXAMPLES / "market" / "benchmarks.csv")

    assert [(round(one["computed"], 2), one["follows"]) for one in found["claims"]] == [
        (3.6, True), (4.1, True), (5.1, False), (7.9, True), (8.8, False), (11.6, False),
    ]  # fmt: skip


def test_a_claim_that_does_not_follow_can_fail_a_build() -> None:
    done = bailiwick("impact", EXAMPLES / "market" / "benchmarks.csv", "--strict")

    assert done.returncode == 1
    assert "DOES NOT FOLLOW" in done.stdout
    assert "source: news story, June 2026, unverified, as of 2026-06-30" in done.stdout


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("region,2024\nA,1\nA,2\n", ":3: `A` is there twice"),
        ("region,2024\nA,1\nB,x\n", ":3: `x` is no number"),
        ("region,2024\nA,1,2\n", ":2: 3 cells, not 2"),
        ("region\n", "has no table"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, text: str, wanted: str) -> None:
    (tmp_path / "t.csv").write_text(text)

    with pytest.raises(InvalidInput) as caught:
        read_table(tmp_path / "t.csv")

    assert wanted in str(caught.value)


def test_a_region_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("region,2024\nEurope-ish,1\n")

    done = bailiwick("impact", tmp_path / "t.csv", "--policy", EXAMPLES / "reported.yaml")

    assert done.returncode == 2
    assert "`Europe-ish` is no place and no group" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "().__class__",
        "1 if 1 else 2",
        "value(1)",
        "2 ** 9",
        "1 / 0",
        "(",
        "open('x')",
    ],
)
def test_an_expression_can_only_compute(text: str) -> None:
    with pytest.raises(InvalidInput):
        compute(text, {"value": lambda name: 1.0})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("claims: 1\nchecks: [{says: x}]\n", "c.yaml:2:10: a check needs"),
        ("claims: 1\nregions: {A: {use: NOWHERE}}\n", "unknown group `NOWHERE`"),
        ("claims: 1\nregions: {A: {include: []}}\n", "region `A` has no places"),
        ("claims: 2\n", "begin it with `claims: 1`"),
        ("claims: 1\nextra: 2\n", "c.yaml:2:1: unknown key `extra`"),
    ],
)
def test_a_wrong_file_of_claims_is_refused(text: str, wanted: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_claims(parse_document(text, "c.yaml"))

    assert wanted in str(caught.value)
