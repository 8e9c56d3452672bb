"""Shadow mode: a second policy judges beside the first, and the records say where they differ."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bailiwick.audit import AuditLog, Pseudonyms, export
from bailiwick.bootstrap import Built, build_world, gateway_options, read_settings
from bailiwick.pipeline import Asked, Judged, Pipeline
from bootstrap.helpers import NL, POLICY, SETTINGS, US, Folder
from replay.replay_help import bailiwick

NOW = datetime(2026, 7, 1, tzinfo=UTC)
NEXT = """
bailiwick: 1
name: next
models: {opus: {ids: ["anthropic/claude-opus-*"]}}
rules:
  - {id: everywhere, permit: opus}
  - {id: not-in-the-us, deny: opus, where: {address: US}}
"""
NOBODY = POLICY.replace(", billing: us", "").replace(", billing: US", "")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write(SETTINGS + "shadow: next.yaml\n", NOBODY)
    (tmp_path / "next.yaml").write_text(NEXT)
    return folder


def build(folder: Folder) -> Built:
    settings = read_settings(folder.config)
    return build_world(settings, folder.path, gateway_options(settings, {}).upstreams, NOW)


def judge(folder: Folder, *addresses: str) -> list[Judged]:
    log = AuditLog.open(folder.path / "audit", node="gw", worker="0", clock=lambda: NOW)
    names = Pseudonyms(folder.path / "pseudonyms")
    pipeline = Pipeline(None, log, names, anonymous=True)
    pipeline.use(build(folder).world)

    async def main() -> list[Judged]:
        return [await pipeline.judge(asked(address), NOW) for address in addresses]

    try:
        return asyncio.run(main())
    finally:
        log.close()


def asked(address: str) -> Asked:
    headers = [("x-forwarded-for", address)]
    return Asked(
        "127.0.0.1",
        headers,
        None,
        "claude-opus-4-1",
        "infer",
        frozenset(),
        "anthropic",
        "/v1/messages",
    )


def shadows(folder: Folder) -> list[dict[str, Any]]:
    out = folder.path / "all.jsonl"
    export(folder.path / "audit", out)
    events = [json.loads(line)["event"] for line in out.read_text().splitlines()]
    return [event["shadow"] for event in events if event["kind"] == "decision"]


def test_the_policy_decides_and_the_record_says_what_the_shadow_would_have_said(
    folder: Folder,
) -> None:
    judged = judge(folder, US, NL)

    assert [one.decision.permitted for one in judged] == [True, False]
    refused, permitted = shadows(folder)
    assert refused["effect"] == "deny"
    assert refused["determining"] == ["not-in-the-us"]
    assert refused["reasons"][0]["code"] == "rule.denied"
    assert permitted["effect"] == "permit"
    assert len(permitted["revision"]) == 64


def test_where_both_agree_the_record_says_only_that(folder: Folder) -> None:
    (folder.path / "next.yaml").write_text(NOBODY)

    judge(folder, US, NL)

    for one, effect in zip(shadows(folder), ("permit", "deny"), strict=True):
        assert one.keys() == {"revision", "effect"}
        assert one["effect"] == effect


def test_a_shadow_that_is_wrong_stops_nothing_and_is_reported(folder: Folder) -> None:
    (folder.path / "next.yaml").write_text(
        "bailiwick: 1\nname: broken\nrules: [{id: x, permitt: y}]\n"
    )

    built = build(folder)

    assert built.world.shadow is None
    assert [one.code for one in built.problems if "shadow" in one.code] == ["shadow.refused"]
    assert [one.decision.permitted for one in judge(folder, US)] == [True]


def test_records_are_summed_up_alike_from_segments_and_exports(folder: Folder) -> None:
    judge(folder, US, US, NL, NL, NL)
    export(folder.path / "audit", folder.path / "a.jsonl")
    export(folder.path / "audit", folder.path / "a.parquet", "parquet")

    found = []
    for path in (folder.path / "audit", folder.path / "a.jsonl", folder.path / "a.parquet"):
        done = bailiwick("replay", path, "--shadow", "--json")
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))

    for one in found:
        assert one["schema"] == "bailiwick.shadow/1"
        assert (one["compared"], one["newly_denied"], one["newly_permitted"]) == (5, 2, 3)
        assert one["by_country"] == [
            {"name": "NL", "records": 3, "newly_permitted": 3},
            {"name": "US", "records": 2, "newly_denied": 2},
        ]
        assert len(one["examples"]) == 5


def test_the_summary_reads_well(folder: Folder) -> None:
    judge(folder, US, NL)

    done = bailiwick("replay", folder.path / "audit", "--shadow")

    assert "2 of 2 decisions were judged by a shadow too" in done.stdout
    assert "rule.denied not-in-the-us" in done.stdout


def test_without_a_policy_or_shadow_there_is_nothing_to_ask(folder: Folder) -> None:
    done = bailiwick("replay", folder.policy)

    assert done.returncode == 2
    assert "`--policy` is missing" in done.stderr
