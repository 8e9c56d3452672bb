"""What is known of accounts beside the logs: a CSV file with a row for each.

    account,billing,card,registered,labels,status
    acc_1,DE,DE|AT,DE,research|press,active

Several values are candidates (or labels), joined by ``|``. An empty cell is unknown.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.facts import Fact, Kind, Layer, dimension, read_fact

MOST_PROBLEMS = 20


def read_accounts(path: Path) -> dict[str, Mapping[str, Fact]]:
    """Read the evidence of accounts by id. Raises ``InvalidInput`` with what is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(csv.DictReader(file), str(path))
    except OSError as error:
        raise InvalidInput.of(f"`{path}` cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput.of("not UTF-8", "save the file as UTF-8", Position(str(path))) from None


def _read(rows: "csv.DictReader[str]", file: str) -> dict[str, Mapping[str, Fact]]:
    names = rows.fieldnames or []
    if "account" not in names:
        raise InvalidInput.of(
            f"no column `account`; there are {', '.join(names) or 'none'}",
            "the first line names the columns",
            Position(file, 1),
        )
    facts = [name for name in names if name not in {"account", "name"}]
    problems = [
        Problem(f"column `{name}` is no fact of accounts", "billing, card, ...", Position(file, 1))
        for name in facts
        if (known := dimension(name)) is None or known.layer is not Layer.ACCOUNT
    ]
    found: dict[str, Mapping[str, Fact]] = {}
    for row in rows if not problems else ():
        try:
            found[row["account"]] = _facts(row, facts)
        except InvalidInput as error:
            here = Position(file, rows.line_num)
            problems += [Problem(one.message, one.help, here) for one in error.problems]
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise InvalidInput(problems)
    return found


def _facts(row: Mapping[str, str | None], names: list[str]) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"principal": frozenset({row["account"] or ""})}
    for name in names:
        text = (row.get(name) or "").strip()
        if text == "none" and (known := dimension(name)) and known.kind is Kind.SET:
            facts[name] = frozenset()
        elif text:
            facts[name] = read_fact(name, [*text.split("|")])
    return facts
