"""One column of the decision table: for each value of a fact, the mask of bits it satisfies.

A bit is one disjunct of one rule. Bits that ask nothing of the fact are in every mask.
"""

from dataclasses import dataclass, field

from bailiwick.facts import Absent, Fact, Kind
from bailiwick.policy import HIDDEN, Condition

MOST_CACHED = 8192
"""Distinct values remembered by one column; beyond, it begins anew."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one value of one fact satisfies."""

    mask: int
    """Bits that hold."""
    missing: int = 0
    """Of these, the ones that hold only because required evidence is absent."""
    open: int = -1
    """As ``mask``, but everything where the value is unknown: what evidence could still satisfy."""
    bare: int = -1
    """As ``open``, but without the condition that an anonymizer hides the address."""
    free: int = 0
    """Bits that ask nothing of this fact."""

    def joined(self, other: "Entry") -> "Entry":
        """Combine two facts: conditions of both must hold."""
        return Entry(
            self.mask & other.mask,
            self.missing | other.missing,
            self.open & other.open,
            self.bare & other.bare,
            self.free & other.free,
        )


@dataclass(slots=True)
class _Asked:
    """Bits that ask the same of this fact."""

    conditions: tuple[Condition, ...]
    strict: bool
    required: bool
    bits: int = 0


@dataclass(slots=True)
class Column:
    """All that any rule asks of one fact."""

    fact: str
    kind: Kind
    every: int
    """The mask of all bits."""
    asking: int = 0
    """Bits that have a condition here."""
    asked: dict[tuple[tuple[Condition, ...], bool, bool], _Asked] = field(default_factory=dict)
    _cache: dict[Fact | str, Entry] = field(default_factory=dict)

    def add(
        self, bit: int, conditions: tuple[Condition, ...], strict: bool, required: bool
    ) -> None:
        """Let one bit ask these conditions of the fact."""
        key = (conditions, strict, required)
        self.asked.setdefault(key, _Asked(*key)).bits |= bit
        self.asking |= bit

    def entry(self, fact: Fact) -> Entry:
        """Look up one candidate, one whole set, or ``UNKNOWN``."""
        found = self._cache.get(fact)
        if found is None:
            if len(self._cache) >= MOST_CACHED:
                self._cache.clear()
            found = self._unknown() if isinstance(fact, Absent) else self._known(fact)
            self._cache[fact] = found
        return found

    def _unknown(self) -> Entry:
        mask, missing = self.every & ~self.asking, 0
        for asked in self.asked.values():
            if all(one.unknown for one in asked.conditions):
                mask |= asked.bits
            elif asked.required:
                mask |= asked.bits
                missing |= asked.bits
        return Entry(mask, missing, free=self.every & ~self.asking)

    def _known(self, fact: frozenset[str]) -> Entry:
        mask = bare = self.every & ~self.asking
        for asked in self.asked.values():
            failing = [one for one in asked.conditions if not self._holds(one, fact, asked.strict)]
            if not failing:
                mask |= asked.bits
            if all(one.dimension == HIDDEN for one in failing):
                bare |= asked.bits
        return Entry(mask, 0, mask, bare, self.every & ~self.asking)

    def _holds(self, condition: Condition, fact: frozenset[str], strict: bool) -> bool:
        if self.kind is Kind.SET:
            return condition.admits_names(fact)
        admitted = map(condition.admits, fact)
        return any(admitted) if strict and self.kind is Kind.ALL_PLACES else all(admitted)
