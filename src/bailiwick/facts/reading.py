"""Facts written as text, as embedded tests, the shared corpus and the command line give them.

    {model: anthropic/claude-opus-4-1, address: US, card: [US, CA], labels: [research],
     ownership: {ofac-50: no}, end_user: {place: DE}, time: 2026-07-01T00:00Z}

What is left out is ``UNKNOWN``, with three exceptions that spare everybody much typing: the
action is ``infer``, no features are in use, and the account is ``active``.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bailiwick.catalog import Catalog
from bailiwick.documents import Value
from bailiwick.errors import InvalidInput, Problem
from bailiwick.facts.dimensions import DIMENSIONS, Dimension, Kind, dimension
from bailiwick.facts.values import PENDING, UNKNOWN, Fact, Facts
from bailiwick.places import canonical, suggestions

DEFAULTS: Mapping[str, Fact] = {
    "action": frozenset({"infer"}),
    "features": frozenset(),
    "status": frozenset({"active"}),
}


def read_facts(given: Mapping[str, Value], catalog: Catalog, now: datetime) -> Facts:
    """Read facts from text values; ``now`` is used where no time is given.

    Raises ``InvalidInput`` with one problem for each key that cannot be used.
    """
    values = dict(DEFAULTS)
    problems: list[Problem] = []
    for name, value in _flat(given):
        try:
            values[name] = read_fact(name, value)
        except InvalidInput as error:
            problems.extend(error.problems)
    at = now
    try:
        at = read_time(str(given["time"])) if "time" in given else now
    except InvalidInput as error:
        problems.extend(error.problems)
    if not isinstance(given.get("model"), str):
        problems.append(Problem("no `model` is given", "name one model of the catalogue"))
    if problems:
        raise InvalidInput(problems)
    return Facts(catalog.resolve(str(given["model"])), at, values)


def read_fact(name: str, value: Value) -> Fact:
    """Read the fact of one dimension. Several place or choice values are candidates."""
    known = dimension(name)
    if known is None:
        raise InvalidInput.of(f"unknown fact `{name}`", f"known are {', '.join(DIMENSIONS)}")
    texts = [str(item) for item in value] if isinstance(value, list) else [str(value)]
    if texts == ["unknown"]:
        return UNKNOWN
    if texts == ["pending"] and "pending" not in known.values:
        return PENDING
    if not texts and known.kind is not Kind.SET:
        raise InvalidInput.of(f"`{name}` is empty", "write `unknown` where nothing is known")
    return frozenset(_one(known, text) for text in texts)


def read_time(text: str) -> datetime:
    """Read an ISO 8601 time with its zone, or a date as its first instant in UTC."""
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at
    except (ValueError, OverflowError):
        raise InvalidInput.of(
            f"`{text}` is not a time", "write it as 2026-07-01T00:00Z or 2026-07-01"
        ) from None
    if at.tzinfo is None:
        if len(text) > len("2026-07-01"):
            raise InvalidInput.of(f"`{text}` has no time zone", "end it with Z for UTC")
        return at.replace(tzinfo=UTC)
    return at


def _one(known: Dimension, text: str) -> str:
    if known.kind in {Kind.PLACE, Kind.ALL_PLACES}:
        place = canonical(text)
        if place is None:
            near = suggestions(text)
            hint = f"did you mean {' or '.join(f'`{code}`' for code in near)}?" if near else None
            raise InvalidInput.of(f"`{known.name}`: unknown place `{text}`", hint)
        return place
    if known.values and text not in known.values:
        raise InvalidInput.of(
            f"`{known.name}`: unknown value `{text}`", f"known are {', '.join(known.values)}"
        )
    return text


def _flat(given: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    for name, value in given.items():
        if name in {"model", "time"}:
            continue
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", item) for inner, item in value.items())
        else:
            yield name, value
