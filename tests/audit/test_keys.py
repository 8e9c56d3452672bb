"""Signing keys: made once, private, rotated without a gap."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from audit.helpers import Clock, OpenLog
from bailiwick.audit import AuditLog, public_keys, rotate_key, verify
from bailiwick.audit.keys import PUBLIC_KEYS, key_file, load_key
from bailiwick.errors import InvalidInput

NAME = "bailiwick/gw-1"


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    keys = tmp_path / "keys"

    key = load_key(keys, NAME)

    assert stat.S_IMODE(key_file(keys, NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert public_keys(keys / PUBLIC_KEYS) == (key.public,)
    assert load_key(keys, NAME).public == key.public


def test_starts_at_the_same_time_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: str(load_key(tmp_path, NAME).public), range(8)))

    assert len(set(made)) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_key(tmp_path, NAME)
    key_file(tmp_path, NAME).chmod(0o640)

    with pytest.raises(InvalidInput, match=r"gw-1\.pem.*can be read by others\nhelp: chmod"):
        load_key(tmp_path, NAME)


@pytest.mark.parametrize("text", ["", "junk", "-----BEGIN PRIVATE KEY-----\n"])
def test_a_damaged_key_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = key_file(tmp_path, NAME)
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(InvalidInput, match="not an Ed25519 private key"):
        load_key(tmp_path, NAME)
    assert path.read_text() == text


def test_a_rotated_key_signs_the_next_checkpoint_and_both_verify(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    write(log, 5)
    old = log.public_key

    new = str(rotate_key(directory / "keys", NAME))
    write(log, 5)
    log.close()

    listed = [str(key) for key in public_keys(directory / "keys" / PUBLIC_KEYS)]
    assert listed == [old, new]
    assert verify(directory, new).ok
    assert not verify(directory, old).ok
    assert verify(directory, directory / "keys" / PUBLIC_KEYS).ok


def test_segments_signed_before_a_rotation_need_the_old_key(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    write(log, 5)
    log.close()
    new = str(rotate_key(directory / "keys", NAME))
    again = open_log()
    write(again, 5)
    again.close()

    assert verify(directory, directory / "keys" / PUBLIC_KEYS).ok
    assert any("unknown key" in str(problem) for problem in verify(directory, new).problems)


def test_a_log_goes_on_signing_when_its_key_file_is_gone(
    open_log: OpenLog, directory: Path, write: Any
) -> None:
    log = open_log()
    key_file(directory / "keys", NAME).unlink()
    write(log, 3)
    log.close()

    assert verify(directory, log.public_key).ok


def test_no_key_is_left_half_written(tmp_path: Path) -> None:
    load_key(tmp_path, NAME)
    rotate_key(tmp_path, NAME)

    assert sorted(os.listdir(tmp_path)) == ["public-keys", "signing.gw-1.pem"]


def test_a_damaged_key_stops_the_start_of_a_log(
    directory: Path, open_log: OpenLog, clock: Clock
) -> None:
    open_log().close()
    key_file(directory / "keys", NAME).write_text("junk")

    with pytest.raises(InvalidInput, match="not an Ed25519 private key"):
        AuditLog.open(directory, node="gw-1", clock=clock)
    key_file(directory / "keys", NAME).unlink()
    open_log(lock_seconds=0).close()  # and nothing holds the lock
