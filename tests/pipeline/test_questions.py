"""Questions of other gateways: what they bring, and that answers are on record."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from bailiwick.decision import Effect
from bailiwick.facts import PENDING, UNKNOWN
from bailiwick.pipeline import (
    Answer,
    Background,
    Pipeline,
    Question,
    Unavailable,
    World,
    decision_id,
)
from bailiwick.pipeline.questions import joined
from pipeline.helpers import LLAMA, NL, NOW, OPUS, US, BrokenAudit, Events


def ask(pipeline: Pipeline, background: Background, *questions: Question) -> list[Answer]:
    bench = pipeline.bench(background, NOW)
    (answers,) = asyncio.run(pipeline.answer("edge", "/test", [(bench, questions)], NOW))
    return answers


def known(pipeline: Pipeline, address: str = US) -> Background:
    assert pipeline.world is not None
    return Background(pipeline.account_of_id("acme", NOW), pipeline.world.client_at(address))


def test_an_account_is_found_by_its_id(pipeline: Pipeline) -> None:
    permitted, denied = known(pipeline), known(pipeline, NL)

    assert ask(pipeline, permitted, Question(OPUS, "infer"))[0].decision.permitted
    assert not ask(pipeline, denied, Question(OPUS, "infer"))[0].decision.permitted
    assert pipeline.account_of_id("nobody", NOW) is None


def test_many_answers_are_on_few_records(pipeline: Pipeline, events: Events) -> None:
    questions = [Question(LLAMA, "infer")] * 250

    answers = ask(pipeline, known(pipeline), *questions)

    records = events("answers")
    assert [len(one["answers"]) for one in records] == [100, 100, 50]
    assert [one["id"] for one in records] == [answers[i].id for i in (0, 100, 200)]


def test_a_controlled_model_is_not_permitted_off_the_record(
    make_pipeline: Callable[..., Pipeline],
) -> None:
    pipeline = make_pipeline(audit=BrokenAudit())

    with pytest.raises(Unavailable, match="audit_unavailable"):
        ask(pipeline, known(pipeline), Question(OPUS, "infer"))
    assert ask(pipeline, known(pipeline), Question(LLAMA, "infer"))[0].decision.permitted
    assert pipeline.unguarded == 1


def test_a_controlled_model_is_not_permitted_on_stale_accounts(
    make_pipeline: Callable[..., Pipeline], store: Any
) -> None:
    class Stale:
        by_key, by_id, ids, fresh = store.by_key, store.by_id, store.ids, False
        digest, by_digest = store.digest, store.by_digest

    pipeline = make_pipeline(accounts=Stale())

    with pytest.raises(Unavailable, match="accounts_unavailable"):
        ask(pipeline, known(pipeline), Question(OPUS, "infer"))


def test_nothing_said_is_unknown_and_pending_stays_open(pipeline: Pipeline) -> None:
    assert pipeline.world is not None
    client = pipeline.world.client_at(US)

    (unknown,) = ask(pipeline, Background(UNKNOWN, client), Question(OPUS, "infer"))
    (pending,) = ask(pipeline, Background(PENDING, client), Question(OPUS, "infer", frozenset()))

    assert unknown.decision.effect is Effect.DENY
    assert pending.decision.effect is Effect.UNDETERMINED


def test_without_a_model_only_what_is_the_same_for_all_is_said(pipeline: Pipeline) -> None:
    (infer,) = ask(pipeline, known(pipeline), Question(None, "infer", frozenset()))
    (sign_up,) = ask(pipeline, known(pipeline), Question(None, "sign_up", frozenset()))

    assert infer.decision.effect is Effect.UNDETERMINED
    assert [one.code for one in infer.decision.reasons] == ["model.unnamed"]
    assert sign_up.decision.effect is Effect.PERMIT


def test_what_is_said_adds_candidates_and_never_labels() -> None:
    one, other = frozenset({"XA"}), frozenset({"XB"})

    assert joined("billing", one, other) == one | other
    assert joined("billing", UNKNOWN, other) == other
    assert joined("billing", one, PENDING) == one
    assert joined("labels", frozenset(), frozenset({"vetted"})) == frozenset()


def test_an_asker_is_never_taken_for_its_client(make_world: Callable[..., World]) -> None:
    world = make_world()
    headers = [("x-forwarded-for", f"{US}, 203.0.113.9")]

    behind = world.find_client_behind("203.0.113.9", headers)
    peer = world.find_client("203.0.113.9", headers)

    assert getattr(behind, "address", None) == US
    assert getattr(peer, "address", None) == "203.0.113.9"
    assert getattr(world.find_client_behind("203.0.113.9", []), "internal", False)


def test_ids_are_never_the_same_not_even_after_a_fork() -> None:
    decision_id(NOW)
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.write(write, "\n".join(decision_id(NOW) for _ in range(50)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        theirs = pipe.read().split()

    ours = [decision_id(NOW) for _ in range(1000)]
    assert len({*ours, *theirs}) == 1050
