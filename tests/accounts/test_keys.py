"""API keys and the secret they are digested with."""

import multiprocessing
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bailiwick.accounts import AccountsUnavailable, KeySecret, schema
from bailiwick.errors import BailiwickError


def test_a_key_has_the_announced_shape_and_no_two_are_alike(database: Any, by: Any) -> None:
    database.add_account("Acme", id="acme", **by)

    keys = [database.add_key("acme", **by) for _ in range(50)]

    assert all(re.fullmatch(r"bw_[A-Za-z0-9]{33}", key.raw) for key in keys)
    assert len({key.raw for key in keys}) == len({key.id for key in keys}) == 50
    assert all(re.fullmatch(r"key_[a-z2-7]{13}", key.id) for key in keys)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_the_key_itself_is_stored_nowhere(place: Any, database: Any, by: Any) -> None:
    database.add_account("Acme", id="acme", **by)

    key = database.add_key("acme", **by)

    stored = b"".join(path.read_bytes() for path in place.file.parent.iterdir())
    assert key.raw.encode() not in stored
    assert key.raw[:12].encode() not in stored
    assert key.raw not in repr(key)
    with database.engine.connect() as connection:
        row = connection.execute(select(schema.keys)).one()
    assert row.digest == KeySecret.load(place.secret).digest(key.raw)
    assert row.shown == key.raw[:7]


def test_the_secret_is_for_its_owner_alone(place: Any, database: Any) -> None:
    assert stat.S_IMODE(place.secret.stat().st_mode) == 0o600

    place.secret.chmod(0o640)

    with pytest.raises(BailiwickError, match="can be read by others"):
        place.database(create=False)


@pytest.mark.parametrize("text", ["", "zz" * 40, "ab" * 31])
def test_a_damaged_secret_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(BailiwickError, match="damaged"):
        KeySecret.load(path)


def test_first_users_in_several_processes_make_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        checks = pool.map(_check_of, [path] * 8)

    assert len(set(checks)) == 1
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_a_database_refuses_a_secret_that_its_keys_were_not_made_with(
    place: Any, database: Any
) -> None:
    place.secret.unlink()
    KeySecret.load_or_create(place.secret)

    with pytest.raises(AccountsUnavailable, match="not the one"):
        place.database()


def _check_of(path: Path) -> bytes:
    return KeySecret.load_or_create(path).check()
