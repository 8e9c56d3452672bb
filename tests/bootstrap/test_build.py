"""Building and proving a world; what settings become for the gateway."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from authority import Authority
from bailiwick.bootstrap import Built, build_world, gateway_options, preflight, read_settings
from bailiwick.errors import BailiwickError, InvalidInput
from bootstrap.helpers import POLICY, SETTINGS, Folder

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def build(folder: Folder, now: datetime = NOW) -> Built:
    settings = read_settings(folder.config)
    options = gateway_options(settings, {})
    return build_world(settings, folder.path, options.upstreams, now)


def codes(built: Built) -> list[str]:
    return [problem.code for problem in built.problems]


def test_a_good_folder_builds_a_world_that_knows_its_upstreams(folder: Folder) -> None:
    folder.write(settings=SETTINGS + "    processing: [US]\n    egress: NL\n")

    built = build(folder)

    facts = built.world.route("anthropic/claude-opus-4-1", "anthropic")
    assert facts["processing"] == {"US"}
    assert facts["egress"] == {"NL"}
    assert built.world.route("openai/gpt-4o", "openai") == {}
    assert codes(built) == []


def test_an_upstream_whose_places_can_never_satisfy_the_policy_is_reported(folder: Folder) -> None:
    folder.write(
        settings=SETTINGS + "    processing: [US, DE]\n",
        policy=POLICY.replace("billing: us}}", "billing: us, processing: us}}").replace(
            "billing: US}", "billing: US, processing: US}"
        ),
    )

    built = build(folder)

    (problem,) = [one for one in built.problems if one.code == "upstream.never"]
    assert "upstream `one`:" in problem.message
    assert "anthropic/claude-opus-4-1" in problem.message
    assert "processing US and DE" in str(problem.help)


def test_old_location_data_is_reported(folder: Folder) -> None:
    built = build(folder, NOW + timedelta(days=400))

    assert "location.stale" in codes(built)


def test_sources_that_know_nobody_are_reported(folder: Folder) -> None:
    feed = folder.path / "feed.csv"
    feed.write_text("5.9.0.0/16,DE,,,\n")
    os.utime(feed, (NOW.timestamp(), NOW.timestamp()))
    folder.write(
        settings=SETTINGS.replace(
            "[127.0.0.0/8]}", "[127.0.0.0/8], located: [{kind: geofeed, path: feed.csv}]}"
        )
    )

    assert "location.blind" in codes(build(folder))


def test_the_policys_max_age_makes_old_data_say_nothing(folder: Folder) -> None:
    aged = POLICY.replace("models:", "evidence: {max_age: {address: 30d, nobody: 1d}}\nmodels:")
    folder.write(policy=aged)

    young, old = build(folder), build(folder, NOW + timedelta(days=31))

    assert young.world.locator.locate("192.0.32.10", NOW).places == ("US",)
    assert old.world.locator.locate("192.0.32.10", NOW + timedelta(days=31)).places == ()
    assert [one.message for one in young.problems if one.code == "max_age.unused"] == [
        "`evidence: max_age: nobody` has no effect here"
    ]


def test_options_carry_what_the_settings_say(folder: Folder) -> None:
    folder.write(
        settings=SETTINGS.replace("listen: {port: 0}", "listen: {host: 0.0.0.0, port: 81}")
        + "    key: {env: KEY}\n    fields: {inference_geo: us}\n"
        "limits: {body: 1MiB}\ntimeouts: {header: 3s, stop: 400ms}\n"
    )

    options = gateway_options(read_settings(folder.config), {"KEY": " secret\n"})

    assert (options.host, options.port, options.admin_port) == ("0.0.0.0", 81, None)
    assert options.limits.body_bytes == 1 << 20
    assert (options.timeouts.header_s, options.timeouts.stop_s) == (3.0, 1)
    (upstream,) = options.upstreams
    assert upstream.key == "secret"
    assert upstream.fields == {"inference_geo": "us"}
    assert "secret" not in repr(upstream)


def test_an_upstreams_key_may_be_in_a_file(folder: Folder) -> None:
    (folder.path / "key").write_text("from-file\n")
    folder.write(settings=SETTINGS + "    key: {file: key}\n")

    options = gateway_options(read_settings(folder.config), {})

    assert options.upstreams[0].key == "from-file"


@pytest.mark.parametrize("key", ["{env: MISSING}", "{env: EMPTY}", "{env: ODD}", "{file: none}"])
def test_an_upstream_without_its_key_is_refused(folder: Folder, key: str) -> None:
    folder.write(settings=SETTINGS + f"    key: {key}\n")

    with pytest.raises(InvalidInput, match=r"upstream `one`: the .* holds no key"):
        gateway_options(read_settings(folder.config), {"EMPTY": "", "ODD": "a\x00b"})


def test_an_upstreams_authorities_are_read_and_must_be_some(folder: Folder) -> None:
    authority = Authority(folder.path).path
    authority.write_text("# Behörde\n" + authority.read_text())  # comments may be in any letters
    secure = re.sub(r"base_url: \S+", "base_url: https://models.example", SETTINGS)
    folder.write(settings=f"{secure}    certificates: ca.pem\n")

    options = gateway_options(read_settings(folder.config), {})

    assert "BEGIN CERTIFICATE" in str(options.upstreams[0].authorities)
    folder.write(settings=f"{secure}    certificates: nowhere.pem\n")
    with pytest.raises(InvalidInput, match=r"upstream `one`: cannot read `.*nowhere\.pem`"):
        gateway_options(read_settings(folder.config), {})
    folder.write(settings=f"{secure}    certificates: policy.yaml\n")
    with pytest.raises(InvalidInput, match="its authorities are no certificates"):
        gateway_options(read_settings(folder.config), {})


def test_settings_without_upstreams_are_refused(folder: Folder) -> None:
    folder.write(settings=SETTINGS.partition("upstreams:")[0])

    with pytest.raises(InvalidInput, match="no upstream is named"):
        gateway_options(read_settings(folder.config), {})


Breaking = tuple[str, Any, str]
BREAK: list[Breaking] = [
    ("policy", lambda folder: folder.policy.unlink(), "policy.yaml` cannot be read"),
    ("settings", lambda folder: folder.config.unlink(), "bailiwick.yaml` cannot be read"),
    ("not UTF-8", lambda folder: folder.policy.write_bytes(b"\xff"), "not UTF-8"),
    (
        "accounts",
        lambda folder: (folder.path / "accounts.db").unlink(),
        "accounts.db` cannot be used",
    ),
    ("secret", lambda folder: (folder.path / "accounts.secret").unlink(), "key secret"),
    (
        "test",
        lambda folder: folder.write(policy=POLICY.replace("effect: permit", "effect: deny")),
        "own test",
    ),
    (
        "location",
        lambda folder: folder.write(
            settings=SETTINGS.replace("8]}", "8], located: [{kind: mmdb, path: x.mmdb}]}")
        ),
        "x.mmdb` cannot be read",
    ),
]


@pytest.mark.parametrize(("what", "break_it", "reason"), BREAK, ids=[one[0] for one in BREAK])
def test_a_start_without_everything_that_is_needed_is_refused_with_the_reason(
    folder: Folder, what: str, break_it: Any, reason: str
) -> None:
    folder.add_key()
    break_it(folder)

    with pytest.raises(BailiwickError, match=reason):
        preflight(folder.config, read_settings(folder.config), {})


@contextmanager
def prepared(folder: Folder, change: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """Prepare a worker, change something, and begin."""
    _, worker = preflight(folder.config, read_settings(folder.config), {})
    change()
    worker.begin()
    try:
        yield dict(worker.status())
    finally:
        worker.close()


def test_a_worker_begins_with_what_was_prepared(folder: Folder) -> None:
    folder.add_key()

    with prepared(folder, lambda: None) as status:
        assert status["ready"]
        assert status["policy"]["name"] == "first"


def test_a_worker_begins_with_what_has_changed_since(folder: Folder) -> None:
    """It may be one that replaces another, long after the start."""
    folder.add_key()
    later = folder.policy.read_text().replace("first", "later")

    with prepared(folder, lambda: folder.write(policy=later)) as status:
        assert status["ready"]
        assert status["policy"]["name"] == "later"


def test_a_worker_never_begins_with_an_old_policy_because_the_new_one_is_bad(
    folder: Folder,
) -> None:
    folder.add_key()

    with prepared(folder, lambda: folder.write(policy="rules: [")) as status:
        assert not status["ready"]
        assert "not valid YAML" in status["lacking"]["policy"]


def test_anonymous_use_needs_no_account_database(folder: Folder, tmp_path: Path) -> None:
    folder.write(settings=SETTINGS.replace("{poll: 100ms}", "{poll: 100ms, anonymous: true}"))

    preflight(folder.config, read_settings(folder.config), {})

    assert (tmp_path / "accounts.db").exists()
