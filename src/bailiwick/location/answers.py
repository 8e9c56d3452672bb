"""What one source says about one address.

Tables hold small numbers; this is what the numbers stand for. Answer 0 of every table says nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bailiwick.facts import NETWORKS
from bailiwick.location.cells import Cell
from bailiwick.places import country_of, is_subdivision


@dataclass(frozen=True, slots=True)
class Answer:
    """The same few answers serve millions of addresses, so they are shared."""

    places: tuple[str, ...] = ()
    """Where the address is used. Two, if the source files a place under a second country."""
    network: str | None = None
    """Class of ``bailiwick.facts.NETWORKS``; ``None``: the source says nothing of it."""
    holder: str | None = None
    """Who holds the block. Never a location by itself."""
    cell: Cell | None = None
    """Roughly where, with a radius, if the source gives coordinates and their radius."""


NOTHING = Answer()


def strongest(networks: Iterable[str | None]) -> str | None:
    """Pick the class that hides most; ``residential`` only if nothing else is claimed."""
    return min((n for n in networks if n), key=NETWORKS.index, default=None)


def candidates(answers: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Join what several sources say into candidates, dropping a country that another one refines.

    ``UA`` and ``UA-43`` are one candidate, ``UA-43``; ``RU`` and ``UA-43`` are two.
    """
    every = {place for answer in answers for place in answer}
    refined = {country_of(place) for place in every if is_subdivision(place)}
    return tuple(sorted(every - refined))


def subdivisions_are_known(answers: Iterable[tuple[str, ...]], places: tuple[str, ...]) -> bool:
    """Tell whether a rule about a subdivision can be evaluated for every candidate.

    A country counts if its own source also named the subdivision that is filed under it.
    """
    named = {place for answer in answers if any(map(is_subdivision, answer)) for place in answer}
    return bool(places) and named.issuperset(places)
