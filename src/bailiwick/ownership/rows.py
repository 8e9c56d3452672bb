"""Read holdings and holders from CSV.

A file of holdings has the columns ``holder,subject,share``; one of who they are has ``id``. More
columns are optional, in any order; an unknown one is wrong.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO

from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.ownership.graph import Builder, Holding, Kind, Node
from bailiwick.ownership.shares import read_share
from bailiwick.places import canonical, suggestions

HOLDINGS = ("holder", "subject", "share", "interest", "direct")
NEEDED = ("holder", "subject", "share")
NODES = ("id", "name", "type", "headquarters", "jurisdiction", "identifiers")
INTERESTS = frozenset(
    {
        *("shareholding", "votingRights", "appointmentOfBoard", "otherInfluenceOrControl"),
        *("seniorManagingOfficial", "settlor", "trustee", "protector"),
        *("beneficiaryOfLegalArrangement", "rightsToSurplusAssetsOnDissolution"),
        *("rightsToProfitOrIncome", "rightsGrantedByContract"),
        *("conditionalRightsGrantedByContract", "controlViaCompanyRulesOrArticles"),
        *("controlByLegalFramework", "boardMember", "boardChair", "unknownInterest"),
        *("unpublishedInterest", "enjoymentAndUseOfAssets", "rightToProfitOrIncomeFromAssets"),
        *("nominee", "nominator"),
    }
)
"""The codelist ``interestType`` of BODS 0.4."""
MOST_ID = 200

Row = Mapping[str, str]


def read_rows(text: str, file: str, into: Builder) -> list[Problem]:
    """Read one CSV file into ``into``; give what is wrong with it, row by row."""
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        return [Problem(f"not CSV: {error}", None, Position(file, 1))]
    problem = _header_problem(header, Position(file, 1, 1))
    if problem:
        return [problem]
    read = _holdings if "holder" in header else _nodes
    return list(read(_rows(reader, header, file), into))


def _header_problem(header: list[str], position: Position) -> Problem | None:
    columns = HOLDINGS if "holder" in header else NODES
    needed = NEEDED if "holder" in header else NODES[:1]
    unknown = [name for name in header if name not in columns]
    missing = [name for name in needed if name not in header]
    known = f"columns are {', '.join(columns)}"
    if missing:
        return Problem(f"column `{missing[0]}` is missing", known, position)
    if unknown:
        return Problem(f"unknown column `{ascii(unknown[0][:40])[1:-1]}`", known, position)
    if len(set(header)) < len(header):
        return Problem("a column is named twice", known, position)
    return None


def _rows(
    reader: Iterator[list[str]], header: list[str], file: str
) -> Iterator[tuple[Row | Problem, Position]]:
    """Give each row that is not blank by its columns, or what is wrong with it."""
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Problem(f"not CSV: {error}"), Position(file, reader.line_num)  # type: ignore[attr-defined]
            continue
        if row is None:
            return
        position = Position(file, reader.line_num)  # type: ignore[attr-defined]  # csv has it
        if len(row) == len(header):
            yield dict(zip(header, map(str.strip, row), strict=True)), position
        elif row:
            yield Problem(f"{len(row)} columns, and the header has {len(header)}"), position


def _holdings(rows: Iterable[tuple[Row | Problem, Position]], into: Builder) -> Iterator[Problem]:
    first: dict[tuple[object, ...], Position] = {}  # all but the share
    for row, position in rows:
        if isinstance(row, Problem):
            yield Problem(row.message, row.help, position)
            continue
        try:
            holding = _holding(row)
        except InvalidInput as error:
            yield from (Problem(one.message, one.help, position) for one in error.problems)
            continue
        before = first.setdefault(holding[:2] + holding[3:], position)
        if before is not position:
            message = f"`{holding.holder}` and `{holding.subject}` are given twice"
            yield Problem(message, f"first at {before}; add the shares up", position)
        into.hold(holding)


def _holding(row: Row) -> Holding:
    for column in ("holder", "subject"):
        _check_id(column, row[column])
    interest = row.get("interest") or "shareholding"
    if interest not in INTERESTS:
        raise InvalidInput.of(f"unknown interest `{interest[:40]}`", "as in BODS: `shareholding`")
    direct = row.get("direct") or "yes"
    if direct not in {"yes", "no", "unknown"}:
        raise InvalidInput.of(f"`direct` cannot be `{direct[:40]}`", "write yes, no or unknown")
    share = read_share(row["share"])
    return Holding(row["holder"], row["subject"], share, interest, direct == "yes")


def _check_id(column: str, text: str) -> None:
    if not 0 < len(text) <= MOST_ID or not text.isprintable():
        raise InvalidInput.of(f"`{column}` is empty, too long or has control characters")


def _nodes(rows: Iterable[tuple[Row | Problem, Position]], into: Builder) -> Iterator[Problem]:
    for row, position in rows:
        if isinstance(row, Problem):
            yield Problem(row.message, row.help, position)
            continue
        try:
            node = _node(row, position)
        except InvalidInput as error:
            yield from (Problem(one.message, one.help, position) for one in error.problems)
            continue
        known = into.nodes.get(node.id)
        if known is not None and known.position is not None:
            yield Problem(f"`{node.id}` is given twice", f"first at {known.position}", position)
        into.nodes[node.id] = node


def _node(row: Row, position: Position) -> Node:
    _check_id("id", row["id"])
    kind = row.get("type") or Kind.UNKNOWN
    if kind not in {Kind.PERSON, Kind.ENTITY, Kind.UNKNOWN}:
        raise InvalidInput.of(f"`type` cannot be `{kind[:40]}`", "write person, entity or unknown")
    return Node(
        id=row["id"],
        name=row.get("name", ""),
        kind=Kind(kind),
        identifiers=frozenset({row["id"], *row.get("identifiers", "").split()}),
        headquarters=frozenset(place(one) for one in row.get("headquarters", "").split()),
        jurisdiction=place(row["jurisdiction"]) if row.get("jurisdiction") else None,
        position=position,
    )


def place(code: str) -> str:
    """Make a place canonical."""
    found = canonical(code)
    if found is None:
        near = ", ".join(f"`{one}`" for one in suggestions(code))
        raise InvalidInput.of(
            f"unknown place `{ascii(code[:40])[1:-1]}`",
            f"did you mean {near}?" if near else "write an ISO 3166 code such as US or UA-43",
        )
    return found
