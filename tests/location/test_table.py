"""A table answers what its blocks say: the same as a slow, plain search."""

from bisect import bisect_right
from collections.abc import Callable
from itertools import cycle, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.errors import InvalidInput
from bailiwick.location import AddressTable, is_routable, pack
from bailiwick.location.addresses import Network
from bailiwick.location.answers import NOTHING, Answer
from bailiwick.location.blocks import Answers, runs_of
from bailiwick.location.runs import Runs, silenced

XA, XB, XC = (Answer((place,)) for place in ("XA", "XB", "XC"))
BASE = {32: 8 << 24, 128: 0x2A00 << 112}


@st.composite
def nested_blocks(draw: st.DrawFn, bits: int) -> list[tuple[Network, Answer]]:
    version = 4 if bits == 32 else 6
    blocks = []
    for _ in range(draw(st.integers(0, 12))):
        free = draw(
            st.sampled_from(
                [0, 1, 3, 7, 8, 9, 15, 16, 20] + [60, 63, 64, 65, 70, 100] * (bits > 32)
            )
        )
        near = draw(st.integers(0, 40)) << draw(
            st.sampled_from([0, 6, 8, 12, 16] + [56, 64, 72] * (bits > 32))
        )
        first = (BASE[bits] + near) >> free << free
        blocks.append(
            (Network(version, first, first | (1 << free) - 1), draw(st.sampled_from([XA, XB, XC])))
        )
    return blocks  # fmt: skip


def plainly(blocks: list[tuple[Network, Answer]], number: int) -> set[Answer]:
    """Answer from the most specific block; several, if equal blocks say different things."""
    around = [(b.last - b.first, answer) for b, answer in blocks if b.first <= number <= b.last]
    smallest = min((size for size, _ in around), default=0)
    return {answer for size, answer in around if size == smallest} or {NOTHING}


def edges(blocks: list[tuple[Network, Answer]], bits: int) -> list[int]:
    points = {n for b, _ in blocks for n in (b.first - 1, b.first, b.last, b.last + 1)}
    return sorted(points | {0, (1 << bits) - 1, BASE[bits]})


@pytest.mark.parametrize("bits", [32, 128])
@settings(max_examples=60)
@given(data=st.data())
def test_the_most_specific_block_answers(bits: int, data: st.DataObject) -> None:
    blocks = data.draw(nested_blocks(bits))
    answers = Answers()
    found = AddressTable(*runs_of(blocks, answers), answers.every())

    for number in edges(blocks, bits):
        want = {place for answer in plainly(blocks, number) for place in answer.places}
        assert set(found.answer(number.to_bytes(bits // 8, "big")).places) == want


@st.composite
def some_runs(draw: st.DrawFn, bits: int, answers: int) -> Runs:
    grains = [1, 64, 256, 1 << 14] + [1 << 60, 1 << 64, 1 << 80] * (bits > 32)
    steps = draw(st.lists(st.tuples(st.integers(1, 300), st.sampled_from(grains)), max_size=40))
    starts = [0]
    for many, grain in steps:
        starts.append(starts[-1] + many * grain)
    starts = [start for start in starts if start < 1 << bits]
    ids = islice(
        cycle(draw(st.lists(st.integers(0, answers - 1), min_size=3, max_size=9))), len(starts)
    )
    return Runs.of(starts, list(ids), bits)


@pytest.mark.parametrize("answers", [3, 254, 255, 700], ids=lambda n: f"{n} answers")
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_a_table_is_its_runs(answers: int, data: st.DataObject) -> None:
    v4, v6 = data.draw(some_runs(32, answers)), data.draw(some_runs(128, answers))
    every = [NOTHING, *(Answer(("XA",), holder=str(n)) for n in range(1, answers))]
    table = AddressTable(v4, v6, every)

    for runs, bits in ((v4, 32), (v6, 128)):
        pairs = zip(runs.high.tolist(), runs.low.tolist(), strict=True)
        starts = [high if bits == 32 else high << 64 | low for high, low in pairs]
        for number in {n for start in starts for n in (start, start - 1, start + 1)}:
            if 0 <= number < 1 << bits:
                want = int(runs.ids[bisect_right(starts, number) - 1])
                assert table.id_of(number.to_bytes(bits // 8, "big")) == want
    for kept, given_runs in zip(table.runs(), (v4, v6), strict=True):
        merged = given_runs.merged()
        assert np.array_equal(kept.high, merged.high)
        assert np.array_equal(kept.low, merged.low)
        assert np.array_equal(kept.ids, merged.ids)
    batch = np.random.default_rng(1).integers(0, 1 << 20, 2000, dtype=np.uint32)
    singly = [table.id_of(int(n).to_bytes(4, "big")) for n in batch]
    assert table.ids_of_batch(batch).tolist() == singly


def test_a_batch_gives_the_numbers_of_its_places(table: Callable[..., AddressTable]) -> None:
    made = table({"8.0.0.0/8": XA, "8.8.8.0/24": XB, "8.8.8.8": XC})
    addresses = np.array([0x08000001, 0x08080801, 0x08080808, 0x09000000], np.uint32)

    ids = made.ids_of_batch(addresses)

    assert [made.places[number] for number in ids] == ["XA", "XB", "XC", None]


def test_a_place_is_looked_up_by_text(table: Callable[..., AddressTable]) -> None:
    made = table({"8.8.8.0/25": XA, "2a00::/32": XB, "2a00::8:0/112": XC})

    assert made.place_of("8.8.8.127") == "XA"
    assert made.place_of("8.8.8.128") is None
    assert made.place_of("2a00::1") == "XB"
    assert made.place_of("2A00::8:ffff") == "XC"
    assert made.place_of("2a00::9:0") == "XB"
    with pytest.raises(InvalidInput, match=r"`8\.8\.8` is not an IP address"):
        made.place_of("8.8.8")
    with pytest.raises(InvalidInput):
        made.place_of("2a00::1%eth0")


@pytest.mark.parametrize("bits", [32, 128])
def test_addresses_that_are_nowhere_are_silenced_and_no_others(bits: int) -> None:
    everywhere = Runs.of([0], [1], bits)
    kept = silenced(everywhere, bits)

    assert kept.problem(bits, 2) is None
    empty = Runs.nothing()
    pair = (kept, empty) if bits == 32 else (empty, kept)
    made = AddressTable(*pair, [NOTHING, XA])
    for text in (
        "9.9.9.9",
        "10.0.0.1",
        "203.0.113.1",
        "223.255.255.255",
        "224.0.0.0",
        "255.255.255.255",
        "0.0.0.0",
        "1.0.0.0",
        "2001:db8::1",
        "2000::",
        "3fff:1000::",
        "::1",
        "ff02::1",
        "2002::1",
        "64:ff9b::1",
        "64:ff9a::1",
        "2001:1::1",
        "2001:1::2",
        "2001:1::4",
        "2001:200::",
    ):
        packed = pack(text) or b""
        if len(packed) * 8 == bits:
            assert (made.answer(packed) is not NOTHING) == is_routable(packed), text  # fmt: skip


@pytest.mark.parametrize(
    ("runs", "bits", "problem"),
    [
        (Runs.of([1], [0], 32), 32, "first address"),
        (Runs.of([0, 5, 5], [0, 1, 0], 32), 32, "order"),
        (Runs.of([0, 9, 5], [0, 1, 0], 128), 128, "order"),
        (Runs.of([0, 1 << 32], [0, 1], 32), 32, "IPv4 address space"),
        (Runs.of([0, 7], [0, 2], 32), 32, "answer"),
    ],
)
def test_runs_that_make_no_sense_are_found(runs: Runs, bits: int, problem: str) -> None:
    assert problem in (runs.problem(bits, 2) or "")


def test_ranges_that_lie_half_over_each_other_are_refused() -> None:
    blocks = [(Network(4, 0, 10), XA), (Network(4, 5, 15), XB)]

    with pytest.raises(InvalidInput, match="half over"):
        runs_of(blocks, Answers())


def test_more_answers_than_fit_are_refused() -> None:
    many = [NOTHING, *(Answer(holder=str(n)) for n in range(65_534))]

    with pytest.raises(InvalidInput, match="different answers"):
        AddressTable(Runs.nothing(), Runs.nothing(), many)
