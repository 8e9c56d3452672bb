"""Accounts of different organisations that are used, or paid for, as if they were one.

A link is a keyed digest that accounts have in common. Strong by itself: a card, a payer, an
address of a hosting network. Weak: a billing address, a /24 or /48 of a hosting network, a rare
build of the client, being active in the same ten minutes all day. Two weak kinds together are as
good as one that is strong. Links that are seen in use must come again on several days.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bailiwick.signals.settings import Background, Thresholds
from bailiwick.signals.uses import REVIEW, Signal, Use

CLUSTER = "shadow.cluster"
EGRESS, NETWORK, BUILD, TOGETHER = "egress", "network", "build", "simultaneity"
CARD, PAYER, ADDRESS = "card", "payer", "address"
WEEK = 7
MOST_SHARERS = 64
"""Accounts of one link that are remembered; more are a crowd, which is no sign where it is weak."""
WINDOW_S = 600
LEAST_WINDOWS = 6
"""Accounts that were active in fewer windows of a day are never said to be active together."""
RARE = 10
"""A build is rare that at most one in so many of the day's accounts has."""

Group = frozenset[str]


@dataclass(slots=True)
class _Pool:
    """With whom an account is linked, and by what."""

    days: int = 0
    last: int = 0
    members: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    told: bool = False

    def see(self, day: int, members: Group, kinds: Iterable[str]) -> None:
        if day != self.last:
            self.days, self.last = self.days + 1, day
        self.kinds.update(kinds)
        if len(self.members) < 4 * MOST_SHARERS:
            self.members |= members


class Clusters:
    """Sees uses one by one, and joins accounts at the end of each day."""

    def __init__(self, rules: Thresholds, background: Background) -> None:
        self._at, self._known = rules, background
        self._links: dict[str, dict[str, set[str]]] = {EGRESS: {}, NETWORK: {}, BUILD: {}}
        self._active: dict[str, int] = {}
        self._pools: dict[str, _Pool] = {}

    def see(self, use: Use) -> None:
        """Note what this use has in common with others of the day."""
        account = use.account
        if use.network == "hosting":
            self._link(EGRESS, use.client, account)
            self._link(NETWORK, use.prefix, account)
        self._link(BUILD, use.build, account)
        if account in self._active or len(self._active) < self._at.most_keys:
            window = (use.at.hour * 3600 + use.at.minute * 60) // WINDOW_S
            self._active[account] = self._active.get(account, 0) | 1 << window

    @property
    def remembered(self) -> int:
        """How many links of the day there are."""
        return sum(map(len, self._links.values()))

    def end_day(self, at: datetime, day: int) -> Iterator[Signal]:
        """Join the accounts of a day, and say which of them were joined often enough."""
        joined: dict[str, list[tuple[Group, set[str]]]] = defaultdict(list)
        for group, kinds in self._groups():
            for account in group:
                joined[account].append((group, kinds))
        for links in self._links.values():
            links.clear()
        self._active.clear()
        yield from self._tell(joined, at, day)
        self._forget(at)

    def stored(self, at: datetime) -> Iterator[Signal]:
        """Say which accounts have cards or payers in common, whenever they are used."""
        found: dict[Group, set[str]] = defaultdict(set)
        for kind in (CARD, PAYER):
            for accounts in self._known.links.get(kind, {}).values():
                if self._owners(accounts) >= self._at.shared_cards:
                    found[accounts].add(kind)
        for accounts, kinds in sorted(found.items(), key=lambda item: sorted(item[0])):
            yield _signal(accounts, kinds, at)

    def _link(self, kind: str, value: str | None, account: str) -> None:
        if value is None:
            return
        links = self._links[kind]
        sharers = links.get(value)
        if sharers is None:
            if len(links) >= self._at.most_links:
                return
            sharers = links[value] = set()
        if len(sharers) < MOST_SHARERS:
            sharers.add(account)

    def _groups(self) -> Iterator[tuple[Group, set[str]]]:
        """Give the groups of the day that a strong kind joins, or two weak ones."""
        for accounts in self._links[EGRESS].values():
            if self._is_enough(accounts):
                yield frozenset(accounts), {EGRESS}
        weak = self._weak()
        values = {kind: _by_account(groups) for kind, groups in weak.items()}
        kinds = list(weak)
        for number, kind in enumerate(kinds):
            for group in weak[kind].values():
                for other in kinds[number + 1 :]:
                    for both in _common(group, values[other]):
                        if self._is_enough(both):
                            yield both, {kind, other}
                together = self._together(group)
                if self._is_enough(together):
                    yield together, {kind, TOGETHER}

    def _weak(self) -> Mapping[str, Mapping[str, Group]]:
        active = len(self._active)
        said = {
            NETWORK: self._links[NETWORK],
            BUILD: {v: a for v, a in self._links[BUILD].items() if len(a) * RARE <= active},
            ADDRESS: self._known.links.get(ADDRESS, {}),
        }
        return {
            kind: {
                value: frozenset(accounts)
                for value, accounts in links.items()
                if len(accounts) < MOST_SHARERS and self._is_enough(accounts)
            }
            for kind, links in said.items()
        }

    def _together(self, group: Group) -> Group:
        """Keep those of a group who are active when the others are."""
        times = {one: self._active.get(one, 0) for one in group}
        busy = {one: bits for one, bits in times.items() if bits.bit_count() >= LEAST_WINDOWS}
        kept = set()
        for one, bits in busy.items():
            alike = [_alike(bits, other) for name, other in busy.items() if name != one]
            if alike and sum(alike) / len(alike) >= self._at.alike:
                kept.add(one)
        return frozenset(kept)

    def _is_enough(self, accounts: Iterable[str]) -> bool:
        return self._owners(accounts) >= self._at.shared_accounts

    def _owners(self, accounts: Iterable[str]) -> int:
        return len({self._known.owner(one) for one in accounts})

    def _tell(
        self, joined: Mapping[str, list[tuple[Group, set[str]]]], at: datetime, day: int
    ) -> Iterator[Signal]:
        told: set[str] = set()
        for account in sorted(joined):
            pool = self._pools.setdefault(account, _Pool())
            for group, kinds in joined[account]:
                pool.see(day, group, kinds)
            if account not in told and pool.days >= self._at.shared_days and not pool.told:
                told |= pool.members
                yield _signal(pool.members, pool.kinds, at, days=pool.days)
        for account in told:
            if account in self._pools:
                self._pools[account].told = True

    def _forget(self, at: datetime) -> None:
        old = (at - timedelta(days=WEEK)).toordinal()
        self._pools = {name: pool for name, pool in self._pools.items() if pool.last >= old}


def _signal(accounts: Iterable[str], kinds: Iterable[str], at: datetime, **more: int) -> Signal:
    members = tuple(sorted(accounts))
    facts = {"accounts": len(members), "by": sorted(kinds), **more}
    return Signal(CLUSTER, REVIEW, members[:MOST_SHARERS], at, facts)


def _by_account(groups: Mapping[str, Group]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for value, accounts in groups.items():
        for account in accounts:
            found[account].append(value)
    return found


def _common(group: Group, values: Mapping[str, list[str]]) -> Iterator[Group]:
    """Give the parts of a group that have one more value in common."""
    counted = Counter(value for account in group for value in values.get(account, ()))
    for value, count in counted.items():
        if count > 1:
            yield frozenset(one for one in group if value in values.get(one, ()))


def _alike(one: int, other: int) -> float:
    return (one & other).bit_count() / (one | other).bit_count()
