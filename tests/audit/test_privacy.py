"""Personal values: hashed under a key that can be deleted, raw only for a while and apart."""

import json
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.helpers import Clock, OpenLog, records
from bailiwick.audit import Pseudonyms, Settings, find_raw, verify

JULY = datetime(2026, 7, 31, 23, 59, tzinfo=UTC)
AUGUST = datetime(2026, 8, 1, tzinfo=UTC)


@pytest.fixture
def pseudonyms(tmp_path: Path) -> Pseudonyms:
    return Pseudonyms(tmp_path / "pseudonyms")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("198.51.100.255", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("2001:db8::1", "2001:db8::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
    ],
)
def test_an_address_is_told_by_its_network_only(
    pseudonyms: Pseudonyms, address: str, network: str
) -> None:
    told = pseudonyms.address(address, JULY)

    assert told["network"] == network
    assert address not in str(told)
    assert told["pseudonym"].startswith("2026-07.")


@pytest.mark.parametrize(
    "text", ["", "192.0.2", "192.0.2.256", "localhost", "fe80::1%eth0", "\x00"]
)
def test_what_is_no_address_is_refused(pseudonyms: Pseudonyms, text: str) -> None:
    with pytest.raises(ValueError, match="not an IP address"):
        pseudonyms.address(text, JULY)


def test_one_period_can_be_linked_and_two_cannot(pseudonyms: Pseudonyms) -> None:
    first = pseudonyms.address("192.0.2.7", JULY)
    again = pseudonyms.address("::ffff:192.0.2.7", JULY - timedelta(days=20))
    later = pseudonyms.address("192.0.2.7", AUGUST)
    other = pseudonyms.address("192.0.2.8", JULY)

    assert first == again
    assert len({entry["pseudonym"][-32:] for entry in (first, later, other)}) == 3
    assert pseudonyms.candidates("192.0.2.7", [JULY, AUGUST]) == {
        first["pseudonym"],
        later["pseudonym"],
    }


def test_equal_texts_of_two_kinds_have_two_pseudonyms(pseudonyms: Pseudonyms) -> None:
    assert pseudonyms.value("a", "x", JULY) != pseudonyms.value("b", "x", JULY)


def test_processes_share_the_key_of_a_period_and_it_is_private(tmp_path: Path) -> None:
    one, two = Pseudonyms(tmp_path), Pseudonyms(tmp_path)

    assert one.value("a", "x", JULY) == two.value("a", "x", JULY)
    assert stat.S_IMODE((tmp_path / "2026-07.key").stat().st_mode) == 0o600
    assert len((tmp_path / "2026-07.key").read_bytes()) == 32


def test_once_its_key_is_deleted_a_period_cannot_be_searched(tmp_path: Path) -> None:
    before = Pseudonyms(tmp_path).address("192.0.2.7", JULY)
    (tmp_path / "2026-07.key").unlink()

    after = Pseudonyms(tmp_path).address("192.0.2.7", JULY)

    assert before["pseudonym"] != after["pseudonym"]
    assert before["pseudonym"].split(":")[0] != after["pseudonym"].split(":")[0]


@pytest.mark.parametrize(
    ("period", "label"), [("day", "2026-07-31"), ("month", "2026-07"), ("year", "2026")]
)
def test_the_period_is_a_setting(tmp_path: Path, period: Any, label: str) -> None:
    assert Pseudonyms(tmp_path, period).value("a", "x", JULY).startswith(label + ".")


# ---- raw values ----------------------------------------------------------------------------------


def append(log: Any, address: str) -> None:
    log.append_nowait({"kind": "decision"}, raw={"address": address})


def raw_files(directory: Path) -> list[Path]:
    return sorted((directory / "raw").glob("raw-*.jsonl"))


def test_a_raw_value_is_outside_the_chain_which_commits_to_it(
    open_log: OpenLog, directory: Path
) -> None:
    log = open_log()
    append(log, "192.0.2.77")
    append(log, "192.0.2.77")
    log.close()

    first, second = (record.fields["commitments"]["address"] for record in records(directory)[1:])
    assert first != second
    assert find_raw(directory / "raw", first) == "192.0.2.77"
    assert not any("192.0.2.77" in path.read_text() for path in directory.glob("*.jsonl"))
    (raw,) = raw_files(directory)
    assert raw.name == "raw-2026-07-01.gw-1.0.jsonl"
    assert stat.S_IMODE(raw.stat().st_mode) == 0o600
    assert stat.S_IMODE(raw.parent.stat().st_mode) == 0o700


def test_a_raw_value_that_was_changed_is_not_believed(open_log: OpenLog, directory: Path) -> None:
    log = open_log()
    append(log, "192.0.2.77")
    log.close()
    commitment = records(directory)[1].fields["commitments"]["address"]
    (raw,) = raw_files(directory)

    raw.write_text("junk\n" + raw.read_text().replace("192.0.2.77", "192.0.2.78"))

    assert find_raw(directory / "raw", commitment) is None


def test_erased_raw_values_leave_the_chain_whole(open_log: OpenLog, directory: Path) -> None:
    log = open_log()
    append(log, "192.0.2.77")
    log.close()

    for path in raw_files(directory):
        path.unlink()

    assert verify(directory, log.public_key).ok
    assert (
        find_raw(directory / "raw", records(directory)[1].fields["commitments"]["address"]) is None
    )


def test_raw_values_are_removed_when_their_retention_is_over(
    open_log: OpenLog, directory: Path, clock: Clock, write: Any
) -> None:
    log = open_log(settings=Settings(raw_days=30))
    append(log, "192.0.2.77")
    write(log, 1)
    clock.now += timedelta(days=29)
    append(log, "192.0.2.78")
    write(log, 1)
    assert [day_of(path) for path in raw_files(directory)] == [date(2026, 7, 1), date(2026, 7, 30)]

    clock.now += timedelta(days=1)
    write(log, 1)
    log.close()

    assert [day_of(path) for path in raw_files(directory)] == [date(2026, 7, 30)]
    assert verify(directory, log.public_key).ok


def day_of(path: Path) -> date:
    return date.fromisoformat(path.name[4:14])


def test_without_retention_no_raw_value_is_stored_or_committed_to(
    open_log: OpenLog, directory: Path
) -> None:
    log = open_log(settings=Settings(raw_days=0))
    append(log, "192.0.2.77")
    log.close()

    assert raw_files(directory) == []
    assert "commitments" not in records(directory)[1].fields


def test_a_raw_file_removed_while_in_use_is_begun_anew(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    append(log, "192.0.2.1")
    write(log, 1)
    for path in raw_files(directory):
        path.unlink()
    append(log, "192.0.2.2")
    log.close()

    values = [
        json.loads(line)["value"]
        for path in raw_files(directory)
        for line in path.read_text().splitlines()
    ]
    assert values == ["192.0.2.2"]


def test_a_raw_store_that_fails_stops_no_record(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    (directory / "raw").rmdir()

    append(log, "192.0.2.1")
    write(log, 3)
    log.close()

    assert verify(directory, log.public_key).ok
    assert len(records(directory)) == 5


def test_a_hostile_raw_value_stays_one_line(open_log: OpenLog, directory: Path) -> None:
    log = open_log()
    append(log, 'x"\r\n\x1b[2J\ud800' + "y" * (1 << 20))
    log.close()

    (raw,) = raw_files(directory)
    assert raw.read_bytes().count(b"\n") == 1
    assert raw.stat().st_size < 20_000
    commitment = records(directory)[1].fields["commitments"]["address"]
    assert str(find_raw(directory / "raw", commitment)).startswith('x"\r\n\x1b[2J\\ud800yyy')
