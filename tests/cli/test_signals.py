"""``bailiwick accounts signals`` on a real audit log, up to the case that a reviewer gets."""

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
                    "address": {"network": "192.0.2.0/24", "hash": "x"},
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

    found = bailiwick(tmp_path, "accounts", "signals", "audit", "--json")
    opened = bailiwick(tmp_path, "accounts", "signals", "audit", "--open-cases", "--policy", "policy.yaml", "--database", "a.db", "--json")  # fmt: skip
    shown = bailiwick(tmp_path, "accounts", "show", "acme", "--database", "a.db", "--json")

    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert [(one["signal"], one["level"]) for one in document["signals"]] == [("shadow.countries", "review")]  # fmt: skip
    assert document["travel"].startswith("shadow.travel: unavailable")
    assert opened.returncode == 0, opened.stderr
    assert len(json.loads(opened.stdout)["cases"]) == 1
    assert json.loads(shown.stdout)["summary"]["status"] in {"active", "pending", "in_review"}


def test_a_simulation_says_who_is_left_alone(tmp_path: Path) -> None:
    done = bailiwick(tmp_path, "accounts", "simulate", "--accounts", 10, "--days", 8, "--json")

    rates = json.loads(done.stdout)
    assert [one["reviewed"] for one in rates if one["fair"]] == [0] * 7
    assert all(one["reviewed"] == 10 for one in rates if not one["fair"])
