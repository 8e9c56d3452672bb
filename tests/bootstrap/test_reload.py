"""Reloading: a new world only after it has proved itself, the last good one otherwise."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bailiwick.bootstrap import Reloader, gateway_options, read_settings
from bailiwick.pipeline import World
from bootstrap.helpers import POLICY, SETTINGS, Folder

SECOND = POLICY.replace("name: first", "name: second")


class Used:
    """Remembers the worlds that were put to use."""

    def __init__(self) -> None:
        self.worlds: list[World] = []

    def __call__(self, world: World) -> None:
        self.worlds.append(world)

    @property
    def names(self) -> list[str]:
        return [world.table.policy.name for world in self.worlds]


@pytest.fixture
def used() -> Used:
    return Used()


@pytest.fixture
def reloader(folder: Folder, used: Used) -> Iterator[Reloader]:
    settings = read_settings(folder.config)
    options = gateway_options(settings, {})
    made = Reloader(folder.config, settings, options.upstreams, used, lambda: datetime.now(UTC))
    yield made
    made.close()


def wait_for(reloader: Reloader, look: Any, patience_s: float = 10) -> None:
    """Look as the thread does, until something is so."""
    until = time.monotonic() + patience_s
    while not look() and time.monotonic() < until:
        reloader.look()
        time.sleep(0.02)
    assert look()


def test_the_first_world_is_built_from_the_files(reloader: Reloader, used: Used) -> None:
    assert reloader.load()

    assert used.names == ["first"]
    assert reloader.status.reason is None


def test_a_changed_policy_takes_the_place_of_the_old_one(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    reloader.load()
    folder.write(policy=SECOND)

    wait_for(reloader, lambda: len(used.worlds) > 1)

    assert used.names == ["first", "second"]
    assert used.worlds[0].revision != used.worlds[1].revision


def test_the_thread_notices_by_itself(folder: Folder, reloader: Reloader, used: Used) -> None:
    reloader.load()
    reloader.start()
    folder.write(policy=SECOND)
    until = time.monotonic() + 10
    while len(used.worlds) < 2 and time.monotonic() < until:
        time.sleep(0.02)

    assert used.names == ["first", "second"]


BROKEN = [
    ("", "empty"),
    ("rules: [", "not valid YAML"),
    (POLICY + "nonsense: 1\n", "nonsense"),
    (POLICY.replace("include: [US]", "include: [USA]"), "USA"),
    (
        POLICY.replace("  - {id: in-us, permit: opus, where: {address: us, billing: us}}", ""),
        "",
    ),
    (POLICY.replace("effect: permit", "effect: deny"), "the policy's own test `at home` fails"),
    (
        POLICY.replace(
            "tests:", "  - {id: cap, restrict: opus, to: {max_input_tokens: 5}}\ntests:"
        ).replace("determining: in-us", "determining: [in-us, cap]"),
        "`max_input_tokens` cannot be enforced",
    ),
]


@pytest.mark.parametrize(("text", "reason"), BROKEN)
def test_a_policy_that_does_not_prove_itself_leaves_the_old_one_in_place_and_says_why(
    folder: Folder, reloader: Reloader, used: Used, text: str, reason: str
) -> None:
    reloader.load()
    folder.write(policy=text)

    wait_for(reloader, lambda: reloader.status.failed_at is not None)

    assert used.names == ["first"]
    assert reason in str(reloader.status.reason)
    assert reloader.status.built_at is not None


@pytest.mark.parametrize("cut", range(0, len(POLICY) - 2, 29))
def test_a_policy_cut_anywhere_never_takes_effect(
    folder: Folder, reloader: Reloader, used: Used, cut: int
) -> None:
    """The embedded test is at its end, so no part of this policy can pass for all of it."""
    reloader.load()
    folder.write(policy=POLICY[:cut])

    reloader.load()

    assert used.names in (["first"], ["first", "first"])
    assert used.worlds[-1].table.policy.rules


def test_putting_it_right_again_clears_the_reason(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    reloader.load()
    folder.write(policy="rules: [")
    wait_for(reloader, lambda: reloader.status.reason is not None)
    folder.write(policy=SECOND)

    wait_for(reloader, lambda: reloader.status.reason is None)

    assert used.names == ["first", "second"]


def test_a_missing_file_is_a_reason_and_its_return_is_noticed(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    reloader.load()
    hidden = folder.policy.rename(folder.path / "hidden")
    wait_for(reloader, lambda: "cannot be read" in str(reloader.status.reason))
    hidden.rename(folder.policy)

    wait_for(reloader, lambda: reloader.status.reason is None)

    assert used.names[-1] == "first"


def test_a_file_that_the_policy_includes_is_watched_even_before_it_exists(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    folder.write(policy=POLICY + "include: [more.yaml]\n")
    assert not reloader.load()
    (folder.path / "more.yaml").write_text(
        "bailiwick: 1\nname: more\nrules:\n  - {id: x, deny: opus, where: {address: KP}}\n"
    )

    wait_for(reloader, lambda: used.worlds)

    assert "x" in {rule.id for rule in used.worlds[0].table.rules}


def test_a_catalogue_file_and_a_location_list_are_watched(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    exits = folder.path / "tor.txt"
    exits.write_text("192.0.32.99\n")
    folder.write(
        settings=SETTINGS.replace(
            "[127.0.0.0/8]}", "[127.0.0.0/8], anonymizers: [{kind: tor_exits, path: tor.txt}]}"
        )
    )
    reloader.load()
    assert used.worlds[-1].locator.locate("192.0.32.10").network != "tor"
    exits.write_text("192.0.32.10\n")

    wait_for(reloader, lambda: len(used.worlds) > 1)

    assert used.worlds[-1].locator.locate("192.0.32.10").network == "tor"


def test_a_bad_location_file_leaves_the_good_one_in_use_with_a_warning(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    feed = folder.path / "feed.csv"
    feed.write_text("192.0.32.0/24,CA,,,\n")
    folder.write(
        settings=SETTINGS.replace(
            "[127.0.0.0/8]}",
            "[127.0.0.0/8], located: [{kind: embedded}, {kind: geofeed, path: feed.csv}]}",
        )
    )
    reloader.load()
    feed.write_bytes(b"\xff\xfe garbage")

    wait_for(reloader, lambda: len(used.worlds) > 1)

    assert "CA" in used.worlds[-1].locator.locate("192.0.32.10").places
    assert any(one.code == "location.refused" for one in reloader.status.problems)


def test_settings_that_need_a_restart_are_named(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    reloader.load()
    changed = SETTINGS.replace("port: 0", "port: 1").replace("name: one", "name: two")
    folder.write(settings=changed)

    wait_for(reloader, lambda: len(used.worlds) > 1)

    assert reloader.status.needs_restart == ("listen", "upstreams")


def test_places_of_an_upstream_take_effect_without_a_restart(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    reloader.load()
    folder.write(settings=SETTINGS + "    processing: [US, DE]\n")

    wait_for(reloader, lambda: len(used.worlds) > 1)

    assert reloader.status.needs_restart == ()
    facts = used.worlds[-1].route("anthropic/claude-opus-4-1", "anthropic")
    assert facts["processing"] == {"US", "DE"}


def test_bad_settings_leave_everything_as_it_was(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    reloader.load()
    folder.write(settings=SETTINGS + "nonsense: 1\n")

    wait_for(reloader, lambda: reloader.status.failed_at is not None)

    assert "unknown key `nonsense`" in str(reloader.status.reason)
    assert used.names == ["first"]


def test_a_world_that_does_not_change_is_not_built_again(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    reloader.load()
    folder.policy.touch()
    for _ in range(20):
        reloader.look()
        time.sleep(0.02)

    assert used.names == ["first"]


def test_a_policy_that_has_lost_its_last_line_is_taken_for_cut_short(
    folder: Folder, reloader: Reloader, used: Used
) -> None:
    folder.write(policy=POLICY + "...\n")
    reloader.load()
    folder.write(policy=SECOND)

    wait_for(reloader, lambda: reloader.status.reason is not None)

    assert used.names == ["first"]
    assert "may be cut short" in str(reloader.status.reason)
