"""Compare packs with one another, and places with packs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bailiwick.providers.values import Pack


@dataclass(frozen=True, slots=True)
class PackDifference:
    """What one pack says otherwise than another."""

    added: tuple[str, ...]
    """Places served by the new one alone; territories that come along are counted."""
    removed: tuple[str, ...]
    excluded_added: tuple[str, ...]
    excluded_removed: tuple[str, ...]
    changed: tuple[tuple[str, str, str], ...]
    """Other keys: name, before, after."""

    @property
    def decides(self) -> bool:
        """Whether any place is served or not served anew."""
        return bool(self.added or self.removed or self.excluded_added or self.excluded_removed)


@dataclass(frozen=True, slots=True)
class Unserved:
    """A place of ours that a provider does not list."""

    provider: str
    what: str
    """What is there: ``country``, ``account NAME``, ``egress of UPSTREAM``."""
    place: str
    why: str
    later: bool
    """A later, partial copy of the page does list it."""


_OTHER = ("as_of", "source", "complete", "changed_since", "territories")


def diff_packs(old: Pack, new: Pack) -> PackDifference:
    """Say what ``new`` serves that ``old`` does not, and the reverse."""
    before, after = old.everywhere, new.everywhere
    out_before = {one.place for one in old.excluded}
    out_after = {one.place for one in new.excluded}
    return PackDifference(
        tuple(sorted(after - before)),
        tuple(sorted(before - after)),
        tuple(sorted(out_after - out_before)),
        tuple(sorted(out_before - out_after)),
        tuple(_changed(old, new)),
    )


def _changed(old: Pack, new: Pack) -> Iterator[tuple[str, str, str]]:
    for name in _OTHER:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield name, _word(before), _word(after)


def _word(value: object) -> str:
    return {True: "true", False: "false", None: "unknown"}.get(value, str(value))  # type: ignore[call-overload,no-any-return]  # any value may be asked for


def unserved(pack: Pack, places: Iterable[tuple[str, str]]) -> Iterator[Unserved]:
    """List which of ``places``, each with what is there, the provider does not serve."""
    for what, place in places:
        if pack.serves(place) is False:
            is_excluded = any(place == one.place for one in pack.excluded)
            why = pack.excluded_wording if is_excluded else None
            later = place in pack.later_places()
            yield Unserved(pack.name, what, place, why or "not listed", later)
