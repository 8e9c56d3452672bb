"""``bailiwick ownership`` on real files, from data to the evidence of an account."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

POLICY = """\
bailiwick: 1
name: t
ownership:
  half: {threshold: ">= 50%", seeds: {listed: lists/listed.txt}}
rules: [{id: owned, deny: "*", where: {ownership: {half: "yes"}}}, {id: p, permit: "*"}]
...
"""


def bailiwick(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bailiwick", *map(str, words)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "listed.txt").write_text("REG:1\n")
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "h.csv").write_text("holder,subject,share\nREG:1,mid,50\nmid,acme,50\nx,open,?\n")
    return tmp_path


def test_the_chain_is_shown_link_by_link(folder: Path) -> None:
    done = bailiwick(folder, "ownership", "check", "h.csv", "--rule", "half", "--policy", "policy.yaml", "--entity", "acme", "--explain")  # fmt: skip

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "REG:1 yes: listed as `REG:1` (lists/listed.txt:1:1)",
        "mid yes",
        "    REG:1 holds 50 %; counts",
        "    counted: 50 %, asked 50 % or more",
        "acme yes",
        "    mid holds 50 %; counts",
        "    counted: 50 %, asked 50 % or more",
    ]


def test_everybody_is_listed_for_people_and_for_programs(folder: Path) -> None:
    words = ("ownership", "check", "h.csv", "--rule", "half", "--policy", "policy.yaml")

    shown = bailiwick(folder, *words)
    document = json.loads(bailiwick(folder, *words, "--json", "--explain").stdout)

    assert shown.returncode == 0
    assert "acme" in shown.stdout
    assert {one["id"]: one["owned"] for one in document["entities"]} == {
        "REG:1": "yes", "mid": "yes", "acme": "yes", "x": "unknown_share", "open": "no",
    }  # fmt: skip
    assert [one["id"] for one in document["entities"][2]["chain"]] == ["REG:1", "mid", "acme"]


def test_an_outcome_becomes_evidence_of_an_account(folder: Path) -> None:
    database = ("--database", "a.db")
    bailiwick(folder, "accounts", "add", "Acme", "--id", "acme", *database)

    done = bailiwick(folder, "ownership", "apply", "h.csv", "--rule", "half", "--policy", "policy.yaml", "--account", "acme=acme", "--tier", "T1", "--source", "register", *database)  # fmt: skip
    shown = json.loads(bailiwick(folder, "accounts", "show", "acme", "--json", *database).stdout)

    assert done.returncode == 0, done.stderr
    assert [(one["kind"], one["value"], one["tier"], one["source"]) for one in shown["evidence"]] == [("ownership.half", "yes", "T1", "register")]  # fmt: skip


def test_the_tests_of_a_used_pack_are_put_too(folder: Path) -> None:
    pack = folder / "packs" / "pack.yaml"
    pack.parent.mkdir()
    (pack.parent / "theirs.txt").write_text("REG:1\n")
    pack.write_text(PACK)
    (folder / "main.yaml").write_text(
        "bailiwick: 1\nname: main\nuse: [packs/pack.yaml]\n"
        "rules:\n  - {id: all, permit: '*'}\n...\n"
    )

    done = bailiwick(
        folder, "ownership", "check", "h.csv", "--rule", "theirs", "--policy", "main.yaml", "--json"
    )

    owned = {one["id"]: one["owned"] for one in json.loads(done.stdout)["entities"]}
    assert owned["acme"] == "yes"
    assert owned["open"] == "no"


PACK = """
bailiwick: 1
name: pack
authority: provider/pack
ownership:
  theirs: {threshold: ">= 50%", seeds: {listed: theirs.txt}}
rules:
  - {id: any, permit: "*"}
  - {id: owned, deny: "*", where: {ownership: {theirs: [yes, unknown]}}}
...
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--rule", "halv", "--policy", "policy.yaml"), "the policy has no ownership test `halv`\nhelp: it has: half\n"),
        (("--rule", "half"), "there is no `bailiwick.yaml` here\nhelp: name a policy with --policy, or use --config\n"),
        (("--rule", "half", "--policy", "policy.yaml", "--entity", "ACME"), "`ACME` is nobody in the files\nhelp: ids are those of the files\n"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_told(folder: Path, words: tuple[str, ...], expected: str) -> None:
    done = bailiwick(folder, "ownership", "check", "h.csv", *words)

    assert (done.returncode, done.stderr) == (2, expected)


def test_bad_rows_are_all_told_and_nothing_is_judged(folder: Path) -> None:
    (folder / "h.csv").write_text("holder,subject,share\na,b,half\nc,d,120\n")

    done = bailiwick(folder, "ownership", "check", "h.csv", "--rule", "half", "--policy", "policy.yaml")  # fmt: skip

    assert done.returncode == 2
    assert "h.csv:2: `half` is not a share" in done.stderr
    assert "h.csv:3: share `120` is not between 0 and 100 %" in done.stderr
    assert done.stdout == ""


def test_a_policy_whose_list_is_missing_is_told_of_it(folder: Path) -> None:
    (folder / "lists" / "listed.txt").unlink()

    checked = bailiwick(folder, "policy", "check", "policy.yaml", "--strict")
    explained = bailiwick(folder, "policy", "explain", "policy.yaml", "ownership.half")

    assert "policy.yaml:4:3: warning: ownership test `half`: there is no file `lists/listed.txt`" in checked.stderr  # fmt: skip
    assert "ownership.half: 50 % or more held by listed owners" in explained.stdout
    assert "lists: lists/listed.txt" in explained.stdout
