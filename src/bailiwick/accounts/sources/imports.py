"""Import evidence from CSV or JSON: all rows or none, and every bad row told by file and line.

An import states; it never deletes. What the same source said of a kind before is superseded.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from sqlalchemy import select

from bailiwick.accounts import schema
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import reading
from bailiwick.accounts.sources.addresses import read_address
from bailiwick.accounts.sources.phones import phone_place
from bailiwick.accounts.statements import Statement, check_statement, write_statements
from bailiwick.accounts.values import Checks
from bailiwick.documents import read_values
from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.facts import read_time

NEEDED = ("account", "kind", "value")
COLUMNS = (*NEEDED, "tier", "source", "observed_at", "expires_at", "against_interest")
Row = Mapping[str, Any]


def import_evidence(
    database: AccountDatabase, text: str, file: str, *, actor: str, reason: str, dry: bool = False
) -> int:
    """Import one file; returns how many statements it has.

    Raises ``InvalidInput`` with every bad row, and then nothing has changed.
    """
    checks = Checks()
    checks.person(actor)
    reason = checks.words("the reason", reason, 500)
    checks.finish()
    rows = list(_json(text, file) if file.lower().endswith(".json") else _csv(text, file))
    statements = _checked(database, rows)
    if not statements:
        raise InvalidInput.of("the file has no rows", None, Position(file))
    if not dry:
        with database.changing(actor, reason) as change:
            write_statements(change, statements)
    return len(statements)


def _checked(
    database: AccountDatabase, rows: Iterable[tuple[Row | Problem, Position]]
) -> Sequence[Mapping[str, Any]]:
    with reading(database.engine) as connection:
        accounts = set(connection.execute(select(schema.accounts.c.id)).scalars())
    problems: list[Problem] = []
    found: list[Mapping[str, Any]] = []
    first: dict[tuple[str, ...], Position] = {}
    for row, position in rows:
        checks = Checks()
        if isinstance(row, Problem):
            problems.append(Problem(row.message, row.help, position))
            continue
        statement = _statement(database, row, checks)
        if statement is not None:
            made = check_statement(checks, statement, database.now())
            key = (statement.account, statement.kind, statement.source)
            if statement.account not in accounts:
                checks.report(f"no account has the id `{ascii(statement.account[:80])[1:-1]}`")
            before = first.setdefault(key, position)
            if before is not position:
                checks.report("the same source states the same kind twice", f"first at {before}")
            found.append(made)
        problems += (Problem(one.message, one.help, position) for one in checks.problems)
    if problems:
        raise InvalidInput(problems)
    return found


def _statement(database: AccountDatabase, row: Row, checks: Checks) -> Statement | None:
    unknown = [key for key in row if key not in {*COLUMNS, "address"}]
    if unknown:
        checks.report(
            f"unknown key `{ascii(unknown[0][:40])[1:-1]}`", f"keys: {', '.join(COLUMNS)}"
        )
    missing = [
        key for key in NEEDED if key not in row and not (key == "value" and "address" in row)
    ]
    if missing:
        checks.report(f"`{missing[0]}` is missing")
    strange = [key for key in row if not _is_readable(row, key)]
    for key in strange:
        checks.report(f"`{key}` is not a text", "write numbers and words in quotes")
    if {"value", "address"} <= row.keys():
        checks.report("`value` and `address` say the same thing twice", "give one of them")
    if unknown or missing or strange:
        return None
    flag = _text(row, "against_interest") or "no"
    if flag not in {"yes", "no"}:
        checks.report("`against_interest` is yes or no")
    return Statement(
        account=_text(row, "account"),
        kind=_text(row, "kind"),
        values=tuple(_values(row, checks)),
        source=_text(row, "source") or "import",
        tier=_text(row, "tier") or "T3",
        observed_at=_moment(row, "observed_at", checks) or database.now(),
        expires_at=_moment(row, "expires_at", checks),
        against_interest=flag == "yes",
    )


def _is_readable(row: Row, key: str) -> bool:
    """Whether a value is of the type that its key has; only what may be left out may be null."""
    value = row[key]
    if key == "address":
        return isinstance(value, dict)
    return isinstance(value, str) or (value is None and key not in NEEDED)


def _values(row: Row, checks: Checks) -> Iterator[str]:
    """Take the values: places with blanks between, a phone number, or the place of an address."""
    kind = _text(row, "kind")
    if "address" in row:
        places = read_address(row["address"]).places
        if not places:
            checks.report("the address names no country that is known")
        yield from places
    elif kind == "phone" and _text(row, "value").startswith("+"):
        place = phone_place(_text(row, "value"))
        if place is None:
            checks.report("the phone number has no place", "it is one of no country, or not valid")
        else:
            yield place
    else:
        yield from _text(row, "value").split()


def _moment(row: Row, key: str, checks: Checks) -> datetime | None:
    text = _text(row, key)
    if not text:
        return None
    try:
        return read_time(text)
    except InvalidInput as error:
        checks.report(f"`{key}`: {error.problems[0].message}", error.problems[0].help)
        return None


def _text(row: Row, key: str) -> str:
    value = row.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def _csv(text: str, file: str) -> Iterator[tuple[Row | Problem, Position]]:
    reader = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header: list[str] | None = None
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Problem(f"not CSV: {error}"), Position(file, reader.line_num)
            continue
        position = Position(file, reader.line_num)
        if row is None:
            return
        if header is None:
            header = [name.strip() for name in row]
            _check_header(header, position)
        elif len(row) == len(header):
            yield dict(zip(header, row, strict=True)), position
        elif row:
            yield Problem(f"{len(row)} columns, and the header has {len(header)}"), position


def _check_header(header: Sequence[str], position: Position) -> None:
    help_text = f"columns: {', '.join(COLUMNS)}"
    for name in NEEDED:
        if name not in header:
            raise InvalidInput.of(f"column `{name}` is missing", help_text, position)
    for name in header:
        if name not in COLUMNS or header.count(name) > 1:
            shown = ascii(name[:40])[1:-1]
            raise InvalidInput.of(f"column `{shown}` is unknown or double", help_text, position)


def _json(text: str, file: str) -> Iterator[tuple[Row | Problem, Position]]:
    """Give the objects of an array, or one a line."""
    for value, position in read_values(text, file):
        yield (value if isinstance(value, dict) else Problem("not an object")), position
