"""Impossible travel: two places, each used at least twice, that nobody gets between so fast.

    speed = max(0, distance of the middles - both radii) / time between

Only eyeball networks count, and places with coordinates and a radius. While a key is young its
places are learned; what it did then is usual and no sign afterwards. A mobile gateway cannot be
told from a home, which is one reason why a hit informs, and only several on different days ask for
a look.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from bailiwick.location import Cell, apart_km
from bailiwick.signals.settings import Thresholds

LEAST_S = 60.0
MOST_USUAL = 32
USUAL_DAYS = 2


@dataclass(slots=True)
class _Stay:
    cell: Cell
    first_at: datetime
    last_at: datetime
    uses: int = 1


@dataclass(slots=True)
class Travel:
    """The journeys of one key."""

    began: int = 0
    """Day of the first use; 0: none yet."""
    here: _Stay | None = None
    before: _Stay | None = None
    usual: dict[Cell, tuple[int, int]] = field(default_factory=dict)
    """Days on which a cell was used while the key was young, and the last of them."""

    def see(self, at: datetime, cell: Cell, rules: Thresholds) -> dict[str, Any] | None:
        """Look at one use; give the facts of a journey that nobody can make."""
        day = at.toordinal()
        self.began = self.began or day
        young = day - self.began < rules.travel_learning_days
        if young:
            self._learn(cell, day)
        arrived = self._move(at, cell, rules.uses_a_place)
        if young or not arrived or self.before is None or self.here is None:
            return None
        if self._is_usual(self.before.cell) and self._is_usual(cell):
            return None
        return _too_fast(self.before, self.here, rules)

    def _move(self, at: datetime, cell: Cell, uses: int) -> bool:
        """Note where the key is now; whether it has just been there often enough to count."""
        here = self.here
        if here is not None and here.cell == cell:
            here.uses, here.last_at = here.uses + 1, at
            return here.uses == uses
        if here is not None and here.uses >= uses:
            self.before = here
        self.here = _Stay(cell, at, at)
        return uses == 1

    def _learn(self, cell: Cell, day: int) -> None:
        days, last = self.usual.get(cell, (0, 0))
        if last != day and (cell in self.usual or len(self.usual) < MOST_USUAL):
            self.usual[cell] = (days + 1, day)

    def _is_usual(self, cell: Cell) -> bool:
        return self.usual.get(cell, (0, 0))[0] >= USUAL_DAYS


def _too_fast(before: _Stay, here: _Stay, rules: Thresholds) -> dict[str, Any] | None:
    km = apart(before.cell, here.cell)
    seconds = max(LEAST_S, (here.first_at - before.last_at).total_seconds())
    speed = km / seconds * 3600
    if km < rules.apart_km or speed < rules.travel_km_h:
        return None
    return {"km": round(km), "minutes": round(seconds / 60), "km_h": round(speed)}


@lru_cache(maxsize=65_536)
def apart(one: Cell, other: Cell) -> float:
    """Give the least distance between two cells, which come again and again."""
    return apart_km(one, other)
