"""Access logs: whole blocks and single lines are read alike, and every line is counted."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.errors import InvalidInput
from bailiwick.location import pack
from bailiwick.replay import LogOptions, plan
from bailiwick.replay.addresses import packed, parse_ipv4
from bailiwick.replay.rows import Skipped, arrow
from bailiwick.replay.text_logs import FORMATS, TextOptions, read_block
from replay.replay_help import DE, MISTRAL, OPUS, RU, US, adds_up, line, replayed


def place(line_: int, byte: int) -> str:
    return f"log:{line_ + 1}"


def read(text: str, format_: str = "nginx-model", **more: object) -> tuple[list[dict], Skipped]:
    skipped = Skipped()
    found = read_block(
        text.encode("utf-8", "surrogateescape"), place, TextOptions(format_, **more), skipped
    )
    rows = found.batch.to_pylist()
    for at, row in enumerate(rows):
        row["place"] = found.place(at)
    return rows, skipped


def test_a_line_says_what_it_says() -> None:
    (row,), _ = read(line(DE, OPUS, "acc_7", "10/Jun/2026:13:55:36 +0200", status=403) + "\n")

    assert row["model"] == OPUS
    assert row["address"] == pack(DE)
    assert row["account"] == "acc_7"
    assert row["recorded"] == "deny"
    assert row["at"].isoformat() == "2026-06-10T11:55:36+00:00"
    assert row["place"] == "log:1"


def test_whole_blocks_and_single_lines_are_read_alike() -> None:
    lines = [
        line(address, model, f"acc_{at}")
        for at, (address, model) in enumerate(
            [(US, OPUS), (DE, MISTRAL), (RU, "-"), ("2001:db8::1", OPUS), ("not-one", OPUS)] * 20
        )
    ]
    together, skipped = read("\n".join(lines))

    alone = [read(one) for one in lines]

    keys = ("model", "address", "account", "at", "recorded")
    every = [row for rows, _ in alone for row in rows]
    assert [[row[k] for k in keys] for row in together] == [[row[k] for k in keys] for row in every]
    assert skipped.total == sum(one.total for _, one in alone)


@given(st.lists(st.one_of(
    st.builds(line, st.sampled_from([US, DE, "::1", ""]), st.sampled_from([OPUS, "-", 'a"b', "ü"])),
    st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=60),
    st.just(""), st.just('"'), st.just('" "'), st.just(line()[:40]), st.just(line().replace(" ", "  ", 1)),
), max_size=40))  # fmt: skip
def test_whatever_stands_in_a_log_every_line_is_a_row_or_skipped(lines: list[str]) -> None:
    text = "".join(one.replace("\r", "") + "\n" for one in lines)

    rows, skipped = read(text)

    assert len(rows) + skipped.total == len(lines)
    for row in rows:
        at = int(row["place"].removeprefix("log:")) - 1
        assert row["model"] in lines[at]


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ("10/Jun/2026:13:55:36 +0200", "2026-06-10T11:55:36+00:00"),
        ("01/Jan/2026:00:00:00 -0730", "2026-01-01T07:30:00+00:00"),
        ("29/Feb/2024:23:59:59 +0000", "2024-02-29T23:59:59+00:00"),
        ("29/Feb/2026:23:59:59 +0000", None),
        ("10/Jun/2026:24:00:00 +0000", None),
        ("10/Jun/2026:23:60:00 +0000", None),
        ("1a/Jun/2026:23:00:00 +0000", None),
        ("10/Jum/2026:23:00:00 +0000", None),
        ("10/Jun/2026:23.00:00 +0000", None),
        ("10/Jun/2026:2:00:00 +0000", None),
        ("10/Jun/2026:02:00:00 UTC", None),
    ],
)
def test_a_time_is_read_or_the_line_is_skipped(tmp_path: Path, at: str, wanted: str | None) -> None:
    path = tmp_path / "access.log"
    path.write_text("".join(line(at=one) + "\n" for one in (at, at, "10/Jun/2026:00:00:00 +0000")))

    finished, _ = replayed([path])

    totals = finished.totals
    assert totals.skipped.counts == ({} if wanted else {"not in the format": 2})
    assert totals.first_us is not None
    assert totals.last_us is not None
    times = {datetime.fromtimestamp(us / 1e6, UTC).isoformat()
             for us in (totals.first_us, totals.last_us)}  # fmt: skip
    assert times == {"2026-06-10T00:00:00+00:00", *filter(None, [wanted])}


def test_a_quote_that_is_never_closed_takes_no_other_line_with_it() -> None:
    lines = [line(account="a"), '1.2.3.4 - - [x] "POST', line(account="b"), line(account="c")]

    rows, skipped = read("\n".join(lines))

    assert [row["account"] for row in rows] == ["a", "b", "c"]
    assert skipped.counts == {"not in the format": 1}
    assert skipped.examples == {"not in the format": ["log:2"]}


def test_a_request_without_a_model_is_counted_unless_one_is_assumed() -> None:
    text = "\n".join([line(model="-"), line(model="-", request="GET /healthz HTTP/1.1")])

    rows, skipped = read(text)
    assumed, _ = read(text, assume_model=OPUS)

    assert rows == []
    assert skipped.counts == {"names no model": 1, "not a request to a model": 1}
    assert [row["model"] for row in assumed] == [OPUS]


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (
            "/model/anthropic.claude-opus-4-1-20250805-v1:0/invoke",
            "anthropic.claude-opus-4-1-20250805-v1:0",
        ),
        ("/openai/deployments/gpt-4o/chat/completions?api-version=1", "gpt-4o"),
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"),
    ],
)
def test_a_model_is_found_in_the_path(path: str, model: str) -> None:
    text = f'{US} - - [10/Jun/2026:13:55:36 +0000] "POST {path} HTTP/1.1" 200 1 "-" "x"\n'

    (row,), _ = read(text, "nginx")

    assert row["model"] == model


def test_envoys_own_format_takes_the_last_address_that_is_not_a_trusted_proxys() -> None:
    text = (
        f'[2026-06-10T11:55:36.123Z] "POST /model/x/invoke HTTP/2" 200 - 1 2 3 4 '
        f'"1.1.1.1, {DE}, 10.0.0.3" "agent" "id" "host" "10.0.0.1:80"\n'
    )

    (row,), _ = read(text, "envoy", trusted=("10.0.0.0/8",))
    (close,), _ = read(text, "envoy")

    assert row["address"] == pack(DE)
    assert close["address"] == pack("10.0.0.3")
    assert row["at"].isoformat() == "2026-06-10T11:55:36.123000+00:00"


def test_a_format_of_ones_own_is_read() -> None:
    text = f"{US} | {OPUS} | 1781092536.5\n"

    (row,), _ = read(text, "$remote_addr | $upstream_http_x_model | $msec")

    assert (row["address"], row["model"]) == (pack(US), OPUS)


def test_a_format_without_an_address_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has no address"):
        plan([Path(__file__)], LogOptions("$status $request"))


def test_every_format_is_recognised_by_itself(tmp_path: Path) -> None:
    samples = {
        "nginx-model": line(),
        "nginx": line().rsplit(' "', 2)[0],
        "envoy": '[2026-06-10T11:55:36.123Z] "POST /a HTTP/2" 200 - 1 2 3 4 "1.1.1.1" "a" "i" "h" "u"',
    }
    for name, text in samples.items():
        path = tmp_path / f"{name}.log"
        path.write_text(text + "\n")
        (chunk,) = plan([path], LogOptions())
        assert chunk.options.format == name
    assert set(samples) < set(FORMATS)


def test_halves_of_rotated_files_and_a_truncated_gzip_are_counted(tmp_path: Path) -> None:
    lines = [line(account=f"acc_{at % 9}") for at in range(20_000)]
    text = "\n".join(lines) + "\n"
    (tmp_path / "access.log.1").write_text(text[:-40])
    (tmp_path / "access.log").write_text(text[-40:] + text)
    whole = gzip.compress(text.encode(), mtime=0)
    (tmp_path / "access.log.2.gz").write_bytes(whole[: len(whole) // 2])

    finished, _ = replayed([tmp_path])

    skipped = finished.totals.skipped
    unpacked = finished.totals.rows + skipped.total - 40_001
    assert 0 < unpacked < 20_000
    assert adds_up(finished, 40_001 + unpacked)
    assert skipped.counts["not in the format"] in (2, 3)
    assert len(skipped.notes) == 1
    assert "access.log.2.gz: damaged or cut off" in skipped.notes[0]


def test_a_log_in_utf16_is_refused_with_help(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(line(), encoding="utf-16")

    with pytest.raises(InvalidInput, match="is UTF-16"):
        plan([path], LogOptions())


def test_bytes_that_are_not_utf8_do_not_matter_where_they_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(line().replace("python", "p\xfcthon").encode("latin-1") + b"\n")

    finished, _ = replayed([path])

    assert adds_up(finished, 1)
    assert finished.totals.rows == 1


def test_chunks_cut_no_line_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bailiwick.replay.logs.CHUNK", 777)
    path = tmp_path / "access.log"
    path.write_text("".join(line(account=f"acc_{at}") + "\n" for at in range(100)))

    finished, _ = replayed([path])

    assert finished.chunks > 10
    assert adds_up(finished, 100)
    assert len(finished.totals.by_account) == 100


@given(st.lists(st.one_of(
    st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.text(max_size=16),
    st.sampled_from(["1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1..2.3", ".1.2.3", "1.2.3.", "1.2.3.4 "]),
)))  # fmt: skip
def test_columns_of_addresses_are_read_as_one_by_one(texts: list[str]) -> None:
    column = arrow().array([text.encode() for text in texts], arrow().binary())

    values, good = parse_ipv4(column)
    found = packed(column).to_pylist()

    for text, value, is_good, one in zip(texts, values, good, found, strict=True):
        if is_good:
            assert int(value).to_bytes(4, "big") == pack(text)
        if text.isascii():
            assert one == (pack(text.strip()) if text else None)
    assert isinstance(values, np.ndarray)
