"""Two consoles and two appeal pages on one database, each in a process of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import people
from console.running import BY, Running, free_port
from console.test_whole import token_of

pytestmark = pytest.mark.timeout(900)  # servers begin slowly on a busy machine


@contextmanager
def two(folder: Path, which: str) -> Iterator[tuple[Running, Running]]:
    first = Running(folder)
    first.settings["appeals"]["writes_per_hour"] = 3
    second = Twin(first)
    try:
        yield first.start(which), second.start(which)
    finally:
        second.stop()
        first.stop()


class Twin(Running):
    """Another console and appeal page of the same installation."""

    def __init__(self, other: Running) -> None:
        self.folder, self.accounts = other.folder, other.accounts
        self.ports = {"console": free_port(), "appeals": free_port()}
        self.config = other.folder / "twin.yaml"
        self.settings: dict[str, Any] = {
            **other.settings,
            "console": {
                **other.settings["console"], "listen": {"port": str(self.ports["console"])},
            },
            "appeals": {
                **other.settings["appeals"], "listen": {"port": str(self.ports["appeals"])},
            },
        }  # fmt: skip
        self._processes = []
        self._tokens = {}


def test_consoles_share_logins_and_lock_outs_and_a_restart_forgets_neither(tmp_path: Path) -> None:
    with two(tmp_path, "console") as (one, other):
        other._tokens["ada"] = one.token("ada")
        shared = other.ask("ada", "GET", "/session")
        wrong = [each.log_in("ann", "wrong").status_code for each in (one, other, one, other, one)]
        locked = other.log_in("ann")
        one.restart("console")
        still_locked, not_locked = one.log_in("ann"), one.log_in("abe")
        ended = one.ask("ada", "DELETE", "/session")
        nobody = other.ask("ada", "GET", "/session")

    assert shared.json() == {"name": "ada", "role": "admin"}
    assert wrong == [401] * 5
    assert (locked.status_code, still_locked.status_code) == (429, 429)
    assert (not_locked.status_code, ended.status_code, nobody.status_code) == (201, 204, 401)


def test_appeal_pages_count_together_what_is_sent_in_and_a_restart_forgets_nothing(
    tmp_path: Path,
) -> None:
    def send(to: Running, text: str) -> int:
        url = f"{to.url('appeals')}/v1/appeals/{token}"
        return httpx.post(url, json={"text": text}, timeout=60).status_code

    with two(tmp_path, "appeals") as (one, other):
        one.accounts.add_account("Acme", id="acme", **BY)
        people.suspend(one.accounts, "acme")
        token = token_of(one, "acme")
        sent = [send(one, " "), send(other, " "), send(one, " "), send(other, "we moved")]
        one.restart("appeals")
        again = send(one, "we moved")
        shown = httpx.get(f"{one.url('appeals')}/v1/appeals/{token}", timeout=60)

    assert sent == [422, 422, 422, 429]
    assert again == 429
    assert shown.status_code == 200
