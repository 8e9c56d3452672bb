"""From what sources said to facts: for each kind of evidence its candidates, at any moment.

The rules are short. Within one source only the newest statement counts (``database`` settles that
when it writes). Of what has not expired the best tier wins, and two values of one tier are two
candidates. Nothing left means that nothing is said of the kind, which is ``UNKNOWN``. A parent's
evidence counts beside its children's, never under it, so a child's better tier cannot hide it.

Evidence only ever expires by itself, so what an account will be known for is a short list of
profiles in time, made once when the account is loaded.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from bailiwick.facts import STATUSES, Fact

Said = tuple[Any, ...]
"""Kind, value, source and tier of a current item, or ``labels`` and a name."""
Entry = tuple[Said, int | None]
"""What is said, and when it expires (milliseconds, ``None``: never)."""

SEPARATOR = ","
"""Between entries that the database has put together: a JSON array each, the expiry last."""

LABELS = "labels"

_read = msgspec.json.Decoder(list[list[str | int | None]]).decode


class Evidence(NamedTuple):
    """One value that a fact rests on."""

    kind: str
    value: str
    source: str
    tier: int


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What is known of an account between two expiries. Equal ones are one object."""

    values: Mapping[str, frozenset[str]]
    """Candidates of each kind that anything is known of."""
    labels: frozenset[str]
    evidence: tuple[Evidence, ...]


Layout = tuple[Profile, ...]
"""What an account is known for, one after the other. Equal ones are one object."""
Moments = Sequence[int]
"""When each profile of a layout but the last ends (milliseconds, exclusive), in order."""


class Deriver:
    """Lays out what accounts are known for, sharing between them whatever is alike.

    Most accounts differ only in when things expire. So the work is done on the order of the
    expiries, once for each shape, and the times are kept apart.
    """

    def __init__(self) -> None:
        self._lasting: dict[tuple[str, ...], Layout] = {}
        self._shapes: dict[tuple[Entry, ...], tuple[Layout, tuple[int, ...]]] = {}
        self._layouts: dict[Layout, Layout] = {}
        self._profiles: dict[tuple[tuple[Evidence, ...], frozenset[str]], Profile] = {}

    def lay_out(self, texts: tuple[str, ...], now: int) -> tuple[Layout, Moments]:
        """Lay out what the account is known for, from ``now`` on.

        Each text is entries as the database wrote them. Most accounts have the same few, and equal
        text is recognised before it is taken apart.
        """
        found = self._lasting.get(texts)
        if found is not None:
            return found, ()
        entries = [_entry(one) for joined in texts for one in _read(f"[{joined}]")]
        ends = {end for _, end in entries if end is not None}
        moments = sorted(end for end in ends if end > now)
        layout, ranks = self._shape(_ranked(entries, moments), len(moments))
        if not ends:
            self._lasting[texts] = layout
        return layout, [moments[rank] for rank in ranks]

    def _shape(self, entries: Sequence[Entry], last: int) -> tuple[Layout, tuple[int, ...]]:
        """Make a layout, and the ranks of its moments, from entries that end at ranks."""
        shape = tuple(sorted(entries, key=itemgetter(0)))
        found = self._shapes.get(shape)
        if found is None:
            found = self._shapes[shape] = self._lay_shape_out(shape, last)
        return found

    def _lay_shape_out(self, entries: Sequence[Entry], last: int) -> tuple[Layout, tuple[int, ...]]:
        profiles: list[Profile] = []
        ranks: list[int] = []
        for place in range(last + 1):
            profile = self._profile(
                tuple(said for said, rank in entries if rank is None or place <= rank)
            )
            if profiles and profiles[-1] is profile:
                ranks[-1] = place
            else:
                profiles.append(profile)
                ranks.append(place)
        layout = tuple(profiles)
        return self._layouts.setdefault(layout, layout), tuple(ranks[:-1])

    def _profile(self, said: tuple[Said, ...]) -> Profile:
        made = profile(said)
        return self._profiles.setdefault((made.evidence, made.labels), made)


def _entry(row: Sequence[Any]) -> Entry:
    *said, expires_at = row
    return tuple(said), expires_at


def _ranked(entries: Sequence[Entry], moments: Sequence[int]) -> Sequence[Entry]:
    """Leave out what has expired, and put ranks in place of times."""
    rank: dict[int | None, int | None] = {end: place for place, end in enumerate(moments)}
    rank[None] = None
    return [(said, rank[end]) for said, end in entries if end in rank]


def profile(said: Iterable[Said]) -> Profile:
    """Weigh what is said at one moment."""
    items: list[Evidence] = []
    labels: set[str] = set()
    for kind, value, *of in said:
        if kind == LABELS:
            labels.add(value)
        else:
            items.append(Evidence(kind, value, *of))
    evidence = best(items)
    return Profile(candidates(evidence), frozenset(labels), evidence)


def best(items: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Keep of each kind the items of its best tier."""
    by_kind: dict[str, list[Evidence]] = defaultdict(list)
    for item in items:
        by_kind[item.kind].append(item)
    tiers = {kind: min(item.tier for item in same) for kind, same in by_kind.items()}
    return tuple(
        item for same in by_kind.values() for item in same if item.tier == tiers[item.kind]
    )


def candidates(evidence: Iterable[Evidence]) -> Mapping[str, frozenset[str]]:
    """Gather the values of each kind."""
    values: dict[str, set[str]] = defaultdict(set)
    for entry in evidence:
        values[entry.kind].add(entry.value)
    return {kind: frozenset(found) for kind, found in values.items()}


def holds(expires_at: int | None, at: int) -> bool:
    """Whether something that expires then still counts at ``at``."""
    return expires_at is None or at < expires_at


def merged(profiles: Sequence[Profile], status: str) -> Mapping[str, Fact]:
    """Put an account's profile and its parents' together into facts."""
    values: dict[str, Fact] = {}
    for kind in {kind for profile in profiles for kind in profile.values}:
        found = [profile.values.get(kind, frozenset()) for profile in profiles]
        values[kind] = frozenset[str]().union(*found)
    values["labels"] = frozenset[str]().union(*(profile.labels for profile in profiles))
    values["status"] = frozenset({status})
    return MappingProxyType(values)


def strictest(statuses: Iterable[str]) -> str:
    """Choose the status that permits least."""
    return max(statuses, key=STATUSES.index)
