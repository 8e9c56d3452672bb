"""The fewest extra models that keep service above a target under every single loss.

Requests that a loss leaves without an answer are grouped by which extra models could answer them.
Sets are tried from the smallest; the first that does is a smallest one. Where there are too many
sets to try, models are added greedily, and a bound says how many fewer might have done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

MOST_TRIED = 200_000
"""Sets that are tried before the search turns greedy."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to add."""

    models: tuple[str, ...]
    exact: bool
    """No smaller set will do. Otherwise it was found greedily."""
    at_least: int
    """No set of fewer than so many can do."""
    kept: Mapping[str, float]
    """Loss to the share of requests that is kept with these models."""
    beyond: Mapping[str, float]
    """Losses that no set of candidates brings above the target: the share kept with all."""


def propose(
    open_: Mapping[str, Mapping[int, int]],
    candidates: Sequence[str],
    total: int,
    target: float,
) -> Proposal:
    """Find a smallest set.

    ``open_`` gives for each loss the requests without an answer, by the mask of the candidates that
    could answer them (bit n: ``candidates[n]``). ``total`` is the number of requests served now.
    """
    most = total * (1 - target)
    every = (1 << len(candidates)) - 1
    beyond = {name: groups for name, groups in open_.items() if _lost(groups, every) > most}
    within = {name: groups for name, groups in open_.items() if name not in beyond}
    useful = _useful(within, len(candidates))
    chosen, exact, bound = _search(within, useful, most)
    kept = {name: _share(groups, chosen, total) for name, groups in open_.items()}
    hopeless = {name: _share(groups, every, total) for name, groups in beyond.items()}
    names = tuple(name for at, name in enumerate(candidates) if chosen >> at & 1)
    return Proposal(names, exact, bound, kept, hopeless)


def _search(
    within: Mapping[str, Mapping[int, int]], useful: Sequence[int], most: float
) -> tuple[int, bool, int]:
    tried = 0
    for size in range(len(useful) + 1):
        if size < _bound(within, useful, most):
            continue
        tried += comb(len(useful), size)
        if tried > MOST_TRIED:
            return _greedy(within, useful, most), False, size
        for numbers in combinations(useful, size):
            chosen = sum(1 << at for at in numbers)
            if all(_lost(groups, chosen) <= most for groups in within.values()):
                return chosen, True, size
    return sum(1 << at for at in useful), False, 0


def _bound(within: Mapping[str, Mapping[int, int]], useful: Sequence[int], most: float) -> int:
    """Give a size below which no set can do: each loss with its best models, nothing shared."""
    needed = 0
    for groups in within.values():
        lost = _lost(groups, 0)
        gains = sorted((lost - _lost(groups, 1 << at) for at in useful), reverse=True)
        size = 0
        while lost > most and size < len(gains):
            lost -= gains[size]
            size += 1
        needed = max(needed, size)
    return needed


def _greedy(within: Mapping[str, Mapping[int, int]], useful: Sequence[int], most: float) -> int:
    chosen = 0
    while any(_lost(groups, chosen) > most for groups in within.values()):

        def left(at: int, so_far: int = chosen) -> float:
            each = (_lost(groups, so_far | 1 << at) for groups in within.values())
            return sum(max(lost - most, 0) for lost in each)

        chosen |= 1 << min((at for at in useful if not chosen >> at & 1), key=left)
    return chosen


def _useful(within: Mapping[str, Mapping[int, int]], count: int) -> list[int]:
    """Leave out models that another one can stand in for everywhere."""
    groups = {(name, mask) for name, one in within.items() for mask in one}
    covers = {at: frozenset(one for one in groups if one[1] >> at & 1) for at in range(count)}
    kept: list[int] = []
    for at in sorted(covers, key=lambda at: (-len(covers[at]), at)):
        if covers[at] and not any(covers[at] <= covers[other] for other in kept):
            kept.append(at)
    return sorted(kept)


def _lost(groups: Mapping[int, int], chosen: int) -> int:
    return sum(requests for mask, requests in groups.items() if not mask & chosen)


def _share(groups: Mapping[int, int], chosen: int, total: int) -> float:
    return 1 - _lost(groups, chosen) / total if total else 1.0
