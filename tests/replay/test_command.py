"""``bailiwick replay`` as a person uses it."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, validate

from bailiwick.replay.report import render
from replay.replay_help import DE, MISTRAL, NEW, OLD, OPUS, RU, US, bailiwick, line

SCHEMA = json.loads(bailiwick("replay", "--schema").stdout)
LINES = [
    *[line(US, OPUS, "acc_us")] * 4,
    *[line(DE, OPUS, "acc_de")] * 3,
    line(DE, MISTRAL, "acc_de"),
    *[line(RU, MISTRAL, "<script>alert(1)</script>")] * 2,
    "a half line",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "new.yaml").write_text(NEW)
    (tmp_path / "old.yaml").write_text(OLD)
    (tmp_path / "access.log").write_text("\n".join(LINES) + "\n")
    return tmp_path


def replay(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return bailiwick(
        "replay", folder / "access.log", "--policy", folder / "new.yaml",
        "--baseline", folder / "old.yaml", "--at", "2026-07-01", *words,
    )  # fmt: skip


def test_it_says_whom_the_change_would_refuse(folder: Path) -> None:
    done = replay(folder)

    assert done.returncode == 0, done.stderr
    assert "would newly refuse 3 of 10 requests (30.0 %) of 1 of 3 accounts" in done.stdout
    assert (
        "From 2026-09-01 (no-russia begins): the same traffic would see 5 requests" in done.stdout
    )
    assert "11 rows read: 10 judged, 1 skipped." in done.stdout
    assert f"{folder / 'access.log'}:11" in done.stdout


def test_the_document_adds_up(folder: Path) -> None:
    found = json.loads(replay(folder, "--json").stdout)

    validate(found, SCHEMA)
    assert found["schema"] == "bailiwick.replay/1"
    assert found["partial"] is False
    assert found["rows"]["read"] == found["rows"]["judged"] + found["rows"]["skipped"] == 11
    for group in ("by_country", "by_model", "by_day"):
        assert sum(one["requests"] for one in found[group]) == 10, group
    for group in ("by_country", "by_model", "by_day", "by_layer", "by_reason"):
        assert sum(one["newly_denied"]["requests"] for one in found[group]) == 3, group
    assert found["by_layer"][0]["layer"] == "edge"
    assert found["by_reason"][0]["reason"] == "permit.none operator"
    assert found["accounts"]["top"][0]["name"] == "acc_de"
    assert found["accounts"]["top"][0]["places"] == ["DE"]
    (example,) = [one for one in found["examples"] if one["change"] == "newly_denied"]
    assert example["at"] == f"{folder / 'access.log'}:5"
    assert "address were" in example["would_be_permitted_if"][0]
    assert found["beyond_diff"]["compared"]
    assert 0 < found["beyond_diff"]["met_by_traffic"] < found["beyond_diff"]["differences"]
    assert found["method"]["location"][0]["built_at"]


def test_a_result_without_a_baseline_or_with_too_many_differences_fits_the_schema(
    folder: Path,
) -> None:
    words = ("replay", folder / "access.log", "-p", folder / "new.yaml", "--json")

    found = json.loads(bailiwick(*words, "--at", "recorded").stdout)

    Draft202012Validator.check_schema(SCHEMA)
    validate(found, SCHEMA)
    assert found["beyond_diff"]["compared"] is False
    assert found["method"]["baseline"] is None


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("accounts_newly_denied > 0", 1),
        ("accounts_newly_denied > 1", 0),
        ("share_newly_denied >= 30%", 1),
        ("rows_skipped == 1", 1),
    ],
)
def test_a_condition_decides_the_exit_status(folder: Path, condition: str, status: int) -> None:
    assert replay(folder, "--fail-if", condition).returncode == status


@pytest.mark.parametrize("condition", ["accounts_newly_refused > 1", "accounts", "cost_usd > x"])
def test_a_wrong_condition_is_refused_before_anything_is_read(folder: Path, condition: str) -> None:
    done = replay(folder, "--fail-if", condition, "--format", "no such format")

    assert done.returncode == 2
    assert "condition" in done.stderr or "no figure is called" in done.stderr


def test_the_report_needs_nothing_from_anywhere(folder: Path) -> None:
    replay(folder, "--html", folder / "report.html")

    text = (folder / "report.html").read_text()
    assert "would newly refuse 3 of 10 requests" in text
    assert "<script" not in text
    assert not re.search(r"(?:src|href)\s*=|@import|url\((?!#)", text)
    assert text.count("<caption>") == text.count("<table>") > 5
    assert text.count("<svg") == 3
    assert "Russia" in text
    assert "from 2026-09-01" in text


def test_the_report_is_drawn_from_the_document_and_escapes_what_is_in_it(folder: Path) -> None:
    document = json.loads(replay(folder, "--json").stdout)
    document["accounts"]["top"][0]["name"] = "<script>alert(1)</script>"
    document["by_model"][0]["name"] = "<script>alert(2)</script>"

    text = render(document)

    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "&lt;script&gt;alert(2)" in text


def test_stopping_leaves_a_report_that_says_it_is_partial(folder: Path) -> None:
    log = folder / "access.log"
    log.write_text("\n".join(LINES * 40_000))
    words = [
        "replay",
        log,
        *[log] * 60,
        "--policy",
        folder / "new.yaml",
        "--json",
        "--html",
        folder / "r.html",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().strip() == "begun"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)

    assert process.returncode == 130, err
    found = json.loads(out)
    validate(found, SCHEMA)
    assert found["partial"] is True
    assert found["method"]["chunks"]["read"] < found["method"]["chunks"]["all"]
    assert found["rows"]["read"] == found["rows"]["judged"] + found["rows"]["skipped"] > 0
    assert "Partial: the replay was stopped" in (folder / "r.html").read_text()


RUN = """
import signal, sys
from contextlib import contextmanager
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have been ignored around us
from bailiwick.cli import main, replay
@contextmanager
def bar(whole):
    told = []
    def progress(size, rows):
        if rows and not told:
            told.append(print("begun", file=sys.stderr, flush=True))
    yield progress
replay.progress_bar = bar
main()
"""


def test_account_evidence_comes_from_a_csv_file(folder: Path) -> None:
    (folder / "accounts.csv").write_text("account,billing,labels\nacc_us,DE,a|b\nacc_de,,none\n")

    done = replay(
        folder, "--accounts", folder / "accounts.csv", "--fail-if", "requests_newly_denied == 7"
    )

    assert done.returncode == 1, done.stderr


def test_a_wrong_accounts_file_is_refused_with_its_line(folder: Path) -> None:
    (folder / "accounts.csv").write_text("account,billing\nacc_us,Germania\n")

    done = replay(folder, "--accounts", folder / "accounts.csv")

    assert done.returncode == 2
    assert f"{folder / 'accounts.csv'}:2: `billing`: unknown place `Germania`" in done.stderr


def test_account_evidence_comes_from_an_account_database(folder: Path) -> None:
    from bailiwick.accounts import AccountDatabase

    database = AccountDatabase.open(
        f"sqlite:///{folder / 'accounts.db'}", folder / "accounts.secret", create=True
    )
    for account, place in (("acc_us", "DE"), ("acc_de", "US")):
        database.add_account(account, id=account, actor="t", reason="t")
        database.set_evidence(
            account, "billing", [place], source="bank", tier="T2", actor="t", reason="t"
        )

    done = replay(
        folder, "--accounts", folder / "accounts.db", "--fail-if", "requests_newly_denied == 7"
    )

    assert done.returncode == 1, done.stderr


def test_the_command_does_not_wait_for_libraries_that_it_does_not_need() -> None:
    code = "import sys, bailiwick.cli; print({'numpy', 'pyarrow', 'ray'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "pyarrow" not in done.stdout
    assert "ray" not in done.stdout


def test_prices_are_those_of_alternatives(folder: Path) -> None:
    priced = """
catalog: 1
defaults: {source: own contract, as_of: 2026-06, status: reported}
models:
  anthropic/claude-opus-4-1:
    family: claude
    openness: restricted
    prices: {input: 1000000}
...
"""
    (folder / "own.yaml").write_text(priced)
    (folder / "new.yaml").write_text(NEW.replace("name: new", "name: new\ncatalog: own.yaml"))
    (folder / "t.csv").write_text(f"model,address,tokens_in\n{OPUS},{DE},3\n")

    done = bailiwick(
        "replay", folder / "t.csv", "-p", folder / "new.yaml", "--at", "2026-07-01", "--json"
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["summary"]["cost_usd"] == 3
    assert found["method"]["prices"][0]["source"].startswith("own contract")
