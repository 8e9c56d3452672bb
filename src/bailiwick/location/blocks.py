"""Flatten blocks that may lie inside each other into runs: the most specific block wins.

Blocks in CIDR notation are nested or apart, never half over each other; other ranges must be apart.
"""

from collections.abc import Iterable

from bailiwick.errors import InvalidInput
from bailiwick.location.addresses import Network, show
from bailiwick.location.answers import NOTHING, Answer, strongest
from bailiwick.location.cells import joined_cell
from bailiwick.location.runs import Runs


class Answers:
    """Number the different answers of a source in the order they appear; 0 says nothing."""

    __slots__ = ("numbers",)

    def __init__(self) -> None:
        self.numbers: dict[Answer, int] = {NOTHING: 0}

    def number(self, answer: Answer) -> int:
        """Give an answer its number."""
        return self.numbers.setdefault(answer, len(self.numbers))

    def every(self) -> tuple[Answer, ...]:
        """List the answers by number."""
        return tuple(self.numbers)


def runs_of(blocks: Iterable[tuple[Network, Answer]], answers: Answers) -> tuple[Runs, Runs]:
    """Flatten blocks of both versions into IPv4 and IPv6 runs, numbering their answers."""
    found: dict[int, dict[tuple[int, int], Answer]] = {4: {}, 6: {}}
    for network, answer in blocks:
        same = found[network.version].setdefault((network.first, -network.last), answer)
        if same != answer:
            found[network.version][network.first, -network.last] = _both(same, answer)
    return _flatten(found[4], 32, answers), _flatten(found[6], 128, answers)


def _both(one: Answer, other: Answer) -> Answer:
    return Answer(
        tuple(sorted({*one.places, *other.places})),
        strongest((one.network, other.network)),
        one.holder or other.holder,
        joined_cell((one.cell, other.cell)),
    )


def _flatten(blocks: dict[tuple[int, int], Answer], bits: int, answers: Answers) -> Runs:
    starts, ids = [0], [0]
    around: list[tuple[int, int]] = [((1 << bits) - 1, 0)]

    def say(start: int, number: int) -> None:
        if starts[-1] == start:
            ids[-1] = number
        elif ids[-1] != number:
            starts.append(start)
            ids.append(number)

    def leave(before: int) -> None:
        while around[-1][0] < before:
            last, _ = around.pop()
            say(last + 1, around[-1][1])

    for (first, minus_last), answer in sorted(blocks.items(), key=lambda item: item[0]):
        leave(first)
        _must_fit(first, -minus_last, around[-1][0], bits)
        around.append((-minus_last, answers.number(answer)))
        say(first, around[-1][1])
    leave((1 << bits) - 1)
    return Runs.of(starts, ids, bits).merged()


def _must_fit(first: int, last: int, around: int, bits: int) -> None:
    if last > around:
        text = show(first.to_bytes(bits // 8, "big"))
        raise InvalidInput.of(f"the block that begins at {text} lies half over another one")
