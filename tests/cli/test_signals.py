"""``bailiwick signals`` on a real audit log, up to the case that a reviewer gets."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bailiwick.audit import AuditLog

BEGIN = datetime(2026, 7, 6, 8, tzinfo=UTC)


def bailiwick(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bailiwick", *map(str, words)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )


def write_log(folder: Path) -> None:
    """Write what a key used from four countries on two days leaves behind."""
    moment = BEGIN

    def clock() -> datetime:
        return moment

    log = AuditLog.open(folder / "audit", node="n1", worker="0", clock=clock)
    for day in range(2):
        for hour, country in enumerate(["US", "DE", "FR", "JP"]):
            moment = BEGIN + timedelta(days=day, hours=hour)
            log.append_nowait(
                {
                    "kind": "decision", "id": f"dec_{day}_{hour}", "account": "acme", "key": "key_1",
                    "address": {"network": "192.0.2.0/24", "pseudonym": "2026-07.k:x"},
                    "cell": [[40, -74, 100], [53, 13, 100], [49, 2, 100], [36, 140, 100]][hour],
                    "build": "2026-07.k:b",
                    "evidence": {"address": [country], "network": ["residential"]},
                }
            )  # fmt: skip
    log.append_nowait({"kind": "decision", "id": "dec_n", "account": None, "key": None})
    log.append_nowait({"kind": "outcome", "id": "dec_n"})
    log.close()


def test_signals_of_a_real_log_open_a_review_and_suspend_nobody(tmp_path: Path) -> None:
    write_log(tmp_path)
    (tmp_path / "policy.yaml").write_text("bailiwick: 1\nname: t\nrules: [{id: p, permit: '*'}]\n")
    bailiwick(tmp_path, "accounts", "add", "Acme", "--id", "acme", "--database", "a.db")

    found = bailiwick(tmp_path, "signals", "find", "audit", "--json")
    words = [
        "signals",
        "find",
        "audit",
        "--open-cases",
        "--policy",
        "policy.yaml",
        "--database",
        "a.db",
        "--json",
    ]
    opened = bailiwick(tmp_path, *words)
    shown = bailiwick(tmp_path, "accounts", "show", "acme", "--database", "a.db", "--json")

    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert [(one["signal"], one["level"]) for one in document["signals"]] == [("shadow.countries", "review")]  # fmt: skip
    assert [one.partition(":")[0] for one in document["unavailable"]] == [
        "cards, payers, addresses and declared networks"
    ]
    assert opened.returncode == 0, opened.stderr
    (case,) = json.loads(opened.stdout)["cases"]
    assert json.loads(shown.stdout)["summary"]["status"] == "in_review"

    again = bailiwick(tmp_path, *words)
    bailiwick(
        tmp_path,
        "accounts",
        "case",
        case,
        "--decide",
        "cleared",
        "--reason",
        "travels",
        "--policy",
        "policy.yaml",
        "--database",
        "a.db",
    )
    judged = bailiwick(tmp_path, *words)
    assert json.loads(again.stdout)["cases"] == [case]
    assert json.loads(judged.stdout)["cases"] == []


def write_shared_log(folder: Path) -> None:
    """Write what six accounts behind one rented machine leave behind in three days."""
    moment = BEGIN

    def clock() -> datetime:
        return moment

    log = AuditLog.open(folder / "audit", node="n1", worker="0", clock=clock)
    for day in range(3):
        for number in range(6):
            moment = BEGIN + timedelta(days=day, minutes=number)
            log.append_nowait(
                {
                    "kind": "decision", "id": f"dec_{day}_{number}", "account": f"a{number}",
                    "key": f"key_{number}",
                    "address": {"network": "192.0.2.0/24", "pseudonym": "2026-07.k:x"},
                    "evidence": {"address": ["US"], "network": ["hosting"]},
                }
            )  # fmt: skip
    log.close()


def test_a_cluster_of_a_real_log_is_one_case_that_clears_them_all(tmp_path: Path) -> None:
    write_shared_log(tmp_path)
    (tmp_path / "policy.yaml").write_text("bailiwick: 1\nname: t\nrules: [{id: p, permit: '*'}]\n")
    (tmp_path / "bailiwick.yaml").write_text("policy: policy.yaml\nsignals: {mute: 30d}\n")
    for number in range(6):
        bailiwick(tmp_path, "accounts", "add", f"A{number}", "--id", f"a{number}")
    find = ("signals", "find", "audit", "--open-cases", "--json")

    (case,) = json.loads(bailiwick(tmp_path, *find).stdout)["cases"]
    shown = json.loads(bailiwick(tmp_path, "accounts", "case", case).stdout)
    decide = ("accounts", "case", case, "--decide", "cleared", "--reason", "one firm")
    one = bailiwick(tmp_path, *decide, "--account", "a3")
    rest = bailiwick(tmp_path, *decide)
    left = json.loads(bailiwick(tmp_path, "accounts", "cases", "--json").stdout)
    again = json.loads(bailiwick(tmp_path, *find).stdout)

    assert {about["account"]: about["status"] for about in shown["accounts"]} == {
        f"a{number}": "in_review" for number in range(6)
    }
    assert "a3: in_review -> active" in one.stdout
    assert "a4" not in one.stdout
    assert rest.stdout.count("in_review -> active") == 5
    assert left["cases"] == []
    assert again["cases"] == []


def test_declared_networks_and_thresholds_of_the_settings_lower_what_stands_out(
    tmp_path: Path,
) -> None:
    write_log(tmp_path)
    (tmp_path / "policy.yaml").write_text("bailiwick: 1\nname: t\nrules: [{id: p, permit: '*'}]\n")
    (tmp_path / "bailiwick.yaml").write_text("policy: policy.yaml\nsignals: {countries_a_day: 5}\n")
    bailiwick(tmp_path, "accounts", "add", "Acme", "--id", "acme")

    higher = bailiwick(tmp_path, "signals", "find", "audit", "--json")
    (tmp_path / "bailiwick.yaml").write_text("policy: policy.yaml\n")
    default = bailiwick(tmp_path, "signals", "find", "audit", "--json")
    (tmp_path / "bailiwick.yaml").write_text(
        "policy: policy.yaml\nsignals: {window: 10d, alike: 2}\n"
    )
    wrong = bailiwick(tmp_path, "signals", "find", "audit")

    assert json.loads(higher.stdout)["signals"] == []
    assert [one["signal"] for one in json.loads(default.stdout)["signals"]] == ["shadow.countries"]
    assert json.loads(default.stdout)["unavailable"] == []
    assert wrong.returncode == 2
    assert "between 1m and 6h" in wrong.stderr
    assert "alike" in wrong.stderr


def test_records_with_the_new_fields_are_verified_exported_and_replayed(tmp_path: Path) -> None:
    write_log(tmp_path)
    (tmp_path / "policy.yaml").write_text("bailiwick: 1\nname: t\nrules: [{id: p, permit: '*'}]\n")

    verified = bailiwick(tmp_path, "audit", "verify", "audit")
    exported = bailiwick(tmp_path, "audit", "export", "audit", "out.jsonl")
    parquet = bailiwick(tmp_path, "audit", "export", "audit", "out.parquet", "--format", "parquet")

    assert verified.returncode == 0, verified.stdout
    assert exported.returncode == 0
    assert '"cell":[40,-74,100]' in (tmp_path / "out.jsonl").read_text()
    assert parquet.returncode == 0, parquet.stderr


def test_a_simulation_says_who_is_left_alone(tmp_path: Path) -> None:
    done = bailiwick(tmp_path, "signals", "simulate", "--people", 10, "--days", 30, "--json")

    rates = json.loads(done.stdout)
    assert [one["reviewed"] for one in rates if one["fair"]] == [0] * 7
    assert all(one["reviewed"] == 10 for one in rates if not one["fair"])
