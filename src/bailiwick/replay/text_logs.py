"""Read access logs in lines of text: nginx's and Envoy's, in the format that they were set to.

Whole blocks are split by pyarrow's CSV reader, which knows blanks and quotes. It is given only
lines with as many quotes as the format has; the others, and those that it refuses, go one by one
through a regular expression made of the same format, and what that refuses is counted.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bailiwick.errors import InvalidInput
from bailiwick.location import pack
from bailiwick.replay.addresses import characters, packed
from bailiwick.replay.rows import Read, Skipped, arrow, batch, numbers

if TYPE_CHECKING:
    import pyarrow as pa

COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent"'
)
ENVOY = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"'
)
FORMATS = {
    "nginx": COMBINED,
    "nginx-model": f'{COMBINED} "$model" "$account"',
    "envoy": ENVOY,
    "envoy-model": f'{ENVOY} "%DYNAMIC_METADATA(model)%" "%DYNAMIC_METADATA(account)%"',
}
"""Formats by name; any other is given in full."""

_ROLES = {
    "remote_addr": "address", "realip_remote_addr": "address",
    "downstream_remote_address_without_port": "address",
    "http_x_forwarded_for": "forwarded", "req(x-forwarded-for)": "forwarded",
    "remote_user": "user", "time_local": "time", "time_iso8601": "time", "msec": "time",
    "start_time": "time", "request": "request", "request_uri": "path", "uri": "path",
    "status": "status", "response_code": "status", "tokens_in": "tokens_in",
    "tokens_out": "tokens_out", "cost": "cost", "model": "model", "account": "account",
    "key": "key",
}  # fmt: skip
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}|%([^%]+)%")
_TOKEN = re.compile(r'"[^"]*"|\[[^\]]*\]|[^ ]+')
_MODEL_IN_PATH = re.compile(
    r"/model/([^/?]+)/(?:invoke|converse)|/deployments/([^/?]+)/|/models/([^/:?]+):\w"
)
_API = re.compile(r"/(?:messages|chat/completions|responses|embeddings|completions)(?:[/? ]|$)")
COUNTING = "/count_tokens"
NO_MODEL = "names no model"
NOT_A_MODEL_REQUEST = "not a request to a model"
BAD_LINE = "not in the format"


@dataclass(frozen=True, slots=True)
class LineFormat:
    """A format, ready to read lines by."""

    text: str
    tokens: tuple[tuple[str | None, int], ...]
    """What each blank-separated part means (``None``: nothing to us), and how many blanks its value
    is cut into. Empty: lines can only be read one by one."""
    pattern: re.Pattern[str]
    roles: frozenset[str]

    @property
    def quotes(self) -> int:
        """Quotes in a regular line."""
        return self.text.count('"')


@lru_cache(maxsize=64)
def line_format(text: str) -> LineFormat:
    """Read a format by name, or as nginx or Envoy spell it."""
    text = FORMATS.get(text, text)
    if not _VARIABLE.search(text):
        raise InvalidInput.of(
            f"`{text}` is no log format", f"one of {', '.join(FORMATS)}, or as in log_format"
        )
    tokens = [_token(token) for token in _TOKEN.findall(text)]
    roles = frozenset(role for role, _ in tokens if role)
    if not roles & {"address", "forwarded"}:
        raise InvalidInput.of(
            f"format `{text}` has no address", "add $remote_addr or %REQ(X-FORWARDED-FOR)%"
        )
    whole = tuple(tokens) if " ".join(_TOKEN.findall(text)) == text else ()
    return LineFormat(text, whole, re.compile(_regular(text)), roles)


def _token(token: str) -> tuple[str | None, int]:
    inner = token.strip('"[]')
    names = [_name(match) for match in _VARIABLE.finditer(inner)]
    if token[0] == '"' and names and names[0].startswith("req(:method)"):
        return "request", 1
    role = _role(names[0]) if len(names) == 1 and _VARIABLE.fullmatch(inner) else None
    return role, 2 if inner == "$time_local" else 1


def _name(match: re.Match[str]) -> str:
    return next(part for part in match.groups() if part).lower()


def _role(name: str) -> str | None:
    word = re.search(r"(?:^|[_(:-])(model|account|key)\)?$", name)
    return _ROLES.get(name) or (word[1] if word else None)


def _regular(text: str) -> str:
    parts, at, seen = [], 0, set()
    for match in _VARIABLE.finditer(text):
        parts.append(re.escape(text[at : match.start()]))
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        role = _role(_name(match))
        if _name(match) == "req(:method)":
            role = "request_method"
        value = (
            r'(?:[^"\\]|\\.)*' if before == after == '"' else r"[^\]]*" if after == "]" else ".*?"
        )
        named = role is not None and role not in seen
        parts.append(f"(?P<{role}>{value})" if named else f"(?:{value})")
        seen.add(role)
        at = match.end()
    return "^" + "".join(parts) + re.escape(text[at:]) + r"\s*$"


# ---- blocks --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How to read lines."""

    format: str
    assume_model: str | None = None
    """The model of lines that name none."""
    trusted: tuple[str, ...] = ()
    """Proxies whose addresses are passed over in X-Forwarded-For."""


def read_block(text: bytes, place: Any, options: TextOptions, skipped: Skipped) -> Read:
    """Read whole lines. ``place`` gives where a line stands, from its number (0 is the first) and
    its first byte in the block.
    """
    found = line_format(options.format)
    lines = _Lines(text)
    regular = lines.quotes() == found.quotes if found.tokens else np.zeros(lines.count, np.bool_)
    fields, kept = _split(text, lines, regular, found)
    slow = np.ones(lines.count, np.bool_)
    slow[kept] = False
    parts = [(fields, kept)] if len(kept) else []
    if slow.any():
        parts.append(_one_by_one(lines, np.flatnonzero(slow), found, place, skipped))
    batches = []
    places: list[npt.NDArray[np.int64]] = []
    for columns, numbers_ in parts:
        if len(numbers_):
            read, usable = _columns(columns, numbers_, options, lines, place, skipped)
            batches.append(read)
            places.append(numbers_[usable])
    pa = arrow()
    every = np.concatenate(places) if places else np.zeros(0, np.int64)
    if not batches:
        return Read(batch({"model": []}), str, len(text))
    table = pa.Table.from_batches(batches) if len(batches) > 1 else None
    whole = (
        batches[0] if table is None else table.combine_chunks().unify_dictionaries().to_batches()[0]
    )
    return Read(whole, lambda row: place(int(every[row]), int(lines.starts[every[row]])), len(text))


class _Lines:
    """Where the lines of a block begin and end."""

    def __init__(self, text: bytes) -> None:
        self.bytes = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(self.bytes == 10)
        if text and (not len(ends) or ends[-1] != len(text) - 1):
            ends = np.append(ends, len(text))
        self.ends = ends
        self.starts = np.append(0, ends[:-1] + 1)[: len(ends)]
        self.count = len(ends)

    def quotes(self) -> npt.NDArray[np.int64]:
        """Count the quotes of each line."""
        return np.diff(
            np.searchsorted(
                np.flatnonzero(self.bytes == 34), np.append(self.starts, len(self.bytes) + 1)
            )
        )

    def text(self, at: int) -> bytes:
        """Give one line."""
        return self.bytes[self.starts[at] : self.ends[at]].tobytes()


def _split(
    text: bytes, lines: _Lines, regular: npt.NDArray[np.bool_], found: LineFormat
) -> tuple[Mapping[str, Any], npt.NDArray[np.int64]]:
    """Split regular lines all at once: columns by role, and the numbers of the lines in them."""
    wanted = np.flatnonzero(regular)
    if not len(wanted):
        return {}, wanted
    pa = arrow()
    names, roles = _csv_columns(found)
    given = text if regular.all() else b"\n".join(map(lines.text, wanted.tolist()))
    refused: list[int] = []

    def refuse(row: Any) -> str:
        refused.append(row.number)
        return "skip"

    try:
        table = pa.csv.read_csv(
            io.BytesIO(given),
            read_options=pa.csv.ReadOptions(
                use_threads=False, column_names=names, block_size=max(len(given) + 1, 1 << 16)
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=" ", quote_char='"', double_quote=False, invalid_row_handler=refuse,
                ignore_empty_lines=False,
            ),
            convert_options=pa.csv.ConvertOptions(
                include_columns=list(roles), column_types=dict.fromkeys(roles, pa.binary()),
                strings_can_be_null=False, check_utf8=False,
            ),
        )  # fmt: skip
    except pa.ArrowInvalid:
        return {}, wanted[:0]
    keep = np.ones(len(wanted), np.bool_)
    keep[[number - 1 for number in refused]] = False
    if table.num_rows != keep.sum():  # then the numbers cannot be trusted: line by line
        return {}, wanted[:0]
    return {roles[name]: table[name].combine_chunks() for name in roles}, wanted[keep]


def _csv_columns(found: LineFormat) -> tuple[list[str], dict[str, str]]:
    names: list[str] = []
    roles: dict[str, str] = {}
    for role, width in found.tokens:
        for part in range(width):
            name = f"c{len(names)}"
            names.append(name)
            if role and part == 0 and role not in roles.values():
                roles[name] = role
            elif role == "time" and part == 1:
                roles[name] = "zone"
    return names, roles


def _one_by_one(
    lines: _Lines,
    numbers_: npt.NDArray[np.int64],
    found: LineFormat,
    place: Any,
    skipped: Skipped,
) -> tuple[Mapping[str, Any], npt.NDArray[np.int64]]:
    kept, rows = [], []
    for at in numbers_.tolist():
        line = lines.text(at)
        match = found.pattern.match(line.decode("utf-8", "replace").rstrip("\r"))
        if match:
            kept.append(at)
            rows.append(match.groupdict())
        else:
            reason = BAD_LINE if line.strip() else "blank line"
            if b"\0" in line:
                reason = "not UTF-8: zero bytes (UTF-16?)"
            skipped.add(reason, [place(at, int(lines.starts[at]))], 1)
    pa = arrow()
    columns = {}
    for role in found.roles:
        name = (
            "request_method"
            if role == "request" and "request" not in (rows[0] if rows else {})
            else role
        )
        values = [(row.get(name) or "").encode() for row in rows]
        columns[role] = pa.array(values, pa.binary())
    return columns, np.array(kept, np.int64)


# ---- meaning -------------------------------------------------------------------------------------


def _columns(
    fields: Mapping[str, Any],
    numbers_: npt.NDArray[np.int64],
    options: TextOptions,
    lines: _Lines,
    place: Any,
    skipped: Skipped,
) -> tuple["pa.RecordBatch", npt.NDArray[np.bool_]]:
    """Make our columns of the fields; rows that say too little are counted and left out."""
    rows = len(numbers_)
    models, actions, why = _models(fields, rows, options)
    at, timed = _times(fields["time"], fields.get("zone")) if "time" in fields else (None, None)
    columns: dict[str, Any] = {"model": models}
    columns["address"] = _addresses(fields, options)
    if at is not None:
        columns["at"] = at
    for name, theirs in (("account", fields.get("account", fields.get("user"))),
                         ("key", fields.get("key"))):  # fmt: skip
        if theirs is not None:
            columns[name] = _texts(theirs)
    if "status" in fields:
        columns["recorded"] = _recorded(fields["status"])
    for name in ("tokens_in", "tokens_out", "cost"):
        if name in fields:
            columns[name] = _figures(fields[name], name)
    columns["fact.action"] = actions
    bad_time = np.zeros(rows, np.bool_) if timed is None else ~timed
    for reason, bad in (
        (BAD_LINE, bad_time),
        (NOT_A_MODEL_REQUEST, ~bad_time & (why == 2)),
        (NO_MODEL, ~bad_time & (why == 1)),
    ):
        first = np.flatnonzero(bad)
        shown = [place(int(n), int(lines.starts[n])) for n in numbers_[first[:5]]]
        skipped.add(reason, shown, len(first))
    usable = ~bad_time & (why == 0)
    made = batch(columns)
    return (made if usable.all() else made.filter(arrow().array(usable))), usable


def _distinct(array: Any) -> tuple[list[bytes], npt.NDArray[np.int32]]:
    encoded = array.dictionary_encode()
    return encoded.dictionary.to_pylist(), numbers(encoded.indices, np.int32)


def _dictionary(codes: npt.NDArray[np.integer[Any]], texts: Sequence[str | None]) -> Any:
    """Make a dictionary array; ``None`` among the texts is null."""
    pa = arrow()
    known = {text: at for at, text in enumerate(dict.fromkeys(t for t in texts if t is not None))}
    remap = np.array([known.get(text, -1) if text is not None else -1 for text in texts], np.int32)
    codes = remap[codes]
    indices = pa.array(codes, pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(known), pa.string()))


def _models(
    fields: Mapping[str, Any], rows: int, options: TextOptions
) -> tuple[Any, Any, npt.NDArray[np.int8]]:
    """Find each row's model and action, and why it is of no use: 1 no model, 2 no such request."""
    named, name_codes = (
        _distinct(fields["model"]) if "model" in fields else ([b"-"], np.zeros(rows, np.int32))
    )
    asked, ask_codes = (
        _distinct(fields.get("request", fields.get("path")))
        if {"request", "path"} & fields.keys()
        else ([b"/v1/messages"], np.zeros(rows, np.int32))
    )
    names = [_text(one) for one in named]
    in_path = [_in_path(one) for one in asked]
    is_api = np.array(
        [
            bool(path or _API.search(one.decode("latin-1")))
            for one, path in zip(asked, in_path, strict=True)
        ]
    )
    texts: list[str | None] = [*names, *in_path, options.assume_model]
    has_name = np.array([name is not None for name in names])[name_codes]
    has_path = np.array([name is not None for name in in_path])[ask_codes]
    codes = np.where(
        has_name, name_codes, np.where(has_path, len(names) + ask_codes, len(texts) - 1)
    )
    known = np.array([text is not None for text in texts])[codes]
    why = np.where(known & (has_name | is_api[ask_codes]), 0, np.where(is_api[ask_codes], 1, 2))
    counting = [COUNTING.encode() in one for one in asked]
    actions = _dictionary(np.array(counting)[ask_codes].astype(np.int32), ["infer", "count_tokens"])
    return _dictionary(codes, texts), actions, why.astype(np.int8)


def _in_path(request: bytes) -> str | None:
    match = _MODEL_IN_PATH.search(request.decode("utf-8", "replace"))
    return next((part for part in match.groups() if part), None) if match else None


def _text(value: bytes) -> str | None:
    return None if value in {b"-", b""} else value.decode("utf-8", "replace")


def _texts(array: Any) -> Any:
    values, codes = _distinct(array)
    return _dictionary(codes, [_text(value) for value in values])


def _recorded(array: Any) -> Any:
    values, codes = _distinct(array)
    return _dictionary(codes, [_meaning(value) for value in values])


def _meaning(status: bytes) -> str | None:
    return "deny" if status in {b"403", b"451"} else "permit" if status[:1] == b"2" else None


def _figures(array: Any, name: str) -> Any:
    values, codes = _distinct(array)
    kind = float if name == "cost" else int
    found = [_figure(value, kind) for value in values]
    numbered = np.array([0 if one is None else one for one in found])[codes]
    missing = np.array([one is None for one in found])[codes]
    return arrow().array(numbered, mask=missing)


def _figure(value: bytes, kind: type) -> Any:
    try:
        return kind(value)
    except ValueError:
        return None


def _times(array: Any, zones: Any) -> tuple[Any, npt.NDArray[np.bool_]]:
    """Read times: those of nginx's own form all at once, of the others each distinct one once."""
    at = np.zeros(len(array), np.int64)
    known = np.zeros(len(array), np.bool_)
    if zones is not None:
        at, known = _local_times(array, zones)
    rest = np.flatnonzero(~known)
    if len(rest):
        at[rest], known[rest] = _other_times(array.take(arrow().array(rest)), zones, rest)
    return arrow().array(at).cast(arrow().timestamp("us", tz="UTC")), known


def _other_times(
    array: Any, zones: Any, rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    values, codes = _distinct(array)
    if zones is None:
        each = [_time(value.decode("latin-1").strip("[]")) for value in values]
    else:
        offsets, zone_codes = _distinct(zones.take(arrow().array(rows)))
        pairs, codes = np.unique(
            codes.astype(np.int64) * len(offsets) + zone_codes, return_inverse=True
        )
        split = [divmod(pair, len(offsets)) for pair in pairs.tolist()]
        whole = [values[value] + b" " + offsets[offset] for value, offset in split]
        each = [_time(text.decode("latin-1").strip("[]")) for text in whole]
    known = np.array([one is not None for one in each], np.bool_)[codes]
    return np.array([one or 0 for one in each], np.int64)[codes], known


_LOCAL_DATE, _LOCAL_TIME = 12, 9
"""Bytes of ``[01/Jun/2026`` and of ``:13:55:36``."""


def _local_times(array: Any, zones: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Read ``[01/Jun/2026:13:55:36`` and ``+0200]``: microseconds, and which have that form."""
    chars, starts, ends = characters(array)
    long = _LOCAL_DATE + _LOCAL_TIME
    if len(chars) != long * len(starts) or not (ends - starts == long).all():
        return np.zeros(len(starts), np.int64), np.zeros(len(starts), np.bool_)
    text = chars.reshape(-1, long)
    dates, good = _dates(text[:, :_LOCAL_DATE])
    seconds, in_form = _seconds(text[:, _LOCAL_DATE:])
    offsets, codes = _distinct(zones)
    each = [_offset(offset) for offset in offsets]
    good &= in_form & np.array([one is not None for one in each], np.bool_)[codes]
    at = dates + seconds - np.array([one or 0 for one in each], np.int64).take(codes)
    return at * 1_000_000, good


def _dates(text: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Read dates, shape (rows, 12): seconds since 1970. Lines of one day stand together."""
    whole = np.ascontiguousarray(text).view("V12").reshape(-1)
    starts = np.flatnonzero(np.append(True, whole[1:] != whole[:-1])[: len(whole)])
    each = [_date(whole[at].tobytes()) for at in starts.tolist()]
    lengths = np.diff(np.append(starts, len(whole)))
    good = np.repeat(np.array([one is not None for one in each], np.bool_), lengths)
    return np.repeat(np.array([one or 0 for one in each], np.int64), lengths), good


@lru_cache(maxsize=4096)
def _date(text: bytes) -> int | None:
    at = _time(f"{text[1:].decode('latin-1')}:00:00:00 +0000") if text[:1] == b"[" else None
    return None if at is None else at // 1_000_000


def _seconds(text: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Read times of day, shape (rows, 9)."""
    digits = text - np.uint8(48)
    good = np.ones(len(text), np.bool_)
    for colon in (0, 3, 6):
        good &= text[:, colon] == 58
    parts = []
    for at, most in ((1, 23), (4, 59), (7, 59)):
        tens, ones = digits[:, at], digits[:, at + 1]
        part = tens * np.uint8(10) + ones
        good &= (tens < 6) & (ones < 10) & (part <= most)
        parts.append(part.astype(np.int64))
    return (parts[0] * 60 + parts[1]) * 60 + parts[2], good


def _offset(zone: bytes) -> int | None:
    """Read ``+0200]``, in seconds east of UTC."""
    match = re.fullmatch(rb"([+-])(\d\d)(\d\d)\]", zone)
    if not match:
        return None
    return (int(match[2]) * 3600 + int(match[3]) * 60) * (-1 if match[1] == b"-" else 1)


_NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_MONTHS = {_NAMES[4 * at : 4 * at + 3]: at + 1 for at in range(12)}
_LOCAL = re.compile(r"(\d\d)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d\d)(\d\d)")


def _time(text: str) -> int | None:
    """Read a time as nginx or Envoy writes it, in microseconds since 1970."""
    match = _LOCAL.fullmatch(text)
    try:
        if match:
            day, month, year, hour, minute, second, zone, rest = match.groups()
            at = datetime(
                int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC
            )
            return int(at.timestamp() - int(zone) * 3600 - int(zone[0] + rest) * 60) * 1_000_000
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return int(float(text) * 1e6)
        at = datetime.fromisoformat(text)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e6)
    except (ValueError, KeyError):
        return None


def _addresses(fields: Mapping[str, Any], options: TextOptions) -> Any:
    """Pack the client's address: of a forwarded list the last that is no trusted proxy's."""
    if "forwarded" not in fields:
        return packed(fields["address"])
    values, codes = _distinct(fields["forwarded"])
    trusted = _networks(options.trusted)
    last = [_last(value.decode("latin-1"), trusted) for value in values]
    pa = arrow()
    forwarded = pa.array([pack(one) if one else None for one in last], pa.binary())
    forwarded = forwarded.take(pa.array(codes))
    if "address" not in fields:
        return forwarded
    missing = np.array([value in {b"-", b""} for value in values])[codes]
    return pa.compute.if_else(pa.array(missing), packed(fields["address"]), forwarded)


@lru_cache(maxsize=16)
def _networks(trusted: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(ip_network(one, strict=False) for one in trusted)


def _last(value: str, trusted: Sequence[Any]) -> str | None:
    """Take the rightmost address that is not a trusted proxy's; never past one that is none."""
    for part in reversed(value.split(",")):
        try:
            address = ip_address(part.strip())
        except ValueError:
            return None
        if not any(address in network for network in trusted):
            return str(address)
    return None


def blocks(file: Any, size: int) -> Iterator[bytes]:
    """Cut a stream into blocks of whole lines; the last may lack its newline."""
    rest = b""
    while piece := file.read(size):
        text = rest + piece
        end = text.rfind(b"\n") + 1
        rest = text[end:]
        if end:
            yield text[:end]
    if rest:
        yield rest
