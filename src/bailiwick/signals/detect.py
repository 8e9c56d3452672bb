"""The detectors: each use is looked at once, in the order of time, and memory is bounded.

For each key: countries of eyeball networks by day, places at the same time, journeys, the share of
anonymizers. Across accounts: what they have in common (``clusters``). Cloud regions are no travel,
so hosting networks count for nothing but the last; a network that the account declared as its own
counts for nothing at all.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Any

from bailiwick.location import Cell
from bailiwick.signals.clusters import CLUSTER, Clusters
from bailiwick.signals.settings import Background, Thresholds
from bailiwick.signals.travel import Travel, apart
from bailiwick.signals.uses import ADVISORY, ANONYMIZERS, EYEBALLS, REVIEW, Signal, Use

COUNTRIES, CONCURRENCY = "shadow.countries", "shadow.concurrency"
ANONYMIZER, TRAVEL = "shadow.anonymizer", "shadow.travel"
CODES = (COUNTRIES, CONCURRENCY, TRAVEL, ANONYMIZER, CLUSTER)
WEEK = 7
MOST_PLACES = 64
"""Places of one window that are told apart."""

Place = tuple[str, Cell | None]


@dataclass(slots=True)
class _Key:
    """What is remembered of one key."""

    day: int = 0
    countries: set[str] = field(default_factory=set)
    many: deque[int] = field(default_factory=deque)
    """Days with many countries, of the last seven."""
    window: int = 0
    in_window: dict[Place, int] = field(default_factory=dict)
    windows: int = 0
    counted_window: int = -1
    travel: Travel = field(default_factory=Travel)
    journeys: deque[int] = field(default_factory=deque)
    """Days with a journey that nobody can make, of the last seven."""
    week: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Day, uses, and uses through anonymizers."""
    told: dict[str, int] = field(default_factory=dict)
    """When each signal was given last, by day: once a week is enough."""


class Detector:
    """Sees uses one by one."""

    def __init__(self, thresholds: Thresholds, background: Background | None = None) -> None:
        self._at = thresholds
        self._known = background or Background()
        self._keys: OrderedDict[str, _Key] = OrderedDict()
        self._clusters = Clusters(thresholds, self._known)
        self._day = 0
        self._last: datetime | None = None
        self.located = 0
        """Uses of eyeball networks whose place has coordinates and a radius."""

    @property
    def remembered(self) -> tuple[int, int]:
        """How many keys and how many links of the day are in memory."""
        return len(self._keys), self._clusters.remembered

    def see(self, use: Use) -> Iterator[Signal]:
        """Look at one use; give what stands out with it."""
        day = use.at.toordinal()
        if day != self._day:
            if self._last is not None:
                yield from self._clusters.end_day(self._last, self._day)
            self._day = day
        self._last = use.at
        state = self._state(use.key)
        if state.day != day:
            self._new_day(state, day)
        self._clusters.see(use)
        if self._known.is_declared(use.account, use.prefix):
            return
        yield from self._anonymizers(use, state, day)
        if use.network not in EYEBALLS or use.country is None:
            return
        yield from self._countries(use, state, day)
        yield from self._concurrency(use, state, day)
        if use.cell is not None:
            self.located += 1
            yield from self._travel(use, use.cell, state, day)

    def finish(self) -> Iterator[Signal]:
        """Give what stands out at the end of the last day."""
        if self._last is not None:
            yield from self._clusters.end_day(self._last, self._day)
            yield from self._clusters.stored(self._last)

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
        for days in (state.many, state.journeys):
            while days and days[0] <= day - WEEK:
                days.popleft()
        while state.week and state.week[0][0] <= day - WEEK:
            state.week.popleft()
        state.week.append((day, 0, 0))

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
        """Count windows with several uses from each of two places that are apart."""
        window = int(use.at.timestamp()) // self._at.window_s
        if window != state.window:
            state.window = window
            state.in_window.clear()
        place = (use.country or "", use.cell)
        if place in state.in_window or len(state.in_window) < MOST_PLACES:
            state.in_window[place] = state.in_window.get(place, 0) + 1
        if len(state.in_window) < 2 or state.counted_window == window:
            return
        often = [one for one, count in state.in_window.items() if count >= self._at.uses_a_place]
        facts = next(filter(None, (self._apart(*two) for two in combinations(often, 2))), None)
        if facts is None:
            return
        state.counted_window = window
        state.windows += 1
        if state.windows >= self._at.windows_a_day and _is_news(state, CONCURRENCY, day):
            facts = {**facts, "windows": state.windows}
            yield Signal(CONCURRENCY, REVIEW, (use.account,), use.at, facts)

    def _apart(self, one: Place, other: Place) -> dict[str, Any] | None:
        """Tell that two places are apart: by distance where it is known, else by country."""
        countries = sorted({one[0], other[0]})
        if one[1] is not None and other[1] is not None:
            km = apart(one[1], other[1])
            return {"countries": countries, "km": round(km)} if km >= self._at.apart_km else None
        return {"countries": countries, "km": "unavailable"} if len(countries) > 1 else None

    def _travel(self, use: Use, cell: Cell, state: _Key, day: int) -> Iterator[Signal]:
        """Inform of one impossible journey; ask for a look when they come on several days."""
        facts = state.travel.see(use.at, cell, self._at)
        if facts is None:
            return
        if not state.journeys or state.journeys[-1] != day:
            state.journeys.append(day)
        days = len(state.journeys)
        level = REVIEW if days >= self._at.travel_days else ADVISORY
        if _is_news(state, f"{TRAVEL} {level}", day):
            yield Signal(TRAVEL, level, (use.account,), use.at, {**facts, "days": days})

    def _anonymizers(self, use: Use, state: _Key, day: int) -> Iterator[Signal]:
        last = state.week[-1]
        state.week[-1] = (day, last[1] + 1, last[2] + (use.network in ANONYMIZERS))
        if use.network not in ANONYMIZERS:
            return
        uses = sum(one[1] for one in state.week)
        hidden = sum(one[2] for one in state.week)
        enough = uses >= self._at.anonymizer_uses and hidden > uses * self._at.anonymizer_share
        if enough and _is_news(state, ANONYMIZER, day):
            level = REVIEW if use.account in self._known.declared else ADVISORY
            facts = {"uses": uses, "through_anonymizers": hidden}
            yield Signal(ANONYMIZER, level, (use.account,), use.at, facts)


def _is_news(state: _Key, code: str, day: int) -> bool:
    """Whether a signal was not given for this key in the last seven days."""
    if day - state.told.get(code, -WEEK) < WEEK:
        return False
    state.told[code] = day
    return True
