"""A data file is believed whole or not at all."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bailiwick.location import AddressTable, DamagedFile, embedded_path
from bailiwick.location.answers import Answer
from bailiwick.location.storage import (
    Description,
    pack_table,
    read_stable,
    unpack_table,
    write_atomically,
)

ABOUT = Description(
    name="small",
    schema="test",
    role="located",
    built_at=datetime(2026, 6, 25, 4, 33, 59, tzinfo=UTC),
    complete=True,
    versions=(4,),
    licence="CC0",
    credit="somebody",
    notes=("`EU` is no place",),
)


@pytest.fixture
def small(table: Callable[..., AddressTable]) -> bytes:
    made = table({
        "8.0.0.0/8": Answer(("XA",)),
        "8.8.8.8": Answer(("RU", "UA-43"), "vpn", "XB"),
        "9.0.0.0/8": Answer(("XB",), cell=(-34, 151, 100)),
        "2a00::/20": Answer(("XC-01",), "tor"),
        "2a00::1:0/112": Answer(network="hosting"),
    })  # fmt: skip
    return pack_table(made, ABOUT)


def test_what_is_written_is_read(small: bytes) -> None:
    table, about = unpack_table(small, "small")

    assert about == ABOUT
    assert table.answer(bytes([8, 8, 8, 8])) == Answer(("RU", "UA-43"), "vpn", "XB")
    assert table.place_of("8.8.8.9") == "XA"
    assert table.place_of("2a00:1::") == "XC-01"
    assert pack_table(table, about) == small


@pytest.mark.parametrize("file", ["small", "embedded"])
def test_a_flipped_bit_is_always_noticed(file: str, small: bytes) -> None:
    data = bytearray(small if file == "small" else read_stable(embedded_path()))
    rng = random.Random(7)
    bits = range(len(data) * 8) if len(data) < 1000 else rng.sample(range(len(data) * 8), 1000)

    for bit in bits:
        data[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(DamagedFile):
            unpack_table(bytes(data), "x")
        data[bit >> 3] ^= 1 << (bit & 7)


def test_a_file_cut_at_any_block_is_refused() -> None:
    data = read_stable(embedded_path())

    for length in range(0, len(data), 4096):
        with pytest.raises(DamagedFile):
            unpack_table(data[:length], "x")


def test_a_short_file_cut_anywhere_is_refused(small: bytes) -> None:
    for length in range(len(small)):
        with pytest.raises(DamagedFile):
            unpack_table(small[:length], "x")


@pytest.mark.parametrize(
    "junk", [b"", b"\0" * 100, b"<html>not found</html>", b"PK\3\4", b"\x89BWL\r\n"]
)
def test_another_file_is_refused(junk: bytes) -> None:
    with pytest.raises(DamagedFile):
        unpack_table(junk, "x")


def test_more_bytes_at_the_end_are_noticed(small: bytes) -> None:
    with pytest.raises(DamagedFile, match="checksum"):
        unpack_table(small + b"\0", "x")


@pytest.mark.parametrize(
    "answer", [Answer(("EU",)), Answer(("UK",)), Answer(("US-PR",)), Answer(network="onion")]
)
def test_an_answer_that_this_program_does_not_know_is_refused(
    answer: Answer, table: Callable[..., AddressTable]
) -> None:
    data = pack_table(table({"8.0.0.0/8": answer}), ABOUT)

    with pytest.raises(DamagedFile, match="not an answer"):
        unpack_table(data, "x")


def test_a_file_of_a_later_format_is_refused(small: bytes) -> None:
    later = small[:8] + b"\0\2" + small[10:]

    with pytest.raises(DamagedFile, match="format 2"):
        unpack_table(later, "x")


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.bwl"
    path.write_bytes(b"a" * 100)
    real, calls = os.fstat, []

    def fstat_while_somebody_appends(handle: int) -> os.stat_result:
        calls.append(handle)
        if len(calls) == 2:
            with path.open("ab") as file:
                file.write(b"b")
        return real(handle)

    monkeypatch.setattr("bailiwick.location.storage.os.fstat", fstat_while_somebody_appends)

    with pytest.raises(DamagedFile, match="changed while"):
        read_stable(path)


@pytest.mark.parametrize("what", ["missing", "folder"])
def test_what_is_no_file_is_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path if what == "folder" else tmp_path / "missing"

    with pytest.raises(DamagedFile):
        read_stable(path)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "data.bwl"
    write_atomically(path, b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new")

        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["data.bwl"]


def test_data_without_a_date_stay_without_one(table: Callable[..., AddressTable]) -> None:
    data = pack_table(table({"8.0.0.0/8": Answer(("XA",))}), replace(ABOUT, built_at=None))

    assert unpack_table(data, "x")[1].built_at is None
