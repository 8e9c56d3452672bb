"""Requests that ask the same: what is kept from the last one never says other than a fresh look."""

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

import pytest

import people
from bailiwick.accounts import AccountDatabase, AccountStore
from bailiwick.audit import AuditLog, Event, Pseudonyms, reread
from bailiwick.pipeline import (
    Alike,
    Asked,
    EndUserInvalid,
    Judged,
    Pending,
    Pipeline,
    Unauthenticated,
    Unavailable,
)
from bailiwick.pipeline.alike import Alikes
from pipeline.helpers import AU, BY, LLAMA, NL, NOW, OPUS, POLICY, US

FROM = NOW + timedelta(hours=2)
TIMED = (
    POLICY
    + f"""\
  - {{id: soon, deny: frontier, where: {{address: US}}, from: "{FROM:%Y-%m-%dT%H:%M:%SZ}"}}
"""
)
STRICT = POLICY.replace("billing: us,", "billing: us, card: us,")
WORDED = POLICY + "refusal: {status: 451, message: informative}\n"
HOURS = (0, 1, 2, 3, 23, 24, 25)


class Records:
    """Passes records on to a log, and keeps the last one."""

    def __init__(self, log: AuditLog) -> None:
        self.log = log
        self.last: Mapping[str, Any] = {}

    def append(self, event: Event, *more: Any) -> Any:
        self.last = reread(event) if isinstance(event, bytes) else event

        class Receipt:
            async def durable(self) -> None:
                return

        return Receipt()

    def append_nowait(self, event: Event, *more: Any, late: bool = False) -> None:
        self.append(event)


def verdict(pipeline: Pipeline, records: Records, *given: Any) -> Any:
    """Judge; give what was found and what the record says, but for what no two share."""
    try:
        found: Judged | Pending = pipeline.judge_now(*given)
    except (Unauthenticated, Unavailable) as error:
        return type(error), error.reason
    judged = found if isinstance(found, Judged) else found.judged
    assert records.last["id"] == judged.id
    said = {name: value for name, value in records.last.items() if name not in {"id", "latency_us"}}
    return judged[1:], said


def named(asked: Asked) -> Asked:
    return asked._replace(named=dict(asked.headers))


@pytest.mark.parametrize("seed", range(12))
def test_what_is_kept_never_differs_from_a_fresh_look(
    seed: int, make_pipeline: Any, make_world: Any, database: AccountDatabase, store: AccountStore,
    log: AuditLog, ask: Any, key: str,
) -> None:  # fmt: skip
    chance, records = Random(seed), Records(log)
    shadowed = make_world(shadow=make_world(TIMED))
    worlds = [make_world(), make_world(TIMED), make_world(STRICT), make_world(WORDED), shadowed]
    pipeline = make_pipeline(audit=records, world=worlds[0])
    second = database.add_key("acme", **BY)
    store.poll()
    asked = [
        (named(ask(address, model, answers=answers, key=own)), Alike())
        for address in (US, NL, AU, "nonsense")
        for model in (OPUS, LLAMA, None)
        for answers in (True, False)
        for own in (key, second.raw, "bw_unknown", None)
    ]
    at, again = NOW, 0

    for step in range(400):
        match 3 if step == 300 else chance.randrange(12):
            case 0:
                at = NOW + timedelta(hours=chance.choice(HOURS), seconds=chance.choice((-1, 0, 1)))
            case 1:
                pipeline.use(chance.choice(worlds))
            case 2:
                place, ends = chance.choice(["US", "DE"]), NOW + timedelta(hours=1)
                database.set_evidence(
                    "acme", "billing", [place], expires_at=chance.choice([None, ends]), **BY
                )
                store.poll()
            case 3 if step == 300:
                database.revoke_key(second.id, **BY)
                store.poll()
        one, alike = chance.choice(asked)
        again += alike.found is not None
        size = chance.randrange(100)

        fresh = verdict(pipeline, records, one, at, size, Alike())

        assert verdict(pipeline, records, one, at, size, alike) == fresh
        assert verdict(pipeline, records, one, at, size) == fresh
        assert verdict(pipeline, records, one._replace(named=None), at, size) == fresh
    assert again > 100


def test_nothing_is_kept_over_a_suspension(
    make_pipeline: Any, database: AccountDatabase, store: AccountStore, log: AuditLog, ask: Any
) -> None:
    pipeline, asked, alike = make_pipeline(audit=Records(log)), ask(), Alike()
    before = pipeline.judge_now(asked, NOW, 0, alike)
    people.suspend(database, "acme")
    store.poll()

    after = pipeline.judge_now(asked, NOW, 0, alike)

    assert not isinstance(before, Judged)
    assert isinstance(after, Judged)
    assert [reason.code for reason in after.decision.reasons] == ["account.status"]


def test_what_an_end_user_is_attested_is_looked_at_each_time(
    make_pipeline: Any, log: AuditLog, ask: Any
) -> None:
    pipeline = make_pipeline(audit=Records(log))
    headers = [("x-forwarded-for", US), ("x-bailiwick-end-user", "nonsense")]
    asked = named(ask(headers=headers))

    for _ in range(2):
        with pytest.raises(EndUserInvalid):
            pipeline.judge_now(asked, NOW)


def test_clients_are_told_apart_by_their_address_and_their_program(
    make_pipeline: Any, log: AuditLog, ask: Any
) -> None:
    records = Records(log)
    pipeline = make_pipeline(audit=records)
    seen = []
    for address, agent in ((US, "a"), (US, "b"), (NL, "a"), (US, "a"), ("", "a"), (None, "a")):
        given = {"x-forwarded-for": address, "user-agent": agent}
        headers = [(name, value) for name, value in given.items() if value is not None]
        pipeline.judge_now(named(ask(headers=headers)), NOW)
        where = records.last["address"]
        seen.append((where and where["pseudonym"], records.last["build"]))

    assert len(set(seen)) == 5
    assert seen[0] == seen[3]


def test_what_is_long_is_not_kept(ask: Any) -> None:
    alikes = Alikes()

    for long in (
        {"path": "/" + "x" * 1024},
        {"key": "k" * 1024},
        {"headers": [("x-forwarded-for", "203.0.113.7," * 100)]},
        {"headers": [("user-agent", "x" * 1024)]},
    ):
        alikes.find(named(ask(**long)), "x-forwarded-for")

    assert len(alikes.kept) == 0


def test_what_was_told_is_forgotten_with_what_was_found(
    pipeline: Pipeline, make_world: Any, ask: Any
) -> None:
    asked, alike = ask(NL), Alike()
    pipeline.judge_now(asked, NOW, 0, alike)
    before = alike.found
    pipeline.judge_now(asked, NOW, 0, alike)
    assert alike.found is before is not None
    before.told = "a refusal"

    pipeline.use(make_world(WORDED))
    pipeline.judge_now(asked, NOW, 0, alike)

    assert alike.found is not None
    assert alike.found.told is None


def test_a_percent_sign_stays_one(tmp_path: Any, make_world: Any, log: AuditLog, ask: Any) -> None:
    records = Records(log)
    pipeline = Pipeline(None, records, Pseudonyms(tmp_path / "names"), anonymous=True)
    pipeline.use(make_world())
    asked, alike = ask(NL, key=None, path="/v1/100%d%b%%"), Alike()

    for _ in range(2):
        pipeline.judge_now(asked, NOW, 7, alike)

        assert records.last["path"] == "/v1/100%d%b%%"


def test_addresses_that_are_kept_apart_are_kept_each_time(
    make_pipeline: Any, ask: Any, tmp_path: Any
) -> None:
    pipeline, asked, alike = make_pipeline(keep_raw=True), ask(NL), Alike()

    for _ in range(2):
        pipeline.judge_now(asked, NOW, 0, alike)

    assert alike.found is None
