"""Turn addresses in text into bytes, whole columns at a time."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bailiwick.location import pack
from bailiwick.replay.rows import arrow, flags

LONGEST = 15
"""Of an IPv4 address in text."""


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
    rows = len(texts)
    offsets = np.frombuffer(texts.buffers()[1], np.int32, rows + 1, 4 * texts.offset)
    data = texts.buffers()[2]
    chars = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    starts, lengths = offsets[:-1], np.diff(offsets)
    good = (lengths >= 7) & (lengths <= LONGEST)
    if texts.null_count:
        good &= flags(texts.is_valid())
    value = np.zeros(rows, np.uint32)
    part = np.zeros(rows, np.int32)
    digits = np.zeros(rows, np.int8)
    dots = np.zeros(rows, np.int8)
    last = max(len(chars) - 1, 0)
    for at in range(LONGEST):
        inside = lengths > at
        char = (
            np.where(inside, chars[np.minimum(starts + at, last)], 0)
            if len(chars)
            else np.zeros(rows, np.uint8)
        )
        digit = char.astype(np.int32) - 48
        is_digit = (digit >= 0) & (digit <= 9) & inside
        is_dot = inside & (char == 46)
        good &= ~inside | is_digit | (is_dot & (digits > 0))
        good &= ~(is_digit & (digits > 0) & (part == 0))
        part = np.where(is_digit, part * 10 + digit, part)
        digits += is_digit
        good &= (part <= 255) & (digits <= 3)
        value = np.where(is_dot, (value << np.uint32(8)) | part.astype(np.uint32), value)
        part = np.where(is_dot, 0, part)
        digits = np.where(is_dot, np.int8(0), digits)
        dots += is_dot
    good &= (dots == 3) & (digits > 0)
    return (value << np.uint32(8)) | part.astype(np.uint32), good
