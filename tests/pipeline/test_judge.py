"""One request through the pipeline: whose, where from, what follows, on record."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

import people
from bailiwick.accounts import AccountStore
from bailiwick.decision import Effect
from bailiwick.facts import Facts
from bailiwick.location import LocatedSource, LocationSettings, MmdbWriter, load_locator
from bailiwick.pipeline import (
    Outcome,
    Pipeline,
    Unauthenticated,
    Unavailable,
    account_facts,
    decision_id,
    location_facts,
    request_facts,
)
from pipeline.helpers import AU, BY, LLAMA, NL, NOW, OPUS, POLICY, US, BrokenAudit

NO_FEATURES: frozenset[str] = frozenset()


def test_a_domestic_account_at_a_domestic_address_is_permitted(
    pipeline: Any, ask: Any, judge: Any, events: Any
) -> None:
    judged = judge(pipeline, ask())

    assert judged.decision.effect is Effect.PERMIT
    assert judged.model == "anthropic/claude-opus-4-1"
    assert judged.located.places == ("US",)
    assert judged.account.id == "acme"
    assert judged.controlled
    (event,) = events()
    assert event["id"] == judged.id
    assert event["effect"] == "permit"
    assert event["determining"] == ["frontier-in-us", "no-images"]


def test_the_record_says_what_was_known_and_nothing_personal(
    pipeline: Any, ask: Any, judge: Any, events: Any, key: str, tmp_path: Any
) -> None:
    judged = judge(pipeline, ask(NL))

    (event,) = events()
    assert event["model_asked"] == OPUS
    assert event["model"] == "anthropic/claude-opus-4-1"
    assert event["revision"] == judged.revision
    assert event["evidence"]["address"] == ["NL"]
    assert event["evidence"]["billing"] == ["US"]
    assert event["evidence"]["card"] == "unknown"
    assert event["address"]["network"] == "193.0.6.0/24"
    assert event["address_from"] == "x-forwarded-for"
    assert event["account"] == "acme"
    assert event["key"] == judged.account.key_id
    assert {source["source"] for source in event["data"]} == {"ipfire", "iptocc"}
    assert all(source["built_at"] for source in event["data"])
    assert event["latency_us"] >= 0
    written = b"".join(path.read_bytes() for path in (tmp_path / "audit").rglob("*.jsonl"))
    assert NL.encode() not in written
    assert key[:12].encode() not in written


def test_the_address_is_kept_apart_where_the_operator_keeps_it_for_a_while(
    make_pipeline: Any, ask: Any, judge: Any, events: Any, tmp_path: Any
) -> None:
    judge(make_pipeline(keep_raw=True), ask(NL))

    assert len(events()) == 1
    chain = b"".join(path.read_bytes() for path in (tmp_path / "audit").glob("*.jsonl"))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "audit" / "raw").iterdir())
    assert NL.encode() in kept
    assert NL.encode() not in chain


@pytest.mark.parametrize(
    ("asked", "effect", "layer", "codes"),
    [
        ({}, "permit", "account", []),
        ({"address": NL}, "deny", "edge", ["permit.none"]),
        ({"address": AU}, "deny", "edge", ["rule.denied"]),
        ({"model": LLAMA, "address": NL}, "permit", "edge", []),
        ({"model": "claude-opus-9"}, "deny", "edge", ["model.unknown"]),
        ({"model": None}, "deny", "edge", ["model.unknown"]),
        ({"model": "gpt-4o"}, "deny", "edge", ["authority.none"]),
        ({"features": frozenset({"image_input"})}, "deny", "edge", ["feature.denied"]),
        ({"address": "10.0.0.1"}, "deny", "edge", ["evidence.missing"]),
        ({"peer": "192.0.32.10", "headers": []}, "permit", "account", []),
        ({"address": "unknown"}, "deny", "edge", ["address.invalid"]),
        ({"address": "nonsense"}, "deny", "edge", ["address.invalid"]),
        ({"peer": "nonsense"}, "deny", "edge", ["address.invalid"]),
    ],
)
def test_each_answer_says_why_and_which_layer_decided(
    pipeline: Any, ask: Any, judge: Any, asked: Any, effect: str, layer: str, codes: list[str]
) -> None:
    judged = judge(pipeline, ask(**asked))

    decision = judged.decision
    assert (decision.effect.value, judged.layer) == (effect, layer)
    assert [reason.code for reason in decision.reasons] == codes
    assert decision.revision == judged.revision != ""


@pytest.mark.parametrize(
    ("billing", "card", "codes"),
    [
        (["DE"], [], ["permit.none"]),
        ([], [], ["evidence.missing"]),
        (["US"], ["KP"], ["rule.denied"]),
        (["US", "DE"], [], ["permit.none"]),
    ],
)
def test_a_foreign_account_at_a_domestic_address_is_refused_by_the_account_layer(
    make_pipeline: Any,
    database: Any,
    store: Any,
    ask: Any,
    judge: Any,
    billing: Any,
    card: Any,
    codes: Any,
) -> None:
    database.set_evidence("acme", "billing", billing, **BY)
    database.set_evidence("acme", "card", card, **BY)
    store.poll()

    judged = judge(make_pipeline(), ask())

    assert [reason.code for reason in judged.decision.reasons] == codes
    assert judged.layer == "account"


def test_a_suspended_account_is_refused(
    pipeline: Any, database: Any, store: Any, ask: Any, judge: Any
) -> None:
    before = judge(pipeline, ask())
    people.suspend(database, "acme")
    store.poll()

    judged = judge(pipeline, ask())

    assert before.decision.permitted
    assert [reason.code for reason in judged.decision.reasons] == ["account.status"]
    assert judged.layer == "account"


def test_evidence_that_expires_stops_counting_without_any_change(
    pipeline: Any, database: Any, store: Any, ask: Any, judge: Any
) -> None:
    end = NOW + timedelta(hours=1)
    database.set_evidence("acme", "billing", ["US"], expires_at=end, **BY)
    store.poll()

    before = judge(pipeline, ask(), end - timedelta(seconds=1))
    after = judge(pipeline, ask(), end)

    assert before.decision.permitted
    assert not after.decision.permitted


def test_places_of_the_upstream_are_facts(
    make_pipeline: Any, make_world: Any, ask: Any, judge: Any
) -> None:
    places = {"anthropic": frozenset({"US"}), "openai": frozenset({"US", "DE"})}
    world = make_world(route=lambda model, dialect: {"processing": places[dialect]})
    pipeline = make_pipeline(world=world)

    inside = judge(pipeline, ask())
    outside = judge(pipeline, ask(dialect="openai"))

    assert inside.decision.permitted
    assert not outside.decision.permitted
    assert outside.layer == "settings"


@pytest.mark.parametrize("given", [None, "", "bw_" + "x" * 33, "bw_é", "y" * 5000])
def test_without_a_good_key_there_is_no_judgement(
    pipeline: Any, ask: Any, judge: Any, events: Any, given: str | None
) -> None:
    with pytest.raises(Unauthenticated) as caught:
        judge(pipeline, ask(key=given))

    assert caught.value.reason == ("key.missing" if given is None else "key.unknown")
    assert events() == []


def test_a_key_that_is_not_good_is_never_taken_for_none(
    make_pipeline: Any, ask: Any, judge: Any
) -> None:
    pipeline = make_pipeline(anonymous=True)

    nobody = judge(pipeline, ask(key=None, model=LLAMA))
    with pytest.raises(Unauthenticated):
        judge(pipeline, ask(key="bw_unknown", model=LLAMA))

    assert nobody.decision.permitted
    assert nobody.account is None


def test_a_revoked_key_is_refused(
    pipeline: Any, database: Any, store: Any, ask: Any, judge: Any
) -> None:
    judged = judge(pipeline, ask())
    database.revoke_key(judged.account.key_id, **BY)
    store.poll()

    with pytest.raises(Unauthenticated):
        judge(pipeline, ask())


def test_nothing_is_judged_before_there_is_a_world(
    store: Any, log: Any, ask: Any, judge: Any
) -> None:
    pipeline = Pipeline(store, log, None)  # type: ignore[arg-type]

    with pytest.raises(Unavailable, match="not_ready"):
        judge(pipeline, ask())
    with pytest.raises(Unavailable, match="not_ready"):
        pipeline.permitted_models(ask(), NOW)


class Stale:
    """A store whose database has been down for too long."""

    fresh = False

    def __init__(self, store: AccountStore) -> None:
        self.by_key, self.digest, self.by_digest = store.by_key, store.digest, store.by_digest


def test_with_stale_accounts_controlled_models_are_unavailable_and_others_are_served(
    make_pipeline: Any, store: Any, ask: Any, judge: Any
) -> None:
    pipeline = make_pipeline(accounts=Stale(store))

    with pytest.raises(Unavailable, match="accounts_unavailable"):
        judge(pipeline, ask())

    assert judge(pipeline, ask(model=LLAMA)).decision.permitted
    assert not judge(pipeline, ask(AU)).decision.permitted
    assert "anthropic/claude-opus-4-1" not in pipeline.permitted_models(ask(), NOW)


def test_without_records_controlled_models_are_unavailable_and_others_are_recorded_late(
    make_pipeline: Any, ask: Any, judge: Any
) -> None:
    audit = BrokenAudit()
    pipeline = make_pipeline(audit=audit)

    with pytest.raises(Unavailable, match="audit_unavailable"):
        judge(pipeline, ask())
    permitted = judge(pipeline, ask(model=LLAMA))
    denied = judge(pipeline, ask(AU))

    assert permitted.decision.permitted
    assert not denied.decision.permitted
    assert [(event["id"], event.get("late")) for event in audit.late] == [
        (permitted.id, True),
        (denied.id, None),
    ]
    assert pipeline.unguarded == 1
    assert pipeline.lost == 0


def test_a_refusal_stands_even_if_it_can_never_be_recorded(
    make_pipeline: Any, ask: Any, judge: Any
) -> None:
    pipeline = make_pipeline(audit=BrokenAudit(takes_late=False))

    judged = judge(pipeline, ask(AU))

    assert not judged.decision.permitted
    assert pipeline.lost == 1


def test_a_permit_is_on_disk_before_judging_ends(
    pipeline: Any, ask: Any, judge: Any, tmp_path: Any
) -> None:
    judged = judge(pipeline, ask())

    written = b"".join(path.read_bytes() for path in (tmp_path / "audit").glob("*.jsonl"))
    assert judged.id.encode() in written


class SlowAudit(BrokenAudit):
    """A log that takes its time."""

    def append(self, event: Any, raw: Any = None, at: Any = None) -> Any:
        return self

    async def durable(self) -> None:
        await asyncio.sleep(60)


def test_a_caller_that_leaves_while_the_record_is_written_is_on_record(
    make_pipeline: Any, ask: Any
) -> None:
    audit = SlowAudit()
    pipeline = make_pipeline(audit=audit)

    async def leave() -> None:
        await asyncio.wait_for(pipeline.judge(ask(), NOW), 0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(leave())
    assert [(event["kind"], event["result"]) for event in audit.late] == [
        ("outcome", "client_left")
    ]


def test_an_outcome_is_recorded_under_the_decisions_id(
    pipeline: Any, ask: Any, judge: Any, events: Any
) -> None:
    judged = judge(pipeline, ask())
    pipeline.outcome(judged, Outcome(200, "completed", 10, 2000, 12.34567, 99.0, "one"))

    (event,) = events("outcome")
    assert event == {
        "kind": "outcome",
        "id": judged.id,
        "status": 200,
        "result": "completed",
        "bytes_in": 10,
        "bytes_out": 2000,
        "first_byte_ms": 12.346,
        "total_ms": 99.0,
        "upstream": "one",
    }


@pytest.mark.parametrize(
    ("address", "billing", "opus", "llama"),
    [
        (US, "US", True, True),
        (NL, "US", False, True),
        (US, "DE", False, True),
        ("x", "US", False, False),
    ],
)
def test_models_are_listed_as_they_would_be_judged(
    pipeline: Any,
    database: Any,
    store: Any,
    ask: Any,
    address: str,
    billing: str,
    opus: bool,
    llama: bool,
) -> None:
    database.set_evidence("acme", "billing", [billing], **BY)
    store.poll()

    listed = pipeline.permitted_models(ask(address, None, action="list_models"), NOW)

    assert ("anthropic/claude-opus-4-1" in listed) is opus
    assert (LLAMA in listed) is llama


def test_a_new_world_judges_the_next_request_and_not_the_one_under_way(
    make_pipeline: Any, make_world: Any, ask: Any
) -> None:
    audit = SlowAudit()
    pipeline = make_pipeline(audit=audit)
    old = pipeline.world.revision
    stricter = make_world(POLICY + "  - {id: off, deny: frontier}\n")

    async def both() -> tuple[str, Any]:
        under_way = asyncio.ensure_future(pipeline.judge(ask(), NOW))
        await asyncio.sleep(0)
        pipeline.use(stricter)
        next_one = await pipeline.judge(ask(), NOW)
        under_way.cancel()
        return pipeline.world.revision, next_one

    revision, judged = asyncio.run(both())

    assert revision != old
    assert judged.revision == revision
    assert "off" in judged.decision.determining


@pytest.mark.parametrize("model", ["anthropic/claude-opus-4-1", LLAMA, "google/gemini-2.5-pro"])
@pytest.mark.parametrize("address", [US, NL, AU, "10.0.0.1", "2001:67c:2e8:22::c100:68b"])
@pytest.mark.parametrize("features", [NO_FEATURES, frozenset({"image_input", "tools"})])
def test_facts_looked_up_in_parts_decide_like_all_of_them_together(
    make_world: Any, store: Any, key: str, model: str, address: str, features: frozenset[str]
) -> None:
    world = make_world()
    account = store.by_key(key, NOW)
    located = world.locator.locate(address, NOW)
    everything = {
        **location_facts(located),
        **account_facts(account),
        **request_facts("infer", features),
    }

    parts = world.parts(located, account, "infer", features, (model, "anthropic"))

    assert world.decide(model, NOW, parts) == world.table.decide(Facts(model, NOW, everything))


def test_accounts_differ_where_a_rule_asks_who_they_are(
    make_world: Any, make_pipeline: Any, database: Any, store: Any, ask: Any, judge: Any
) -> None:
    database.add_account("Other", id="other", **BY)
    database.set_evidence("other", "billing", ["US"], **BY)
    other = database.add_key("other", **BY).raw
    store.poll()
    text = POLICY + "  - {id: not-acme, deny: frontier, where: {principal: acme}}\n"
    pipeline = make_pipeline(world=make_world(text))

    acme, others = judge(pipeline, ask()), judge(pipeline, ask(key=other))

    assert acme.decision.determining == ("not-acme",)
    assert others.decision.permitted


def test_decision_ids_sort_by_time_and_differ() -> None:
    ids = [decision_id(NOW + timedelta(milliseconds=n)) for n in range(100)]

    assert ids == sorted(ids)
    assert len({decision_id(NOW) for _ in range(1000)}) == 1000
    assert all(re.fullmatch(r"dec_[0-9a-f]{32}", one) for one in ids)


def test_the_record_has_the_rough_place_and_the_build_of_the_client_and_no_more(
    make_pipeline: Any, make_world: Any, judge: Any, ask: Any, events: Any, tmp_path: Any
) -> None:
    writer = MmdbWriter("GeoLite2-City", NOW)
    point = {"latitude": 34.05, "longitude": -118.24, "accuracy_radius": 20}
    writer.insert(f"{US}/32", {"country": {"iso_code": "US"}, "location": point})
    (tmp_path / "city.mmdb").write_bytes(writer.to_bytes())
    source = LocatedSource(kind="mmdb", path=str(tmp_path / "city.mmdb"))
    world = make_world()
    world.locator = load_locator(LocationSettings(located=(source,)), NOW)
    pipeline = make_pipeline(world=world)
    agent = ("user-agent", "Anthropic/Python 0.60.0")

    judge(pipeline, ask(headers=[("x-forwarded-for", US), agent]))
    judge(pipeline, ask(headers=[("x-forwarded-for", US)]))
    judge(pipeline, ask(headers=[("x-forwarded-for", NL), agent]))

    first, second, third = events()
    assert first["cell"] == [34, -118, 100]
    assert re.fullmatch(r"2026-07\.[0-9a-f]{8}:[0-9a-f]{32}", first["build"])
    assert first["build"] == third["build"]
    assert second["build"] is None
    assert third["cell"] is None
    assert "Anthropic/Python" not in str(first)
