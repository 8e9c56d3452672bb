"""Continuity and migration from the command line, on a small log."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import validate

EXAMPLES = Path(__file__).parents[2] / "examples"
HEAD = ["at", "model", "account", "fact.address", "fact.network", "fact.features", "tokens_in", "tokens_out"]  # fmt: skip
POLICY = """
bailiwick: 1
name: here
catalog: reported_catalog.yaml
rules:
  - {id: all, permit: [anthropic/claude-3.5-opus, openai/gpt-4o, openai/gpt-4.1, mistral/mistral-large-2, meta/llama-3.1-405b]}
...
"""
AFTER = POLICY.replace("anthropic/claude-3.5-opus, ", "")
SCENARIO = """
scenarios: 1
list:
  - {name: frontier becomes US-only, from: 2026-07-01, policy: after.yaml}
  - {name: one leaves the EU, lose: {provider: openai, places: EU}}
hosting:
  meta/llama-3.1-405b: {fixed_per_month: 2000, unit_per_month: 9000, unit_tokens_per_second: 900}
...
"""


def bailiwick(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bailiwick", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy, its successor, a scenario, and a log: law reads 180k tokens at once, the shop 2k."""
    pytest.importorskip("pyarrow", reason="needs the extra `replay`")
    made = tmp_path_factory.mktemp("continuity")
    (made / "reported_catalog.yaml").write_text((EXAMPLES / "reported_catalog.yaml").read_text())
    (made / "policy.yaml").write_text(POLICY)
    (made / "after.yaml").write_text(AFTER)
    (made / "scenario.yaml").write_text(SCENARIO)
    law = ["claude-3.5-opus", "law", "DE", "residential", "", 180_000, 2000]
    shop = ["gpt-4o", "shop", "FR", "residential", "tools", 2000, 100]
    rows = [[f"2026-06-{day:02d}T12:00:00Z", *one] for day in range(1, 31) for one in (law, shop)]
    with (made / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [HEAD, *rows, ["2026-06-30T13:00:00Z", "", "x", "DE", "", "", 1, 1]]
        )
    return made


def test_losses_and_scenarios_are_assessed_from_a_log(folder: Path) -> None:
    done = bailiwick(
        "continuity", "-p", folder / "policy.yaml", "-t", folder / "log.csv",
        "--scenario", folder / "scenario.yaml", "--quality", "mmlu_pro", "--json",
    )  # fmt: skip

    found = json.loads(done.stdout)
    validate(found, json.loads(bailiwick("continuity", "--schema").stdout))
    losses = {one["name"]: one for one in found["losses"]}
    off = losses["anthropic/claude-3.5-opus is switched off"]
    only, eu = found["scenarios"]
    assert found["served"]["requests"] == 60
    assert found["rows"]["read"] == found["rows"]["used"] + found["rows"]["skipped"] == 61
    (skipped,) = found["rows"]["skipped_by_reason"]
    assert skipped["examples"] == [f"{folder / 'log.csv'}:62"]
    assert off["hit"]["requests_share"] == 0.5
    assert off["stands_in"] == {"openai/gpt-4.1": 30}
    assert off["kept"]["accounts"] == 1
    assert (only["name"], only["hit"]["requests"]) == ("frontier becomes US-only", 30)
    assert only["from"].startswith("2026-07-01")
    assert eu["hit"]["requests"] == 30
    assert losses["Germany (DE) becomes embargoed"]["does_not_fit"] == {
        "no model is permitted there any more": 30
    }
    assert (
        found["proposal"]["models"] == ["openai/gpt-4.1"] or found["proposal"]["method"] == "exact"
    )
    assert done.returncode == 1


def test_people_are_told_the_weakest_points_and_what_to_add(folder: Path) -> None:
    done = bailiwick("continuity", "-p", folder / "policy.yaml", "-t", folder / "log.csv")

    assert "weakest points, worst first" in done.stdout
    assert "to keep 99.0% under any single loss, add:" in done.stdout
    assert "read 61 rows, used" in done.stdout


def test_stopping_leaves_what_was_read_so_far_marked_partial(folder: Path) -> None:
    log = folder / "long.csv"
    text = (folder / "log.csv").read_text()
    log.write_text(text + text.partition("\n")[2] * 20_000)
    words = ["continuity", "-p", folder / "policy.yaml", *["-t", log] * 40, "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline().strip() == "begun"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)

    found = json.loads(out)
    assert process.returncode == 130, err
    assert found["partial"] is True
    assert found["rows"]["read"] == found["rows"]["used"] + found["rows"]["skipped"] > 0
    served = found["served"]["requests"] + found["denied_already"]["requests"]
    assert served == found["rows"]["used"] < 40 * 20_000 * 60


RUN = """
import signal, sys
from contextlib import contextmanager
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have been ignored around us
from bailiwick.cli import continuity, main
@contextmanager
def bar(whole):
    told = []
    def progress(size, rows):
        if rows and not told:
            told.append(print("begun", file=sys.stderr, flush=True))
    yield progress
continuity.progress_bar = bar
main()
"""


def test_a_migration_says_which_requests_do_not_fit(folder: Path) -> None:
    done = bailiwick(
        "migrate", "--from", "claude-3.5-opus", "--to", "gpt-4o", "-t", folder / "log.csv",
        "--catalog", EXAMPLES / "reported_catalog.yaml", "--json",
    )  # fmt: skip

    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert (found["requests"], found["fit"]) == (30, 0)
    assert [(one["why"], one["requests"]) for one in found["misfits"]] == [("context", 30)]
    assert found["longest_context"] == 182_000
    assert {one["what"] for one in found["notes"]} >= {"streaming", "tools"}


def test_what_cannot_be_used_is_told(folder: Path) -> None:
    base = ("continuity", "-p", folder / "policy.yaml", "-t", folder / "log.csv")

    assert "is not a share" in bailiwick(*base, "--target", 99).stderr
    assert "neither `quality` nor `price`" in bailiwick(*base, "--prefer", "luck").stderr
    assert bailiwick(*base[:-1], folder / "none.csv").returncode == 2
