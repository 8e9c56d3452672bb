"""One request: whose is it, where from, what follows; on record before anybody acts on it."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from bailiwick.accounts import AccountView, Attester
from bailiwick.alternatives import Needs, fit
from bailiwick.audit import AuditUnavailable, Event, canonical, reread
from bailiwick.decision import Effect
from bailiwick.location import ClientAddress, Invalid, Located
from bailiwick.pipeline.alike import Alike, Alikes, Found
from bailiwick.pipeline.answers import answers_events
from bailiwick.pipeline.end_users import EndUsers
from bailiwick.pipeline.questions import Answer, Background, Bench, Question
from bailiwick.pipeline.record import (
    NOWHERE,
    Clients,
    Naming,
    outcome_event,
)
from bailiwick.pipeline.scene import Scene
from bailiwick.pipeline.values import (
    Arrangement,
    Asked,
    EndUser,
    Judged,
    Outcome,
    Pending,
    Unauthenticated,
    Unavailable,
    decision_id,
)
from bailiwick.pipeline.world import Parts, World

CLIENT_LEFT: Final = Outcome(499, "client_left", 0, 0, None, 0.0, None)

WARN_S: Final = 1.0
"""How often at most it is logged that records are lost."""

log = logging.getLogger("bailiwick.pipeline")


class Accounts(Protocol):
    """Who stands behind a key."""

    def by_key(self, presented: str, at: datetime) -> AccountView | None:
        """Find the account of a key."""

    def digest(self, presented: str) -> bytes | None:
        """Give what a key is found by, for as long as the process runs."""

    def by_digest(self, digest: bytes, at: datetime) -> AccountView | None:
        """Find the account of a key that was digested before."""

    def by_id(self, account: str, at: datetime) -> AccountView | None:
        """Find an account by its id."""

    def attesters(self, account: str) -> tuple[Attester, ...]:
        """Give the keys that attest what an account says of its users, its own first."""

    def ids(self) -> list[str]:
        """List the ids of all accounts."""

    @property
    def fresh(self) -> bool:
        """Whether permissions may rest on what is known."""


class Recording(Protocol):
    """The audit log, as far as it is needed here."""

    def append(
        self, event: Event, raw: Mapping[str, str] | None = None, at: datetime | None = None
    ) -> Any:
        """Queue a record; its receipt has ``durable()``. ``at``: when it was, if not now."""

    def append_nowait(
        self,
        event: Event,
        raw: Mapping[str, str] | None = None,
        at: datetime | None = None,
        *,
        late: bool = False,
    ) -> None:
        """Queue a record that nobody waits for."""


class Pipeline:
    """Judges requests in the world of the moment."""

    def __init__(
        self,
        accounts: Accounts | None,
        audit: Recording,
        names: Naming,
        *,
        anonymous: bool = False,
        keep_raw: bool = False,
    ) -> None:
        """``anonymous``: requests without a key are judged too, as nobody's.

        ``keep_raw``: addresses go to the audit log's erasable store.
        """
        self._accounts = accounts
        self._by_digest = accounts.by_digest if accounts is not None else _nobody
        self._end_users = EndUsers(accounts)
        self._audit = audit
        self._clients = Clients(names)
        self._anonymous = anonymous
        self._keep_raw = keep_raw
        self._scene: Scene | None = None
        self._alikes = Alikes()
        self._arranges = False
        self.unguarded = 0
        """Permits of models that are not controlled, given before their record was durable."""
        self.lost = 0
        self._warned = float("-inf")
        """Records that nobody waited for and that could not be kept."""
        self.used: Counter[str] = Counter()
        """How often each approved exempt rule was needed for a permit; who counts takes them."""

    @property
    def world(self) -> World | None:
        """The world of the moment; ``None`` until there is a good one."""
        return self._scene.world if self._scene is not None else None

    def use(self, world: World) -> None:
        """Judge by another world from now on. Requests under way keep theirs."""
        self._scene = Scene(world, self._clients)
        self._arranges = bool(world.table.policy.fallbacks)

    def alike(self, asked: Asked) -> Alike:
        """Find what is kept of others that asked the same."""
        scene = self._scene
        return Alike() if scene is None else self._alikes.find(asked, scene.world.client.header)

    def forget(self) -> None:
        """Forget what was asked a while ago; to be called now and then."""
        self._alikes.kept.forget(time.monotonic())

    async def judge(self, asked: Asked, at: datetime) -> Judged:
        """Judge a request. The record of a permit is durable when this returns.

        Raises ``Unauthenticated`` and ``Unavailable``.
        """
        verdict = self.judge_now(asked, at)
        return verdict if isinstance(verdict, Judged) else await verdict.durable()

    def judge_now(
        self, asked: Asked, at: datetime, size: int = 0, alike: Alike | None = None
    ) -> Judged | Pending:
        """Judge a request without waiting: a deny stands at once, a permit once it is durable.

        ``size``: bytes of the body. ``alike``: where what is found for this request is kept for
        others that ask the same, if whoever asks keeps it. Raises ``Unauthenticated`` and
        ``Unavailable``.
        """
        began = time.perf_counter_ns()
        scene = self._scene
        if scene is None:
            raise Unavailable("not_ready")
        alike = alike or self.alike(asked)
        found = alike.found
        if found is not None and found.scene is scene and found.since <= at < found.until:
            digest = found.digest
            if digest is None or self._by_digest(digest, at) is found.account:
                judged = _new(Judged, (decision_id(at), *found.judged))
                counted = size if found.counts else None
                return self._stand(judged, scene, found.text, counted, at, began)
        account = self.identify(asked.key, at)
        end_user = self._end_users.find(asked.headers, asked.named, account, at)
        caller = scene.caller(asked, at)
        said = end_user.said if end_user is not None else None
        answer = scene.answer(asked, caller, account, said, at)
        decision = answer.decision
        judged = Judged(
            decision_id(at), decision, answer.model, account, caller.located, decision.revision,
            answer.controlled, answer.layer, end_user,
        )  # fmt: skip
        beside = None
        if scene.world.shadow is not None and caller.located is not None:
            beside = _beside(scene.world.shadow, caller.located, asked, at, judged)
        build = scene.build(asked, at)
        attested = self._attested(end_user, account, at)
        text = answer.text(account, caller, build, attested, beside)
        if end_user is None and not self._keep_raw:
            key, accounts = asked.key, self._accounts
            digest = None if key is None or accounts is None else accounts.digest(key)
            alike.found = Found(scene, at, judged, digest, text, counts=answer.counts)
        raw = self._raw(caller.client)
        return self._stand(judged, scene, text, size if answer.counts else None, at, began, raw)

    def _stand(
        self, judged: Judged, scene: Scene, text: bytes, counted: int | None, at: datetime,
        began: int, raw: Mapping[str, str] | None = None,
    ) -> Judged | Pending:  # fmt: skip
        """Put a decision on record; ``counted``: the bytes that came in, if its record says so.

        A permit waits for its record, and a controlled model depends on it.
        """
        decision, id_ = judged.decision, judged.id.encode()
        latency_us = (time.perf_counter_ns() - began) // 1000
        unique = (id_, latency_us) if counted is None else (counted, id_, latency_us)
        if decision.effect is not Effect.PERMIT:
            self._later(text % unique, raw, at)
            return judged
        if judged.controlled and judged.account is not None:
            self._check_fresh()
        if scene.world.table.approvals:
            self.used.update(scene.world.table.approvals.intersection(decision.determining))
        event = text % unique
        try:
            return _Permit(self, judged, event, raw, self._audit.append(event, raw, at))
        except AuditUnavailable:
            return self.unrecorded(judged, event, raw)

    def arrangement(self, asked: Asked) -> Arrangement | None:
        """Say what the policy has in place of the model asked for; ``None``: nothing."""
        if not self._arranges or asked.model is None:
            return None
        world = self._ready()
        model = world.catalog.resolve(asked.model)
        found = world.table.policy.fallback(model) if model is not None else None
        if found is None or model is None:
            return None
        needs = Needs(features=asked.features)
        models = world.catalog.models
        fitting = (one for one in found.candidates if fit(models[one], needs).fits is not False)
        candidates = tuple(one for one in fitting if one != model)
        contexts = ((one, models[one].context_tokens) for one in candidates)
        windows = {one: context.value for one, context in contexts if context is not None}
        return Arrangement(model, candidates, found.when, found.always, found.translate, windows)

    def outcome(self, judged: Judged, outcome: Outcome) -> None:
        """Record what became of a judged request."""
        self._later(outcome_event(judged, outcome))

    def bench(self, background: Background, at: datetime) -> Bench:
        """Prepare to answer questions about one background. Raises ``Unavailable``."""
        return Bench(self._ready(), background, at)

    def identify(self, key: str | None, at: datetime) -> AccountView | None:
        """Find who asks. A key that is not good is never taken for none.

        Raises ``Unauthenticated``.
        """
        if key is None:
            if self._anonymous:
                return None
            raise Unauthenticated("key.missing")
        found = self._accounts.by_key(key, at) if self._accounts else None
        if found is None:
            raise Unauthenticated("key.unknown")
        return found

    def end_user(
        self, headers: Sequence[tuple[str, str]], account: AccountView | None, at: datetime
    ) -> EndUser | None:
        """Read what an account attests for its own user; ``None``: nothing.

        Raises ``EndUserInvalid``.
        """
        return self._end_users.find(headers, None, account, at)

    def account_of_id(self, account: str, at: datetime) -> AccountView | None:
        """Find an account by its id."""
        return self._accounts.by_id(account, at) if self._accounts else None

    def account_ids(self) -> list[str]:
        """List every account and organisation."""
        return self._accounts.ids() if self._accounts else []

    async def answer(
        self, asker: str, path: str, sets: Sequence[tuple[Bench, Sequence[Question]]], at: datetime
    ) -> list[list[Answer]]:
        """Answer sets of questions; every permit is on record when this returns.

        Raises ``Unavailable``.
        """
        id_ = decision_id(at)
        alone = sum(len(questions) for _, questions in sets) == 1
        answers: list[list[Answer]] = []
        events: list[dict[str, Any]] = []
        number = 0
        for bench, questions in sets:
            found = []
            for question in questions:
                decision, model = bench.decide(question)
                found.append(Answer(id_ if alone else f"{id_}.{number}", decision, model))
                number += 1
            answers.append(found)
            client = self._clients.fields(bench.client, at) if bench.client else NOWHERE
            if bench.end_user is not None and bench.account is not None:
                end_user = self._clients.end_user(bench.end_user, bench.account.id, at)
                client = {**client, "end_user": end_user}
            events += answers_events(asker, path, bench, questions, found, client)
        await self._keep(sets, answers, events)
        return answers

    async def _keep(
        self,
        sets: Sequence[tuple[Bench, Sequence[Question]]],
        answers: Sequence[Sequence[Answer]],
        events: Sequence[dict[str, Any]],
    ) -> None:
        """Put answers on record; if something is permitted, wait until they are there."""
        permits = [
            (bench, one)
            for (bench, _), found in zip(sets, answers, strict=True)
            for one in found
            if one.decision.permitted
        ]
        if not permits:
            for event in events:
                self._later(event)
            return
        controlled = any(bench.world.controlled(one.model) for bench, one in permits)
        if controlled and any(bench.account for bench, _ in permits):
            self._check_fresh()
        try:
            receipts = [self._audit.append(event) for event in events]
            for receipt in receipts:
                await receipt.durable()
        except AuditUnavailable:
            if controlled:
                raise Unavailable("audit_unavailable") from None
            self.unguarded += len(permits)

    def ended(self, asked: Asked, judged: Judged, at: datetime) -> str | None:
        """Say why a permit given earlier is withdrawn: an order, or (for a controlled model) what
        became of its account or key. Other changes are for new requests.
        """
        world = self._ready()
        try:
            account = self._account(asked, at)
        except Unauthenticated as error:
            return error.reason if judged.controlled else None
        client = world.find_client(asked.peer, asked.headers)
        if isinstance(client, Invalid):
            return None
        located = world.locator.locate_client(client, at)
        decision = world.decide(
            judged.model,
            at,
            _parts(world, located, account, asked, judged.model, judged.end_user),
        )
        codes = {reason.code for reason in decision.reasons}
        if "order.off" in codes:
            return "order.off"
        return "account.status" if judged.controlled and "account.status" in codes else None

    def permitted_models(self, asked: Asked, at: datetime) -> tuple[str, ...]:
        """List the models that this caller may use for inference, from here and now."""
        world = self._ready()
        account = self._account(asked, at)
        end_user = self._end_users.find(asked.headers, asked.named, account, at)
        said = end_user.said if end_user is not None else None
        client = _client(world, asked)
        if isinstance(client, Invalid):
            return ()
        located = world.locator.locate_client(client, at)
        stale = account is not None and self._accounts is not None and not self._accounts.fresh
        found = []
        for model in world.table.policy.models:
            route = (model, asked.dialect)
            parts = world.parts(located, account, "infer", frozenset(), route, said)
            permitted = world.decide(model, at, parts).permitted
            if permitted and not (stale and world.controlled(model)):
                found.append(model)
        return tuple(sorted(found))

    def _ready(self) -> World:
        if self._scene is None:
            raise Unavailable("not_ready")
        return self._scene.world

    def _account(self, asked: Asked, at: datetime) -> AccountView | None:
        return self.identify(asked.key, at)

    def _attested(
        self, end_user: EndUser | None, account: AccountView | None, at: datetime
    ) -> bytes | None:
        """Describe an end user as a record does."""
        if end_user is None or account is None:
            return None
        return canonical(self._clients.end_user(end_user, account.id, at))

    def _check_fresh(self) -> None:
        if self._accounts is not None and not self._accounts.fresh:
            raise Unavailable("accounts_unavailable")

    def _raw(self, client: ClientAddress | Invalid) -> dict[str, str] | None:
        if not self._keep_raw or isinstance(client, Invalid):
            return None
        return {"address": client.address}

    def unrecorded(self, judged: Judged, event: Event, raw: Mapping[str, str] | None) -> Judged:
        """Say what a permit is worth whose record cannot be kept now."""
        if judged.controlled:
            raise Unavailable("audit_unavailable") from None
        self.unguarded += 1
        told = reread(event) if isinstance(event, bytes) else event
        self._later({**told, "late": True}, raw)
        return judged

    def _later(
        self, event: Event, raw: Mapping[str, str] | None = None, at: datetime | None = None
    ) -> None:
        """Record what stands whether or not it is recorded."""
        try:
            self._audit.append_nowait(event, raw, at, late=True)
        except AuditUnavailable as error:
            self.lost += 1
            if time.monotonic() - self._warned >= WARN_S:
                self._warned = time.monotonic()
                kind = (reread(event) if isinstance(event, bytes) else event)["kind"]
                log.warning(
                    "a record of kind %s could not be kept, and %d before it: %s",
                    kind, self.lost - 1, error,
                )  # fmt: skip


class _Permit:
    """A permit that waits for its record."""

    __slots__ = ("event", "judged", "pipeline", "raw", "receipt")

    def __init__(
        self,
        pipeline: Pipeline,
        judged: Judged,
        event: Event,
        raw: Mapping[str, str] | None,
        receipt: Any,
    ) -> None:
        self.pipeline = pipeline
        self.judged = judged
        self.event = event
        self.raw = raw
        self.receipt = receipt

    async def durable(self) -> Judged:
        """Wait for the record."""
        try:
            await self.receipt.durable()
        except AuditUnavailable:
            return self.pipeline.unrecorded(self.judged, self.event, self.raw)
        except asyncio.CancelledError:
            self.abandon()
            raise
        return self.judged

    def when_durable(self, call: Callable[[Judged | Unavailable], None]) -> None:
        """Call back when the record is there."""
        self.receipt.when_durable(lambda problem: call(self._worth(problem)))

    def _worth(self, problem: AuditUnavailable | None) -> Judged | Unavailable:
        if problem is None:
            return self.judged
        try:
            return self.pipeline.unrecorded(self.judged, self.event, self.raw)
        except Unavailable as error:
            return error

    def abandon(self) -> None:
        """Take note that whoever asked has left."""
        self.pipeline.outcome(self.judged, CLIENT_LEFT)


_new = tuple.__new__


def _nobody(digest: bytes, at: datetime) -> None:
    """Find no account, as there are none."""
    del digest, at


def _client(world: World, asked: Asked) -> ClientAddress | Invalid:
    if asked.asker is None:
        return world.find_client(asked.peer, asked.headers)
    return world.find_client_behind(asked.peer, asked.headers, asked.address_header)


def _beside(shadow: World, located: Located, asked: Asked, at: datetime, judged: Judged) -> bytes:
    """Let a policy that is only tried judge the same request; nothing follows from it."""
    parts = _parts(shadow, located, judged.account, asked, judged.model, judged.end_user)
    return shadow.compared(judged.decision, shadow.decide(judged.model, at, parts))


def _parts(
    world: World,
    located: Located,
    account: AccountView | None,
    asked: Asked,
    model: str | None,
    end_user: EndUser | None,
) -> Parts:
    route = (model, asked.dialect) if model is not None else None
    said = end_user.said if end_user is not None else None
    return world.parts(located, account, asked.action, asked.features, route, said)
