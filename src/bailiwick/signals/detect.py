"""The detectors: each use is looked at once, in the order of time, and memory is bounded.

For each key: countries of eyeball networks by day, countries at the same time, the share of
anonymizers. Across keys: hosting addresses that many accounts use. Cloud regions are no travel, so
hosting networks count for nothing but the last.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bailiwick.signals.settings import Thresholds
from bailiwick.signals.uses import ADVISORY, ANONYMIZERS, EYEBALLS, REVIEW, Signal, Use

COUNTRIES, CONCURRENCY = "shadow.countries", "shadow.concurrency"
ANONYMIZER, CLUSTER = "shadow.anonymizer", "shadow.cluster"
WEEK = 7
MOST_SHARERS = 64


@dataclass(slots=True)
class _Key:
    """What is remembered of one key."""

    day: int = 0
    countries: set[str] = field(default_factory=set)
    many: deque[int] = field(default_factory=deque)
    """Days with many countries, of the last seven."""
    window: int = 0
    in_window: dict[str, int] = field(default_factory=dict)
    windows: int = 0
    counted_window: int = -1
    week: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Day, uses, and uses through anonymizers."""
    told: dict[str, int] = field(default_factory=dict)
    """When each signal was given last, by day: once a week is enough."""


class Detector:
    """Sees uses one by one."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._at = thresholds
        self._keys: OrderedDict[str, _Key] = OrderedDict()
        self._day = 0
        self._sharers: dict[str, set[str]] = {}
        self._together: dict[str, _Pool] = {}
        self._last: datetime | None = None

    def see(self, use: Use) -> Iterator[Signal]:
        """Look at one use; give what stands out with it."""
        day = use.at.toordinal()
        if day != self._day:
            yield from self._end_day(use.at)
            self._day = day
        self._last = use.at
        state = self._state(use.key)
        if state.day != day:
            self._new_day(state, day)
        self._share(use)
        yield from self._anonymizers(use, state, day)
        if not self._is_eyeball(use) or use.country is None:
            return
        yield from self._countries(use, state, day)
        yield from self._concurrency(use, state, day)

    def finish(self) -> Iterator[Signal]:
        """Give what stands out at the end of the last day."""
        if self._last is not None:
            yield from self._end_day(self._last)

    def _state(self, key: str) -> _Key:
        state = self._keys.get(key)
        if state is None:
            state = self._keys[key] = _Key()
            if len(self._keys) > self._at.most_keys:
                self._keys.popitem(last=False)
        else:
            self._keys.move_to_end(key)
        return state

    def _new_day(self, state: _Key, day: int) -> None:
        state.day, state.windows = day, 0
        state.countries.clear()
        while state.many and state.many[0] <= day - WEEK:
            state.many.popleft()
        while state.week and state.week[0][0] <= day - WEEK:
            state.week.popleft()
        state.week.append((day, 0, 0))

    def _is_eyeball(self, use: Use) -> bool:
        declared = self._at.declared.get(use.key)
        return use.network in EYEBALLS and not (declared and use.prefix in declared)

    def _countries(self, use: Use, state: _Key, day: int) -> Iterator[Signal]:
        state.countries.add(use.country or "")
        if len(state.countries) < self._at.countries_a_day or (
            state.many and state.many[-1] == day
        ):
            return
        state.many.append(day)
        if len(state.many) >= self._at.days_a_week and _is_news(state, COUNTRIES, day):
            facts = {"countries": sorted(state.countries), "days": len(state.many)}
            yield Signal(COUNTRIES, REVIEW, (use.account,), use.at, facts)

    def _concurrency(self, use: Use, state: _Key, day: int) -> Iterator[Signal]:
        """Count windows with several uses from each of two countries."""
        window = int(use.at.timestamp()) // self._at.window_s
        if window != state.window:
            state.window = window
            state.in_window.clear()
        state.in_window[use.country or ""] = state.in_window.get(use.country or "", 0) + 1
        often = [one for one, count in state.in_window.items() if count >= self._at.uses_a_place]
        if len(often) < 2 or state.counted_window == window:
            return
        state.counted_window = window
        state.windows += 1
        if state.windows >= self._at.windows_a_day and _is_news(state, CONCURRENCY, day):
            facts = {
                "countries": sorted(often),
                "windows": state.windows,
                "distance": "unavailable",
            }
            yield Signal(CONCURRENCY, REVIEW, (use.account,), use.at, facts)

    def _anonymizers(self, use: Use, state: _Key, day: int) -> Iterator[Signal]:
        last = state.week[-1]
        state.week[-1] = (day, last[1] + 1, last[2] + (use.network in ANONYMIZERS))
        if use.network not in ANONYMIZERS:
            return
        uses = sum(one[1] for one in state.week)
        hidden = sum(one[2] for one in state.week)
        enough = uses >= self._at.anonymizer_uses and hidden > uses * self._at.anonymizer_share
        if enough and _is_news(state, ANONYMIZER, day):
            level = REVIEW if use.account in self._at.at_home else ADVISORY
            facts = {"uses": uses, "through_anonymizers": hidden}
            yield Signal(ANONYMIZER, level, (use.account,), use.at, facts)

    def _share(self, use: Use) -> None:
        """Note who uses one hosting address today."""
        if use.network != "hosting" or use.client is None:
            return
        sharers = self._sharers.get(use.client)
        if sharers is None:
            if len(self._sharers) >= self._at.most_addresses:
                return
            sharers = self._sharers[use.client] = set()
        if len(sharers) < MOST_SHARERS:
            sharers.add(use.account)

    def _end_day(self, at: datetime) -> Iterator[Signal]:
        """Join accounts that shared an address today, and see who did so on several days."""
        pairs: dict[str, set[str]] = defaultdict(set)
        for accounts in self._sharers.values():
            owners = {self._at.parents.get(one, one) for one in accounts}
            if len(owners) >= self._at.shared_accounts:
                for one in accounts:
                    pairs[one] |= accounts
        self._sharers.clear()
        told: set[str] = set()
        for account in sorted(pairs):
            pool = self._together.setdefault(account, _Pool())
            pool.see(self._day, pairs[account])
            if account not in told and pool.days >= self._at.shared_days and not pool.told:
                members = tuple(sorted(pool.members))
                told |= set(members)
                facts = {"accounts": len(members), "days": pool.days, "by": "hosting address"}
                yield Signal(CLUSTER, REVIEW, members[:MOST_SHARERS], at, facts)
        for account in told:
            if account in self._together:
                self._together[account].told = True
        self._forget(at)

    def _forget(self, at: datetime) -> None:
        old = (at - timedelta(days=WEEK)).toordinal()
        for account in [one for one, pool in self._together.items() if pool.last < old]:
            del self._together[account]


@dataclass(slots=True)
class _Pool:
    """With whom an account shares addresses."""

    days: int = 0
    last: int = 0
    members: set[str] = field(default_factory=set)
    told: bool = False

    def see(self, day: int, members: set[str]) -> None:
        if day != self.last:
            self.days, self.last = self.days + 1, day
        if len(self.members) < 4 * MOST_SHARERS:
            self.members |= members


def _is_news(state: _Key, code: str, day: int) -> bool:
    """Whether a signal was not given for this key in the last seven days."""
    if day - state.told.get(code, -WEEK) < WEEK:
        return False
    state.told[code] = day
    return True
