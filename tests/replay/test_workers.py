"""Chunks are shared out among processes: each is worked on once, and what goes wrong is told."""

import os
import signal
from collections.abc import Iterator

import pytest

from bailiwick.errors import BailiwickError, InvalidInput, Position
from bailiwick.replay import Chunk
from bailiwick.replay.workers import spread

CHUNKS = [Chunk(str(number), "text", 0, 1, 1) for number in range(50)]


class Names:
    """Remembers the files of its chunks."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def chunk(self, chunk: Chunk) -> Iterator[tuple[int, int]]:
        self.files.append(chunk.file)
        yield chunk.size, 3

    def found(self) -> list[str]:
        return self.files


@pytest.mark.parametrize("workers", [1, 3])
def test_every_chunk_is_worked_on_once(workers: int) -> None:
    told: list[tuple[int, int]] = []

    found = spread(Names, CHUNKS, workers, lambda size, rows: told.append((size, rows)))

    assert sorted(name for names in found.found for name in names) == sorted(c.file for c in CHUNKS)
    assert (len(found.found), found.done) == (workers, len(CHUNKS))
    assert told == [(1, 3)] * len(CHUNKS)


def test_nothing_to_do_is_no_mistake() -> None:
    assert spread(Names, [], 2).found == []


class Wrong(Names):
    def chunk(self, chunk: Chunk) -> Iterator[tuple[int, int]]:
        raise InvalidInput.of("a column is missing", "add it", Position(chunk.file, 3))


def test_what_a_worker_cannot_use_is_told_as_it_told_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        spread(Wrong, CHUNKS[:1], 1)

    (problem,) = caught.value.problems
    assert (problem.message, problem.help) == ("a column is missing", "add it")
    assert problem.position == Position("0", 3)


class Dying(Names):
    def chunk(self, chunk: Chunk) -> Iterator[tuple[int, int]]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield 0, 0


def test_a_worker_that_dies_is_no_result() -> None:
    with pytest.raises(BailiwickError, match="ended before it was done"):
        spread(Dying, CHUNKS, 2)


class Interrupting(Names):
    def chunk(self, chunk: Chunk) -> Iterator[tuple[int, int]]:
        self.files.append(chunk.file)
        os.kill(os.getppid(), signal.SIGINT)
        while True:
            yield 0, 1


def test_an_interrupt_keeps_what_was_found_so_far() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found = spread(Interrupting, CHUNKS, 1)
    finally:
        after = signal.signal(signal.SIGINT, before)

    assert (found.found, found.done) == ([["0"]], 0)
    assert after is signal.default_int_handler
