"""Turn addresses in text into bytes, whole columns at a time."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.location import pack
from bailiwick.replay.rows import arrow, flags


def packed(texts: Any) -> Any:
    """Pack a binary or text array: 4 or 16 bytes each, null where it is no address."""
    pa = arrow()
    texts = texts.cast(pa.binary())
    values, good = parse_ipv4(texts)
    raw = values.astype(">u4").tobytes()
    if good.all():
        offsets = np.arange(0, 4 * len(values) + 1, 4, dtype=np.int32)
        return pa.Array.from_buffers(
            pa.binary(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(raw)]
        )
    rest = texts.filter(pa.array(~good)).dictionary_encode()
    each = [_pack(one) for one in rest.dictionary.to_pylist()]
    others = iter(each[code] if code is not None else None for code in rest.indices.to_pylist())
    found = [
        raw[4 * at : 4 * at + 4] if is_good else next(others)
        for at, is_good in enumerate(good.tolist())
    ]
    return pa.array(found, pa.binary())


def _pack(text: bytes | None) -> bytes | None:
    return pack(text.decode("latin-1").strip()) if text else None


def parse_ipv4(texts: Any) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
    """Read dotted quads: numbers, and which of them are such addresses; shape (rows,) each.

    Strict: four parts of one to three digits, none above 255, no leading zero.
    """
    chars, starts, ends = characters(texts)
    dots, good = _three_dots(chars, starts, ends)
    digits = np.append(chars, np.zeros(3, np.uint8)) - np.uint8(48)  # what is none is above 9
    value = np.zeros(len(starts), np.uint32)
    begin = starts
    for at in range(4):
        end = dots[:, at] if at < 3 else ends
        size = end - begin
        first, second, third = (digits[np.minimum(begin + one, len(chars))] for one in range(3))
        two, three = size > 1, size > 2
        part = first.astype(np.uint32)
        part = np.where(two, part * 10 + second, part)
        part = np.where(three, part * 10 + third, part)
        good &= (size > 0) & (size < 4) & (first <= 9) & (part <= 255)
        good &= ~two | ((first > 0) & (second <= 9))
        good &= ~three | (third <= 9)
        value = (value << np.uint32(8)) | part
        begin = end + 1
    if texts.null_count:
        good &= flags(texts.is_valid())
    return value, good


def characters(
    texts: Any,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """View a binary array: all its bytes, and where each text begins and ends in them."""
    rows = len(texts)
    offsets = np.frombuffer(texts.buffers()[1], np.int32, rows + 1, 4 * texts.offset)
    first, last = (int(offsets[0]), int(offsets[-1])) if rows else (0, 0)
    if first == last:
        return np.zeros(0, np.uint8), np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    chars = np.frombuffer(texts.buffers()[2], np.uint8, last - first, first)
    edges = offsets.astype(np.int64) - first
    return chars, edges[:-1], edges[1:]


def _three_dots(
    chars: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Find the three dots of every row, shape (rows, 3), and the rows that have just three."""
    dots = np.flatnonzero(chars == 46)
    if len(dots) == 3 * len(starts):
        found = dots.reshape(-1, 3)
        if (found[:, 0] >= starts).all() and (found[:, 2] < ends).all():
            return found, np.ones(len(starts), np.bool_)
    before = np.searchsorted(dots, np.append(starts, len(chars)))
    good = np.diff(before) == 3
    first = np.where(good, before[:-1], 0)
    return np.append(dots, np.zeros(3, np.int64))[first[:, None] + np.arange(3)], good
