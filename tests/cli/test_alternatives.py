"""Alternatives, comparisons and gaps from the command line, on the example policies."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
REPORTED = EXAMPLES / "reported.yaml"


def bailiwick(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bailiwick", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_berlin_finds_what_it_may_use_instead() -> None:
    done = bailiwick(
        "alternatives", "-p", REPORTED, "-m", "claude-3.5-opus", "--from", "DE",
        "--context", 100000, "--min", "mmlu_pro=84", "--max-price", 5, "--json",
    )  # fmt: skip

    found = json.loads(done.stdout)
    fitting = [one["model"] for one in found["alternatives"] if one["fits"]]
    assert done.returncode == 0
    assert found["decision"]["effect"] == "deny"
    assert fitting == ["openai/gpt-4o", "meta/llama-3.1-405b", "mistral/mistral-large-2"]
    gpt = found["alternatives"][0]
    assert gpt["differences"][0] == "context -72000 (-36%)"
    assert gpt["scores"]["mmlu_pro"]["source"] == "news story, June 2026, unverified"
    assert gpt["scores"]["mmlu_pro"]["status"] == "reported"


def test_a_whole_contract_in_one_pass_fits_nowhere() -> None:
    done = bailiwick(
        "alternatives", "-p", REPORTED, "-m", "claude-3.5-opus", "--from", "DE", "--context", 180000,
    )  # fmt: skip

    assert done.returncode == 1
    assert "3 permitted models do not fit" in done.stdout
    assert "not known" in done.stdout


def test_the_gap_of_the_story_is_what_its_table_says() -> None:
    done = bailiwick("catalog", "gap", "--catalog", EXAMPLES / "reported_catalog.yaml", "--json")

    gaps = {one["benchmark"]: one["gap"] for one in json.loads(done.stdout)}
    assert gaps == {"mmlu_pro": 3.6, "humaneval": 7.9, "needle_128k": 4.2}


def test_two_models_are_compared_figure_by_figure() -> None:
    done = bailiwick("catalog", "compare", "gpt-4o", "claude-opus-4-1", "--json")

    figures = {one["name"]: one for one in json.loads(done.stdout)["figures"]}
    assert figures["context"]["change"] == 72000
    assert figures["price input"]["before"]["source"]


def test_what_cannot_be_read_is_told() -> None:
    base = ("alternatives", "-p", REPORTED, "-m", "claude-3.5-opus", "--from")

    assert "did you mean `DE`?" in bailiwick(*base, "Germany").stderr
    assert "unknown feature `fly`" in bailiwick(*base, "DE", "--needs", "fly").stderr
    assert (
        "no model of the catalogue has a score of" in bailiwick(*base, "DE", "--min", "x=1").stderr
    )
    assert bailiwick("catalog", "compare", "gpt-4o", "nobody").returncode == 2
