"""Who acts on the command line, and what can be erased with it."""

import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from bailiwick.console import hash_password
from people import CATALOG, POLICY

PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
WHY = ("--reason", "a test")
pytestmark = pytest.mark.timeout(500)  # many commands, on a busy machine


def bailiwick(
    folder: Path, *words: str, password: str | None = PASSWORD, **more: Any
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bailiwick", *words]
    given = {} if password is None else {"BAILIWICK_PASSWORD": password}
    environment = {**os.environ, **given, **more.pop("env", {})}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False,
        env=environment, **{"stdin": subprocess.DEVNULL, **more},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models.yaml").write_text(CATALOG)
    (tmp_path / "policy.yaml").write_text(POLICY)
    users = [{"name": name, "role": "approver", "hash": HASH} for name in ("ann", "bob")]
    (tmp_path / "users.yaml").write_text(json.dumps({"users": users}))
    settings = "policy: policy.yaml\ncatalog: [models.yaml]\nconsole: {users: users.yaml}\n"
    (tmp_path / "bailiwick.yaml").write_text(settings)
    made = bailiwick(tmp_path, "accounts", "add", "Acme", "--id", "acme", "--by", "ann")
    assert made.returncode == 0, made.stderr
    return tmp_path


def test_with_a_users_file_only_its_people_act(folder: Path) -> None:
    suspend = ("accounts", "status", "acme", "suspended", "--code", "terms.breach", *WHY)
    invented = bailiwick(folder, *suspend, "--by", "ann2")
    nobody = bailiwick(folder, *suspend)
    proposed = bailiwick(folder, *suspend, "--by", "ANN")
    proposal = proposed.stdout.split()[1].rstrip(":")
    same = bailiwick(folder, "accounts", "approve", proposal, "--by", "Ann")
    second = bailiwick(folder, "accounts", "approve", proposal, "--by", "bob")
    elsewhere = bailiwick(folder, "order", "off", "*", *WHY, "--by", "mallory")
    beside = bailiwick(
        folder,
        "accounts",
        "key",
        "acme",
        *WHY,
        "--by",
        "mallory",
        "--database",
        "accounts.db",
        "--secret",
        "accounts.secret",
    )

    assert invented.returncode == 2
    assert "`ann2` is not in the users file" in invented.stderr
    assert nobody.returncode == 2
    assert proposed.returncode == 0, proposed.stderr
    assert "somebody else must approve it" in same.stderr
    assert "active -> suspended" in second.stdout
    assert elsewhere.returncode == 2
    assert beside.returncode == 2
    shown = json.loads(bailiwick(folder, "accounts", "show", "acme", "--json").stdout)
    moved = next(one for one in shown["history"] if one["what"] == "status.set")
    assert (moved["actor"], moved["detail"]["second"]) == ("ann", "bob")
    assert moved["detail"]["authenticated"] == "password"
    assert shown["history"][0]["detail"]["authenticated"] == "none"


SUSPEND = ("accounts", "status", "acme", "suspended", "--code", "terms.breach", *WHY)


def history(folder: Path) -> list[Any]:
    shown = json.loads(bailiwick(folder, "accounts", "show", "acme", "--json").stdout)
    return [(one["what"], one["detail"].get("authenticated")) for one in shown["history"]]


def test_who_decides_gives_their_password_and_another_decides_nothing(folder: Path) -> None:
    wrong = bailiwick(folder, *SUSPEND, "--by", "ann", password="battery horse correct")
    none = bailiwick(folder, *SUSPEND, "--by", "ann", password=None)
    exempt = bailiwick(
        folder, "exempt", "approve", "exempt_1", "--by", "ann", password="battery horse correct"
    )

    for done, said in (
        (wrong, "the password of `ann` is wrong"),
        (none, "nobody can be asked for it here"),
        (exempt, "the password of `ann` is wrong"),
    ):
        assert done.returncode == 2
        assert said in done.stderr
        assert "battery" not in done.stderr
    assert history(folder) == [("account.added", "none")]


def type_again(keyboard: int, over: threading.Event) -> None:
    """What is typed before one is asked counts for nothing, so type until it is over."""
    while not over.wait(0.5):
        os.write(keyboard, f"{PASSWORD}\n".encode())


def test_a_password_comes_from_a_file_descriptor_or_a_prompt(folder: Path) -> None:
    (folder / "password").write_text(f"{PASSWORD}\n")
    with (folder / "password").open() as source:
        read = bailiwick(
            folder, *SUSPEND, "--by", "ann", password=None,
            env={"BAILIWICK_PASSWORD_FD": str(source.fileno())}, pass_fds=(source.fileno(),),
        )  # fmt: skip
    closed = bailiwick(
        folder, *SUSPEND, "--by", "ann", password=None, env={"BAILIWICK_PASSWORD_FD": "77"}
    )
    proposal = read.stdout.split()[1].rstrip(":")
    keyboard, terminal = pty.openpty()
    over = threading.Event()
    typing = threading.Thread(target=type_again, args=(keyboard, over))
    typing.start()
    asked = bailiwick(
        folder, "accounts", "approve", proposal, "--by", "bob", password=None, stdin=terminal,
        start_new_session=True,  # no other terminal to ask at
    )  # fmt: skip
    over.set()
    typing.join()
    os.close(keyboard)
    os.close(terminal)

    assert "names no file descriptor that can be read" in closed.stderr
    assert asked.returncode == 0, asked.stderr
    assert PASSWORD not in asked.stdout + asked.stderr
    assert history(folder)[-1][1] == "password"


def test_without_a_users_file_what_is_said_is_believed_and_the_record_says_so(
    folder: Path,
) -> None:
    (folder / "bailiwick.yaml").write_text("policy: policy.yaml\ncatalog: [models.yaml]\n")

    done = bailiwick(folder, *SUSPEND, "--by", "whoever", password=None)

    assert done.returncode == 0, done.stderr
    assert ("status.proposed", "none") in history(folder)


def test_what_is_personal_is_erased_and_the_history_says_so(folder: Path) -> None:
    bailiwick(folder, "accounts", "set", "acme", "--contact", "ops@acme.example", "--by", "ann")

    erased = bailiwick(folder, "accounts", "erase", "acme", *WHY, "--by", "bob")
    again = bailiwick(folder, "accounts", "erase", "acme", *WHY, "--by", "bob")
    stranger = bailiwick(folder, "accounts", "erase", "nobody", *WHY, "--by", "bob")

    assert erased.stdout.startswith("erased 1 values of acme")
    assert again.stdout.startswith("erased 0 values")
    assert stranger.returncode == 2
    assert b"ops@acme.example" not in (folder / "accounts.db").read_bytes()
    shown = json.loads(bailiwick(folder, "accounts", "show", "acme", "--json").stdout)
    assert [one["what"] for one in shown["history"]][-1] == "personal.erased"


def test_an_order_for_a_model_that_does_not_exist_is_refused(folder: Path) -> None:
    done = bailiwick(folder, "order", "off", "pa/frontierr", *WHY, "--by", "ann")

    assert done.returncode == 2
    assert "`pa/frontierr` matches no model of the catalogue" in done.stderr
    assert "pa/frontier" in done.stderr
