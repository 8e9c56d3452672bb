"""Read statements of the Beneficial Ownership Data Standard, version 0.4.

Of several statements about one record the last counts, by date and then by place in the files, and
a closed record is gone. A relationship through others is told by its primary record or by the
component records that it names: the components count where all of them are there, and else the
primary does. Never both.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

from bailiwick.documents import read_values
from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.ownership.graph import Builder, Holding, Kind, Node
from bailiwick.ownership.rows import INTERESTS, place
from bailiwick.ownership.shares import ONE, UNKNOWN, ZERO, Bound, Share, checked

TYPES = ("entity", "person", "relationship")
STATUSES = (None, "new", "updated", "closed")
NOBODY = "noBeneficialOwners"
"""The reason for a party that is not named which says that there is none."""
SHARE_KEYS = ("exact", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, its head checked."""

    record: str
    type: str
    closed: bool
    said_at: str
    details: Mapping[str, Any]
    position: Position


@dataclass(slots=True)
class BodsReader:
    """Collects the statements of all files, and then says what they come to."""

    day: date
    """Interests that ended by then, or begin later, do not count."""
    statements: dict[str, Statement] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def read(self, text: str, file: str) -> None:
        """Read one file of JSON or JSON Lines."""
        try:
            for value, position in read_values(text, file):
                self._collect(value, position)
        except InvalidInput as error:
            self.problems.extend(error.problems)

    def _collect(self, value: Any, position: Position) -> None:
        try:
            made = _statement(value, position)
        except InvalidInput as error:
            self._report(error, position)
            return
        before = self.statements.get(made.record)
        if before is not None and before.type != made.type:
            message = f"record `{made.record}` is of two types"
            self.problems.append(Problem(message, f"first at {before.position}", position))
        elif before is None or before.said_at <= made.said_at:
            self.statements[made.record] = made

    def finish(self, into: Builder) -> None:
        """Add nodes and holdings."""
        current = {name: one for name, one in self.statements.items() if not one.closed}
        closed = len(self.statements) - len(current)
        if closed:
            into.notes.append(f"{closed} closed records do not count")
        for one in current.values():
            if one.type != "relationship":
                self._try(self._node, one, into)
        relationships = {name: one for name, one in current.items() if one.type == "relationship"}
        for name in _told_twice(relationships, current, into.notes):
            del relationships[name]
        for one in relationships.values():
            self._try(self._relationship, one, into)

    def _try(self, step: Any, statement: Statement, into: Builder) -> None:
        try:
            step(statement, into)
        except InvalidInput as error:
            self._report(error, statement.position)

    def _report(self, error: InvalidInput, position: Position) -> None:
        self.problems.extend(replace(one, position=position) for one in error.problems)

    def _node(self, statement: Statement, into: Builder) -> None:
        node = _node(statement)
        known = into.nodes.get(node.id)
        if known is not None and known.position is not None:
            message = f"`{node.id}` is given twice"
            self.problems.append(Problem(message, f"first at {known.position}", node.position))
        into.nodes[node.id] = node

    def _relationship(self, statement: Statement, into: Builder) -> None:
        details = statement.details
        subject = _party(details, "subject")
        holder = _party(details, "interestedParty")
        if not isinstance(subject, str):
            into.notes.append(f"{statement.position}: a relationship in nobody does not count")
            return
        if not isinstance(holder, str):
            if holder == (NOBODY,):
                return
            anonymous = f"{statement.record}#holder"
            into.nodes[anonymous] = Node(
                anonymous, f"not named: {holder[0]}", Kind.UNSPECIFIED, position=statement.position
            )
            holder = anonymous
        for interest, share, direct in self._interests(details):
            into.hold(Holding(holder, subject, share, interest, direct))

    def _interests(self, details: Mapping[str, Any]) -> Iterator[tuple[str, Share, bool]]:
        listed = _typed(details, "interests", list) or []
        if not listed:
            yield "unknownInterest", UNKNOWN, True
        for one in listed:
            if not isinstance(one, dict):
                raise InvalidInput.of("an interest is not an object")
            kind = one.get("type", "unknownInterest")
            if not isinstance(kind, str) or kind not in INTERESTS:
                raise InvalidInput.of(f"unknown interest `{_shown(kind)}`", "see BODS 0.4")
            how = one.get("directOrIndirect", "unknown")
            if how not in ("direct", "indirect", "unknown"):
                raise InvalidInput.of(f"`directOrIndirect` cannot be `{_shown(how)}`")
            share = _share(_typed(one, "share", dict))
            if _is_current(one, self.day):
                yield kind, share, how == "direct"


def _statement(value: Any, position: Position) -> Statement:
    if not isinstance(value, dict):
        raise InvalidInput.of("a statement is a JSON object")
    for key in ("recordId", "recordType", "recordDetails"):
        if key not in value:
            hint = "statements are those of BODS 0.4; convert older data first"
            raise InvalidInput.of(f"a statement without `{key}`", hint)
    if value["recordType"] not in TYPES:
        raise InvalidInput.of(f"unknown record type `{_shown(value['recordType'])}`")
    if value.get("recordStatus") not in STATUSES:
        raise InvalidInput.of(f"unknown record status `{_shown(value['recordStatus'])}`")
    return Statement(
        record=_id(value["recordId"], "recordId"),
        type=value["recordType"],
        closed=value.get("recordStatus") == "closed",
        said_at=str(_day(value, "statementDate") or ""),
        details=_typed(value, "recordDetails", dict) or {},
        position=position,
    )


def _node(statement: Statement) -> Node:
    details = statement.details
    person = statement.type == "person"
    names = _typed(details, "names", list) if person else [{"fullName": details.get("name")}]
    full = next((one.get("fullName") for one in names or [] if isinstance(one, dict)), None)
    addresses = [] if person else _typed(details, "addresses", list) or []
    business = (one for one in addresses if isinstance(one, dict) and one.get("type") == "business")
    jurisdiction = None if person else _code(_typed(details, "jurisdiction", dict))
    return Node(
        id=statement.record,
        name=full if isinstance(full, str) else "",
        kind=Kind.PERSON if person else Kind.ENTITY,
        identifiers=frozenset({statement.record, *_identifiers(details)}),
        headquarters=frozenset(
            code for one in business if (code := _code(_typed(one, "country", dict)))
        ),
        jurisdiction=jurisdiction,
        position=statement.position,
    )


def _identifiers(details: Mapping[str, Any]) -> Iterator[str]:
    for one in _typed(details, "identifiers", list) or []:
        if not isinstance(one, dict):
            raise InvalidInput.of("an identifier is not an object")
        scheme, text = one.get("scheme") or one.get("schemeName"), one.get("id")
        if isinstance(scheme, str) and isinstance(text, str) and text:
            yield f"{scheme}:{text}"


def _code(country: Mapping[str, Any] | None) -> str | None:
    code = (country or {}).get("code")
    if code is None:
        return None
    if not isinstance(code, str):
        raise InvalidInput.of("a country code is not text")
    return place(code)


def _party(details: Mapping[str, Any], key: str) -> str | tuple[str]:
    """Read who it is: a record's id, or the reason why nobody is named."""
    value = details.get(key)
    if isinstance(value, dict):
        reason = value.get("reason")
        if not isinstance(reason, str):
            raise InvalidInput.of(f"`{key}` gives neither a record nor a `reason`")
        return (reason[:80],)
    return _id(value, key)


def _share(given: Mapping[str, Any] | None) -> Share:
    if given is None:
        return UNKNOWN
    for key, value in given.items():
        if key not in SHARE_KEYS:
            raise InvalidInput.of(f"unknown key `{_shown(key)}` in a share")
        if not isinstance(value, Fraction):
            raise InvalidInput.of(f"`{key}` of a share is not a number", "as in BODS 0.4")
    if "exact" in given:
        bound: Bound = (given["exact"] / 100, 0)
        return checked(Share(bound, bound), "exact")
    lows = [(ZERO, 0), *_bounds(given, minimum=0, exclusiveMinimum=1)]
    highs = [(ONE, 0), *_bounds(given, maximum=0, exclusiveMaximum=-1)]
    if any(not 0 <= bound[0] <= 1 for bound in (*lows, *highs)):
        raise InvalidInput.of("a share is not between 0 and 100")
    return checked(Share(max(lows), min(highs)), "range")


def _bounds(given: Mapping[str, Any], **signs: int) -> Iterable[Bound]:
    return [(given[key] / 100, sign) for key, sign in signs.items() if key in given]


def _is_current(interest: Mapping[str, Any], day: date) -> bool:
    begins, ends = _day(interest, "startDate"), _day(interest, "endDate")
    return (begins is None or begins <= day) and (ends is None or day < ends)


def _told_twice(
    relationships: Mapping[str, Statement], current: Mapping[str, Statement], notes: list[str]
) -> set[str]:
    """Choose for each relationship through others which of its two tellings is left out."""
    left_out: set[str] = set()
    kept: set[str] = set()
    for name, one in relationships.items():
        components = _typed(one.details, "componentRecords", list) or []
        named = {part for part in components if isinstance(part, str)}
        if not named:
            continue
        if named <= current.keys() and named & relationships.keys():
            left_out.add(name)
            kept |= named
        else:
            left_out |= named & relationships.keys()
            notes.append(f"{one.position}: not all component records are there, so it counts whole")
    return left_out - kept


def _day(value: Mapping[str, Any], key: str) -> date | None:
    text = value.get(key)
    if text is None:
        return None
    try:
        return date.fromisoformat(text[:10] if isinstance(text, str) else "")
    except ValueError:
        raise InvalidInput.of(f"`{key}` is not a date: `{_shown(text)}`", "as 2026-06-01") from None


def _typed(value: Mapping[str, Any], key: str, kind: type) -> Any:
    found = value.get(key)
    if found is not None and not isinstance(found, kind):
        raise InvalidInput.of(f"`{key}` is not {'a list' if kind is list else 'an object'}")
    return found


def _id(value: Any, key: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        raise InvalidInput.of(f"`{key}` is missing or is no plain id")
    return value


def _shown(value: object) -> str:
    return ascii(value if isinstance(value, str) else type(value).__name__)[1:41].rstrip("'")
