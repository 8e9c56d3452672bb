"""From a record batch to decisions: number what the rows say, and let the tables decide.

The same on every engine. What a row recorded counts; what it did not is looked up (the place of its
address, the evidence of its account) or assumed, and what is left is unknown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bailiwick.catalog import Catalog
from bailiwick.decision import BatchDecider, Combination, DecisionTable, Part, Situation
from bailiwick.facts import DIMENSIONS, UNKNOWN, Fact, Layer
from bailiwick.location import BulkLocator, Locator
from bailiwick.pipeline import location_facts
from bailiwick.replay.rows import (
    ACCOUNT,
    ADDRESS,
    AT,
    FACT,
    KEY,
    MODEL,
    RECORDED,
    Dictionary,
    numbers,
    read_written,
)

if TYPE_CHECKING:
    import pyarrow as pa

LOCATION = ("address", "network", "holder")
REQUEST = tuple(
    name
    for name, one in DIMENSIONS.items()
    if one.layer is not Layer.ACCOUNT and name not in LOCATION
)
NOT_SAID, PERMITTED, DENIED = 0, 1, 2
"""What a row recorded."""
NOTHING_SAID: Sequence[Mapping[str, Fact]] = ({}, {}, {})
SAME_PERMIT, NEWLY_DENIED, NEWLY_PERMITTED, SAME_DENY = range(4)
"""What the change does to a row."""


@dataclass(frozen=True)
class Setting:
    """All that decides, and what is known beside the logs. Picklable."""

    new: DecisionTable
    old: DecisionTable | None
    """``None``: what a log recorded, and where it did not, what happened: a permit."""
    catalog: Catalog
    locator: Locator
    at: datetime
    """As of when rows are judged, and locations are looked up."""
    at_recorded: bool = False
    """Judge each row at its own time instead."""
    accounts: Mapping[str, Mapping[str, Fact]] = field(default_factory=dict)
    """Evidence by account id."""
    assumed: Mapping[str, Fact] = field(default_factory=dict)
    """Facts that hold where nothing else says."""


class SharedLocator:
    """Lays the location data out once, when the first address is looked up, for all judges."""

    def __init__(self, setting: Setting) -> None:
        self._setting, self._lock = setting, Lock()
        self._bulk: BulkLocator | None = None

    def get(self, asked: frozenset[str]) -> BulkLocator:
        """Give the locator; ``holder`` is looked up only if a rule asks."""
        with self._lock:
            if self._bulk is None:
                holder = "holder" in asked
                self._bulk = BulkLocator(self._setting.locator, self._setting.at, holder=holder)
            return self._bulk


class Met:
    """What the numbers of situations stand for; every array has shape (situations,) and grows.

    Rows of one situation have the same model, place, decisions and recorded answer.
    """

    def __init__(self) -> None:
        self.models: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self.places: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self.combinations: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self.recorded: npt.NDArray[np.int8] = np.zeros(0, np.int8)
        self.changes: npt.NDArray[np.int8] = np.zeros(0, np.int8)

    def __len__(self) -> int:
        return len(self.models)

    def add(self, rows: Sequence[tuple[int, int, int, int, int]]) -> None:
        """Add situations: model, place, combination, what was recorded, and what changes."""
        more = np.array(rows, np.int32).T
        self.models = np.append(self.models, more[0])
        self.places = np.append(self.places, more[1])
        self.combinations = np.append(self.combinations, more[2])
        self.recorded = np.append(self.recorded, more[3].astype(np.int8))
        self.changes = np.append(self.changes, more[4].astype(np.int8))


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch with numbers in place of values; every array has shape (rows,)."""

    situations: npt.NDArray[np.int32]
    met: Met
    """What they are."""
    accounts: npt.NDArray[np.int32]

    @property
    def places(self) -> npt.NDArray[np.int32]:
        """Numbers of the judge's places."""
        return self.met.places[self.situations]

    @property
    def combinations(self) -> npt.NDArray[np.int32]:
        """Numbers of the judge's combinations."""
        return self.met.combinations[self.situations]

    @property
    def changes(self) -> npt.NDArray[np.int8]:
        """What the change does to each row."""
        return self.met.changes[self.situations]


@dataclass(frozen=True, slots=True)
class Described:
    """What is known of the rows of a batch; every array has shape (rows,)."""

    models: npt.NDArray[np.int32]
    names: Sequence[str | None]
    """Catalogue ids; the list grows from batch to batch, as do the others."""
    parts: tuple[Part, ...]
    accounts: npt.NDArray[np.int32]
    account_names: Sequence[str | None]


class Judge:
    """Judges batch after batch. For one thread; it remembers what earlier batches taught it."""

    def __init__(
        self,
        setting: Setting,
        locator: SharedLocator | None = None,
        also: frozenset[str] = frozenset(),
    ) -> None:
        """``also`` are facts that are read from the logs whether or not a rule asks."""
        self.setting = setting
        self._locator = locator or SharedLocator(setting)
        tables = [setting.new] if setting.old is None else [setting.old, setting.new]
        self.decider = BatchDecider(tables)
        self.asked = self.decider.asked | also
        self.models, self.accounts, self.places = Dictionary(), Dictionary(), Dictionary()
        self._keys = Dictionary()
        self._ids: list[str | None] = []
        self._locations: _Locations | None = None
        self._groups = {"account": _Group(), "request": _Group(), "recorded location": _Group()}
        self._edges = _edges(tables) if setting.at_recorded else []
        self.met = Met()

    def judge(self, batch: "pa.RecordBatch") -> Judged:
        """Decide every row."""
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        said = self._describe(columns, batch.num_rows)
        times, moments = self._times(columns, batch.num_rows)
        parts = (*said.parts, self._recorded(columns, batch.num_rows))
        found = self.decider.situate(said.models, said.names, parts, times, moments)
        if new := self.decider.situations[len(self.met) :]:
            self.met.add([self._met(one) for one in new])
        return Judged(found, self.met, said.accounts)

    def describe(self, batch: "pa.RecordBatch") -> "Described":
        """Describe every row by numbers, and decide nothing."""
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        return self._describe(columns, batch.num_rows)

    def _describe(self, columns: Mapping[str, Any], rows: int) -> "Described":
        models = self.models.codes(columns[MODEL])
        accounts = self._numbered(columns, ACCOUNT, self.accounts, rows)
        parts = (
            self._location(columns, rows),
            self._account(columns, accounts),
            self._request(columns, rows),
        )
        return Described(models, self.catalog_ids(), parts, accounts, self.accounts.texts)

    @property
    def combinations(self) -> Sequence[Combination]:
        """What the numbers of combinations stand for."""
        return self.decider.combinations

    # -- the parts -----------------------------------------------------------------------------

    def _numbered(
        self, columns: Mapping[str, Any], name: str, known: Dictionary, rows: int
    ) -> npt.NDArray[np.int32]:
        return known.codes(columns[name]) if name in columns else np.zeros(rows, np.int32)

    def catalog_ids(self) -> list[str | None]:
        """Resolve the names of ``models``; ``None``: no catalogue knows it."""
        resolve = self.setting.catalog.resolve
        for name in self.models.texts[len(self._ids) :]:
            self._ids.append(resolve(name) if name else None)
        return self._ids

    def _location(self, columns: Mapping[str, Any], rows: int) -> Part:
        """Take the recorded location; look up the addresses of the rows that have none."""
        if self._locations is None:
            self._locations = _Locations(self.setting, self.asked, self.places, self._locator)
        known = self._locations
        names = [name for name in LOCATION if FACT + name in columns]
        if not names:
            codes = known.look_up(columns.get(ADDRESS), rows)
        else:
            coded = [(name, known.recorded[name].codes(columns[FACT + name])) for name in names]
            said = np.zeros(rows, np.bool_)
            for _, each in coded:
                said |= each != 0
            codes = np.zeros(rows, np.int32)
            codes[said] = known.of_recorded([(name, each[said]) for name, each in coded])
            if not said.all():
                codes[~said] = known.look_up(
                    _where(columns.get(ADDRESS), ~said), int((~said).sum())
                )
        return Part("location", codes, known.facts, apart=True)

    def _account(self, columns: Mapping[str, Any], accounts: npt.NDArray[np.int32]) -> Part:
        named: list[tuple[str, npt.NDArray[np.int32], Dictionary]] = []
        if self.accounts.texts[1:]:
            named.append((ACCOUNT, accounts, self.accounts))
        if "principal" in self.asked and KEY in columns:
            named.append((KEY, self._keys.codes(columns[KEY]), self._keys))
        group = self._groups["account"]
        named += group.recorded(
            columns, [n for n in self.asked if n not in LOCATION and n not in REQUEST]
        )
        return group.part("account", named, len(accounts), self._account_facts)

    def _account_facts(self, said: Mapping[str, str]) -> Mapping[str, Fact]:
        account, key = said.get(ACCOUNT), said.get(KEY)
        facts = dict(self.setting.assumed)
        if account or key:
            facts["principal"] = frozenset(one for one in (account, key) if one)
        facts.setdefault("status", frozenset({"active"}))
        facts |= self.setting.accounts.get(account or "", {})
        facts |= _recorded_facts(said)
        return {n: f for n, f in facts.items() if n not in LOCATION and n not in REQUEST}

    def _request(self, columns: Mapping[str, Any], rows: int) -> Part:
        group = self._groups["request"]
        named = group.recorded(columns, [name for name in REQUEST if name in self.asked])
        return group.part("request", named, rows, self._request_facts)

    def _request_facts(self, said: Mapping[str, str]) -> Mapping[str, Fact]:
        facts: dict[str, Fact] = {"action": frozenset({"infer"})}
        facts |= {name: fact for name, fact in self.setting.assumed.items() if name in REQUEST}
        return facts | _recorded_facts(said)

    def _times(
        self, columns: Mapping[str, Any], rows: int
    ) -> tuple[npt.NDArray[np.integer[Any]], Sequence[datetime]]:
        """Give numbers to the stretches of time in which the same rules are in force."""
        if not self._edges or AT not in columns:
            return np.zeros(rows, np.int8), [self.setting.at]
        edges = np.array([int(edge.timestamp() * 1e6) for edge in self._edges], np.int64)
        at = numbers(columns[AT].cast("int64"), np.int64, int(self.setting.at.timestamp() * 1e6))
        first = datetime(1970, 1, 1, tzinfo=UTC)
        return np.searchsorted(edges, at, "right"), [first, *self._edges]

    def _recorded(self, columns: Mapping[str, Any], rows: int) -> Part:
        """Tell rows apart by what they recorded; no rule asks."""
        if RECORDED not in columns:
            return Part("recorded", np.zeros(rows, np.int8), NOTHING_SAID[:1], apart=True)
        array = columns[RECORDED]
        meaning = {"permit": PERMITTED, "deny": DENIED}
        said = [meaning.get(one or "", NOT_SAID) for one in array.dictionary.to_pylist()]
        codes = np.array([*said, NOT_SAID], np.int8)
        found = codes.take(numbers(array.indices, np.int32, len(codes) - 1))
        return Part("recorded", found, NOTHING_SAID, apart=True)

    def _met(self, one: Situation) -> tuple[int, int, int, int, int]:
        """Describe a situation; what changes is by the baseline, else by what was recorded."""
        assert self._locations is not None  # noqa: S101 - a situation has a location
        location, *_, recorded = one.codes
        denied = [not each.permitted for each in self.combinations[one.combination].decisions]
        before = denied[0] if len(denied) > 1 else recorded == DENIED
        place = self._locations.place_codes[location]
        return one.model, place, one.combination, recorded, denied[-1] + 2 * before


def _where(array: Any, keep: npt.NDArray[np.bool_]) -> Any:
    from bailiwick.replay.rows import arrow

    return None if array is None else array.filter(arrow().array(keep))


def _recorded_facts(said: Mapping[str, str]) -> dict[str, Fact]:
    return {
        name.removeprefix(FACT): read_written(name.removeprefix(FACT), text)
        for name, text in said.items()
        if name.startswith(FACT)
    }


def _edges(tables: Sequence[DecisionTable]) -> list[datetime]:
    every = (
        edge for table in tables for rule in table.rules for edge in (rule.from_at, rule.until_at)
    )
    return sorted({edge for edge in every if edge})


class _Group:
    """Facts that several columns say together; each distinct combination is read once."""

    def __init__(self) -> None:
        self.values: list[Mapping[str, Fact]] = []
        self._numbers: dict[tuple[tuple[str, str | None], ...], int] = {}
        self._dictionaries: dict[str, Dictionary] = {}
        self._direct: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._same = True
        """Whether a column alone has the numbers that its combinations have."""

    def recorded(
        self, columns: Mapping[str, Any], names: Sequence[str]
    ) -> list[tuple[str, npt.NDArray[np.int32], Dictionary]]:
        """Give numbers to the recorded facts of some names."""
        found = []
        for name in sorted(names):
            if FACT + name in columns:
                known = self._dictionaries.setdefault(name, Dictionary())
                found.append((FACT + name, known.codes(columns[FACT + name]), known))
        return found

    def part(
        self,
        name: str,
        named: Sequence[tuple[str, npt.NDArray[np.int32], Dictionary]],
        rows: int,
        read: Any,
    ) -> Part:
        """Give numbers to the combinations; ``read`` makes the facts of a new one."""
        if not named:
            return Part(name, np.full(rows, self._number((), read), np.int32), self.values)
        if len(named) == 1:
            column, codes, known = named[0]
            new = known.texts[len(self._direct) :]
            numbered = [self._number(((column, text),), read) for text in new]
            if new:
                self._direct = np.append(self._direct, np.array(numbered, np.int32))
                self._same = bool((self._direct == np.arange(len(self._direct))).all())
            return Part(name, codes if self._same else self._direct.take(codes), self.values)
        key = np.zeros(rows, np.int64)
        for _, codes, known in named:
            key = key * len(known.texts) + codes
        distinct, index = np.unique(key, return_inverse=True)
        found = [self._number(tuple(_texts(int(one), named)), read) for one in distinct]
        return Part(name, np.array(found, np.int32)[index], self.values)

    def _number(self, said: tuple[tuple[str, str | None], ...], read: Any) -> int:
        if said not in self._numbers:
            self._numbers[said] = len(self.values)
            self.values.append(read({name: text for name, text in said if text is not None}))
        return self._numbers[said]


def _texts(
    key: int, named: Sequence[tuple[str, npt.NDArray[np.int32], Dictionary]]
) -> Iterator[tuple[str, str | None]]:
    for column, _, known in reversed(named):
        key, code = divmod(key, len(known.texts))
        yield column, known.texts[code]


class _Locations:
    """Numbers for locations, recorded or looked up, and the facts and the place of each."""

    def __init__(
        self, setting: Setting, asked: frozenset[str], places: Dictionary, locator: SharedLocator
    ) -> None:
        self.facts: list[Mapping[str, Fact]] = []
        self.place_codes: list[int] = []
        self.recorded = {name: Dictionary() for name in LOCATION}
        self._setting, self._asked, self._places, self._locator = setting, asked, places, locator
        self._of_bulk: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._of_said: dict[tuple[tuple[str, str | None], ...], int] = {}

    def look_up(self, addresses: Any, rows: int) -> npt.NDArray[np.int32]:
        """Give numbers to the locations of packed addresses; without any, to the unknown one."""
        if addresses is None:
            return np.full(rows, self._recorded(()), np.int32)
        bulk = self._locator.get(self._asked)
        codes = bulk_codes(bulk, addresses)
        for one in bulk.located[len(self._of_bulk) :]:
            facts = location_facts(one) if one else {}
            self._of_bulk = np.append(self._of_bulk, np.int32(self._add(facts)))
        return self._of_bulk.take(codes)

    def of_recorded(
        self, coded: Sequence[tuple[str, npt.NDArray[np.int32]]]
    ) -> npt.NDArray[np.int32]:
        """Give numbers to recorded locations."""
        key = np.zeros(len(coded[0][1]), np.int64)
        for name, codes in coded:
            key = key * len(self.recorded[name].texts) + codes
        named = [(name, codes, self.recorded[name]) for name, codes in coded]
        distinct, index = np.unique(key, return_inverse=True)
        found = [self._recorded(tuple(_texts(int(one), named))) for one in distinct]
        return np.array(found, np.int32)[index]

    def _recorded(self, said: tuple[tuple[str, str | None], ...]) -> int:
        if said not in self._of_said:
            facts = {name: read_written(name, text) for name, text in said if text is not None}
            self._of_said[said] = self._add(facts)
        return self._of_said[said]

    def _add(self, facts: Mapping[str, Fact]) -> int:
        assumed = {name: fact for name, fact in self._setting.assumed.items() if name in LOCATION}
        said = {name: fact for name, fact in facts.items() if fact is not UNKNOWN}
        place = {**assumed, **said}.get("address", UNKNOWN)
        text = "|".join(sorted(place)) if isinstance(place, frozenset) else None
        self.facts.append({**assumed, **said})
        self.place_codes.append(self._places.number(text))
        return len(self.facts) - 1


def bulk_codes(bulk: BulkLocator, addresses: Any) -> npt.NDArray[np.integer[Any]]:
    """Give numbers to the locations of an Arrow array of packed addresses of 4 or 16 bytes."""
    quick = ipv4_numbers(addresses)
    if quick is not None:
        return bulk.codes(quick)
    texts = addresses.cast("binary")
    sizes = numbers(_length(texts), np.int32)
    codes = np.zeros(len(texts), np.int32)
    v4 = sizes == 4
    if v4.any():
        codes[v4] = bulk.codes(_packed_v4(_where(texts, v4)))
    other = np.flatnonzero(sizes == 16)
    if len(other):
        array = texts.take(_array(other)).dictionary_encode()
        known = np.array([bulk.code(one) for one in array.dictionary.to_pylist()], np.int32)
        codes[other] = known[numbers(array.indices, np.int32)]
    return codes


def ipv4_numbers(addresses: Any) -> npt.NDArray[np.uint32] | None:
    """View packed addresses as numbers, if all of them are IPv4 and none is null."""
    from bailiwick.replay.rows import arrow

    types = arrow().types
    if addresses.null_count:
        return None
    if addresses.type == "uint32":
        return numbers(addresses, np.uint32)
    if types.is_fixed_size_binary(addresses.type) and addresses.type.byte_width == 4:
        return _big_endian(addresses.buffers()[1], 4 * addresses.offset, len(addresses))
    if addresses.type == "binary" and len(addresses):
        offsets = np.frombuffer(addresses.buffers()[1], np.int32)[addresses.offset :]
        offsets = offsets[: len(addresses) + 1]
        if int(offsets[-1] - offsets[0]) == 4 * len(addresses) and (np.diff(offsets) == 4).all():
            return _packed_v4(addresses)
    return None


def _packed_v4(addresses: Any) -> npt.NDArray[np.uint32]:
    offsets = np.frombuffer(addresses.buffers()[1], np.int32)
    return _big_endian(addresses.buffers()[2], int(offsets[addresses.offset]), len(addresses))


def _big_endian(buffer: Any, start: int, rows: int) -> npt.NDArray[np.uint32]:
    return np.frombuffer(buffer, ">u4", rows, start).astype(np.uint32)


def _length(texts: Any) -> Any:
    from bailiwick.replay.rows import arrow

    return arrow().compute.binary_length(texts)


def _array(values: npt.NDArray[Any]) -> Any:
    from bailiwick.replay.rows import arrow

    return arrow().array(values)
