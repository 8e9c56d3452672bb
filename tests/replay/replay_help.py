"""What the tests of replay share: two policies on real models, and addresses with known places."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from bailiwick.bootstrap import LoadedPolicy, read_catalog
from bailiwick.cli import main
from bailiwick.decision import DecisionTable, compile_table
from bailiwick.facts import Fact
from bailiwick.location import LocationSettings, Locator, load_locator
from bailiwick.policy import read_policy
from bailiwick.replay import Finished, Job, LogOptions, Setting, list_prices, plan, replay_locally

NOW = datetime(2026, 7, 1, tzinfo=UTC)
US, DE, RU = "8.8.8.8", "193.99.144.80", "5.255.255.5"
OPUS, MISTRAL = "anthropic/claude-opus-4-1", "mistral/mistral-large-2"
OLD = """
bailiwick: 1
name: old
rules:
  - {id: everything, permit: "*"}
"""
NEW = """
bailiwick: 1
name: new
places: {us: {include: [US], territories: inherit}}
models:
  frontier: {ids: [anthropic/claude-opus-*]}
  rest: {openness: [open, open-weight]}
rules:
  - {id: frontier-in-us, permit: frontier, where: {address: us, hidden: ok, billing: [us, unknown]}}
  - {id: rest-everywhere, permit: rest}
  - {id: no-russia, deny: rest, where: {address: RU}, from: 2026-09-01T00:00Z}
"""


@cache
def locator() -> Locator:
    return load_locator(LocationSettings(), NOW)


@cache
def loaded(text: str) -> LoadedPolicy:
    catalog = read_catalog()
    return LoadedPolicy(read_policy(text, "policy.yaml", catalog, _nothing), catalog)


def _nothing(reference: str, from_file: str) -> tuple[str, str]:
    raise OSError(reference)


@cache
def table(text: str) -> DecisionTable:
    return compile_table(loaded(text).policy, loaded(text).catalog)


def setting(
    new: str = NEW,
    old: str | None = OLD,
    accounts: Mapping[str, Mapping[str, Fact]] | None = None,
    **more: Any,
) -> Setting:
    before = table(old) if old else None
    return Setting(
        table(new), before, loaded(new).catalog, locator(), NOW, accounts=accounts or {}, **more
    )


def replayed(
    paths: Sequence[Path], options: LogOptions | None = None, **more: Any
) -> tuple[Finished, Setting]:
    with_ = setting(**more)
    job = Job(with_, list_prices(with_.catalog))
    return replay_locally(job, plan(paths, options or LogOptions()), workers=2), with_


def adds_up(finished: Finished, rows: int) -> bool:
    """Whether every row that was read is in the totals, judged or skipped with its reason."""
    totals = finished.totals
    judged = sum(int(sums[:, 0].sum()) for _, sums, _ in totals.by_combination)
    grouped = [
        sum(int(sums[:, 0].sum()) for sums in group.values())
        for group in (totals.by_pair, totals.by_account, totals.by_day)
    ]
    return totals.rows + totals.skipped.total == rows and grouped == [judged] * 3


def bailiwick(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command as ``main`` does, in this process: starting one takes seconds."""
    given, out, err = list(map(str, words)), StringIO(), StringIO()
    before, sys.argv = sys.argv, ["bailiwick", *given]
    status = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    finally:
        sys.argv = before
    return subprocess.CompletedProcess(given, status, out.getvalue(), err.getvalue())


def line(
    address: str = US,
    model: str = OPUS,
    account: str = "acc_1",
    at: str = "10/Jun/2026:13:55:36 +0200",
    request: str = "POST /v1/messages HTTP/1.1",
    status: int = 200,
) -> str:
    """Write a line of the format `nginx-model`."""
    return (
        f'{address} - - [{at}] "{request}" {status} 1234 "-" "python-requests/2.31 (x)" '
        f'"{model}" "{account}"'
    )


def json_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
