"""One request, from its first header to its outcome.

    read -> judge -> hold to the obligations -> forward -> record the outcome

Whatever ends it early is a ``Refused``; what was judged has exactly one outcome.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bailiwick.decision import Decision, Effect
from bailiwick.front import NEVER, NO_HEAD, Head, Refused, Reply, clock, too_large
from bailiwick.gateway import models, obligations
from bailiwick.gateway.body import read, serialise
from bailiwick.gateway.dialects import ENDPOINTS, MODELS_PATH, Endpoint
from bailiwick.gateway.fallback import Attempt, Fallback, RegionRefused
from bailiwick.gateway.flights import LEFT, TIMEOUT, WITHDRAWN, Flight
from bailiwick.gateway.identity import check_name, check_query
from bailiwick.gateway.meaning import NO_MEANING, Meaning
from bailiwick.gateway.metrics import Labels
from bailiwick.gateway.regions import STATUSES, is_region_refusal
from bailiwick.gateway.respond import DECISION_HEADER, about, denial_text, refusal, unauthenticated
from bailiwick.gateway.translate import Translation, Untranslatable, error_in
from bailiwick.gateway.upstream import Answer, Target, UpstreamBroke
from bailiwick.gateway.usage import Meter
from bailiwick.pipeline import (
    Alike,
    Asked,
    Judged,
    Outcome,
    Pending,
    Unauthenticated,
    Unavailable,
    decision_id,
)
from bailiwick.policy import Refusal as RefusalStyle

if TYPE_CHECKING:
    from bailiwick.front import Connection
    from bailiwick.gateway.app import Gateway

_log = logging.getLogger("bailiwick.gateway")

MOST_TOLD: Final = 1024
"""Refusals that are remembered."""
_LEFT_STATUS: Final = 499
"""What records say where nobody was left to be told a status."""
_SLOW: Final = {
    "judging": Refused("not_ready", "no decision could be taken in time"),
    "upstream": Refused("upstream_timeout", "the upstream did not answer in time"),
}


class Exchange:
    """The state of one request in hand."""

    head = NO_HEAD
    meaning = NO_MEANING
    dialect = "openai"
    judged: Judged | None = None
    flight: Flight | None = None
    step = "head"
    answered = False
    bytes_in = 0
    bytes_out = 0
    first_byte_s: float | None = None
    upstream: str | None = None
    fallback: Fallback | None = None
    whole = False
    """Whether the answer came to its end."""

    def __init__(self, gateway: "Gateway", connection: "Connection") -> None:
        self.gateway = gateway
        self.connection = connection
        self.since = clock()

    # -- what the connection says --------------------------------------------------------------

    def open(self, head: Head, length: int | None) -> Refused | None:
        """Take the head; returns why the request is refused, if it shows already."""
        self.head = head
        meaning: Meaning | None = head.meaning
        if meaning is None:
            meaning = head.meaning = Meaning(head)
        self.meaning = meaning
        self.dialect = meaning.dialect
        options = self.gateway.options
        if self.gateway.in_hand > options.limits.concurrency:
            return Refused("overloaded", "too many requests at a time", None, 1)
        if meaning.refused is not None:
            return meaning.refused
        if length is not None and length > options.limits.body_bytes:
            return too_large(options.limits.body_bytes)
        return None

    def take(self, raw: bytes | bytearray) -> None:
        """Take the body, which is all there: answer now, or in a task."""
        try:
            endpoint = self.meaning.endpoint
            if endpoint is None:
                self._list_models()
            else:
                self._infer(endpoint, raw)
        except Refused as refused:
            self.refuse(refused)
        except Exception:  # noqa: BLE001 - logged; the caller gets an answer and no pass
            _log.exception("a request failed by our own fault")
            self._fail()
            self.connection.finished()

    def time_out(self) -> None:
        """Take note that the present step takes too long."""
        if self.flight is not None:
            self.flight.interrupt(TIMEOUT)

    def left(self) -> None:
        """Take note that the caller has left."""
        if self.flight is not None:
            self.flight.interrupt(LEFT)
            return
        if not self.answered:
            self.answered = True
            self._finish(_LEFT_STATUS, "client_left")
        self.connection.finished()

    def refuse(self, refused: Refused) -> None:
        """Answer with a refusal, on record, and be done."""
        self._refuse(refused)
        if self.flight is None:
            self.connection.finished()

    # -- judging -------------------------------------------------------------------------------

    def _infer(self, endpoint: Endpoint, raw: bytes | bytearray) -> None:
        self.bytes_in = size = len(raw)
        gateway, meaning, peer = self.gateway, self.meaning, self.connection.peer
        body = None
        question = meaning.denied_before(peer, raw)
        if question is None:
            body = read(raw, gateway.options.limits)
            question = meaning.question(self.head, peer, body, endpoint.features(body))
        asked, alike = question
        began, judge = clock(), gateway.services.judge
        try:
            alike = alike or judge.alike(asked)
            arranged = judge.arrangement(asked)
            if arranged is not None:
                body = body or read(raw, gateway.options.limits)
                self.fallback = Fallback.of(arranged, asked, body, self.head.headers)
                if self.fallback is not None:  # a deny may not be the end of it
                    asked, alike = asked._replace(answers=False), Alike()
            verdict = judge.judge_now(asked, datetime.now(UTC), size, alike)
        except (Unauthenticated, Unavailable) as error:
            raise _unjudged(error) from None
        if type(verdict) is Judged and verdict.decision.effect is not Effect.PERMIT:
            attempt = self._next("denied") if self.fallback is not None else None
            if attempt is None:
                gateway.metrics.denying(clock() - began)
                self._deny(verdict, alike)
                if body is not None and self.head.kept and self.fallback is None:
                    meaning.remember_denied(question, raw)
                self.connection.finished()
                return
            self._put_aside(verdict, gateway.services.style().status, "fallback")
        else:
            attempt = Attempt(asked, verdict, body or read(raw, gateway.options.limits))
        task = gateway.loop.create_task(self._go_on(endpoint, attempt, began))
        self.flight = gateway.flights.begin(task, attempt.asked)
        self.step = "judging"
        self.allow(gateway.options.timeouts.judging_s)

    def _judge(self, asked: Asked) -> Judged | Pending:
        try:
            return self.gateway.services.judge.judge_now(asked, datetime.now(UTC))
        except (Unauthenticated, Unavailable) as error:
            raise _unjudged(error) from None

    def _next(self, after: str) -> Attempt | None:
        """Find the next model that may answer: arranged, served, and permitted afresh."""
        fallback = self.fallback
        if fallback is None or not fallback.minds(after):
            return None
        while (instead := fallback.next(self.gateway.targets)) is not None:
            body = instead.body()
            if body is None:
                continue
            asked = instead.asked
            verdict = self._judge(asked)
            if _denied(verdict) is None:
                return Attempt(asked, verdict, body, instead)
        return None

    def _put_aside(self, judged: Judged, status: int, kind: str) -> None:
        """Record what became of a model in whose place another one is tried."""
        self.judged = None
        outcome = Outcome(status, kind, self.bytes_in, 0, None, 0.0, self.upstream)
        self._record_outcome(judged, outcome)

    def allow(self, seconds: float) -> None:
        """Give the next step so long, from now."""
        self.connection.deadline = clock() + seconds

    def _list_models(self) -> None:
        head = self.head
        name = _model_asked_for(head.path)
        check_query(head.query, models.QUERY)
        asked = self.meaning.asked(head, self.connection.peer, "list_models", None, frozenset())
        try:
            permitted = self.gateway.services.judge.permitted_models(asked, datetime.now(UTC))
        except (Unauthenticated, Unavailable) as error:
            raise _unjudged(error) from None
        served = [one for one in permitted if self.gateway.targets.serves(self.dialect, one)]
        reply = (
            models.one(name, served, self.dialect) if name else models.listing(served, self.dialect)
        )
        self._reply(reply)
        self._count("listed", "", "", reply.status)
        self.connection.finished()

    # -- forwarding ----------------------------------------------------------------------------

    async def _go_on(self, endpoint: Endpoint, attempt: Attempt, began: float) -> None:
        """Forward a permitted request as soon as its record is durable, whatever happens."""
        flight = self.flight
        assert flight is not None  # noqa: S101 - begun with the task
        try:
            await self._attempts(endpoint, attempt, began, flight)
        except Unavailable as error:
            self._refuse(_unjudged(error))
        except Refused as refused:
            self._refuse(refused)
        except asyncio.CancelledError:
            self._interrupted(flight)
        except Exception:  # noqa: BLE001 - logged; the caller gets an answer and no pass
            _log.exception("a request failed by our own fault")
            self._fail()
        finally:
            self.gateway.flights.end(flight)
            self.connection.finished()

    async def _attempts(
        self, endpoint: Endpoint, attempt: Attempt, began: float, flight: Flight
    ) -> None:
        """Forward to one model, and to another where a provider refuses by region."""
        while True:
            verdict = attempt.verdict
            judged = verdict if isinstance(verdict, Judged) else await verdict.durable()
            flight.asked, flight.judged = attempt.asked, judged
            self.connection.deadline = NEVER
            self.judged = judged
            self.gateway.metrics.permitting(clock() - began)
            try:
                return await self._forward(endpoint, attempt, judged)
            except RegionRefused as refused:
                found = self._next("refused")
                if found is None:
                    return self._pass_on(refused, attempt)
                self._put_aside(judged, refused.answer.status, "upstream_region")
                attempt, began = found, clock()

    async def _forward(self, endpoint: Endpoint, attempt: Attempt, judged: Judged) -> None:
        gateway, instead, body = self.gateway, attempt.instead, attempt.body
        held = judged.decision.obligations
        headers = [(DECISION_HEADER, judged.id)]
        if instead is None:
            target = gateway.targets.find(self.dialect, self.head.path, judged.model or "")
        else:
            target, endpoint = instead.target, ENDPOINTS[instead.path]
            headers += instead.headers
        if target is None:
            raise Refused(
                "model_not_served", "no upstream serves this model in this dialect", "model"
            )
        self.upstream = target.upstream.name
        if not held.is_empty:
            obligations.check(held, self.bytes_in)
            await gateway.quotas.admit(judged)
            capped = obligations.cap(held, endpoint.limits, body)
            if capped is not None:
                headers.append(("x-bailiwick-capped", capped))
        body["model"] = target.name
        body.update(target.upstream.fields)
        meter = Meter() if held.quotas and obligations.counts_tokens(held) else None
        translation = instead.translation if instead is not None else None
        try:
            await self._exchange(target, serialise(body), headers, meter, translation)
        finally:
            if meter is not None and self.first_byte_s is not None:
                tokens = meter.tokens(self.bytes_in, self.bytes_out, whole=self.whole)
                gateway.spend(judged, tokens)

    async def _exchange(
        self,
        target: Target,
        raw: bytes,
        headers: list[tuple[str, str]],
        meter: Meter | None,
        translation: Translation | None,
    ) -> None:
        assert self.judged is not None  # noqa: S101 - judged before
        self.step = "upstream"
        self.allow(self.gateway.options.timeouts.first_byte_s)
        sent = clock()
        obliged = self.judged.decision.obligations.headers
        head = target.head(self.head.headers, obliged, len(raw))
        answer = await self.gateway.client.send(target, head, raw)
        try:
            said = await self._looked_into(answer) if self.fallback is not None else None
            self.first_byte_s = clock() - sent
            self.gateway.metrics.first_byte(target.upstream.name, self.first_byte_s)
            _check_answer(answer)
            if answer.header("content-type").startswith("text/event-stream") and said is None:
                await self._stream(answer, headers, meter, translation)
            else:
                body = await self._read(answer) if said is None else said
                self._whole(answer, body, headers, meter, translation)
        except BaseException:
            answer.close()
            raise

    async def _looked_into(self, answer: Answer) -> bytes | None:
        """Read an answer that may refuse by region; raises ``RegionRefused`` if it does."""
        fallback = self.fallback
        if answer.status not in STATUSES or not (fallback and fallback.minds("refused")):
            return None
        body = await self._read(answer)
        if is_region_refusal(answer.status, body):
            raise RegionRefused(answer, body)
        return body

    async def _read(self, answer: Answer) -> bytes:
        try:
            return await answer.whole(self.gateway.options.limits.response_bytes)
        except UpstreamBroke:
            raise Refused("upstream_failed", "the upstream broke off") from None

    def _whole(
        self,
        answer: Answer,
        body: bytes,
        headers: list[tuple[str, str]],
        meter: Meter | None,
        translation: Translation | None,
    ) -> None:
        self.connection.deadline = NEVER
        self.whole = True
        if meter is not None:
            meter.whole(body)
        if translation is not None:
            body = _translated(translation, answer.status, body, self.dialect)
        self.bytes_out = len(body)
        own = "".join([f"{name}: {value}\r\n" for name, value in headers])
        self.answered = True
        self.connection.answer_lines(answer.status, answer.lines() + own, body)
        self._finish(answer.status, "upstream_error" if answer.status >= 500 else "completed")

    def _pass_on(self, refused: RegionRefused, attempt: Attempt) -> None:
        """Answer as the upstream did: nothing else may answer."""
        assert self.judged is not None  # noqa: S101 - judged before
        answer, body = refused.answer, refused.body
        headers = [*answer.headers(), (DECISION_HEADER, self.judged.id)]
        if attempt.instead is not None:
            headers += attempt.instead.headers
            if attempt.instead.translation is not None:
                body = error_in(self.dialect, answer.status, body)
        self.bytes_out = len(body)
        self._reply(Reply(answer.status, headers, body))
        self._finish(answer.status, "upstream_region")

    async def _stream(
        self,
        answer: Answer,
        headers: list[tuple[str, str]],
        meter: Meter | None,
        translation: Translation | None,
    ) -> None:
        self.step = "stream"
        self.answered = True
        connection, idle_s = self.connection, self.gateway.options.timeouts.idle_s
        every = [*answer.headers(), ("x-accel-buffering", "no"), *headers]
        connection.begin_stream(answer.status, every)
        self.allow(idle_s)
        try:
            if translation is not None:
                await self._stream_translated(answer, meter, translation)
            else:
                while (piece := await answer.chunk()) is not None:
                    self.bytes_out += len(piece)
                    await connection.send(piece)
                    if meter is not None:
                        meter.feed(piece)
                    self.allow(idle_s)
        except UpstreamBroke:
            self._break_off("upstream_reset")
        else:
            connection.deadline = NEVER
            self.whole = True
            connection.end_stream()
            self._finish(answer.status, "completed")

    async def _stream_translated(
        self, answer: Answer, meter: Meter | None, translation: Translation
    ) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            while (piece := await answer.chunk()) is not None:
                if meter is not None:
                    meter.feed(piece)
                self.allow(self.gateway.options.timeouts.idle_s)
                yield piece

        async for said in translation.stream(pieces()):
            self.bytes_out += len(said)
            await self.connection.send(said)

    def _break_off(self, kind: str) -> None:
        """End a streamed answer so that nobody can take it for complete."""
        self.connection.break_off()
        self._finish(200, kind)

    # -- answering -----------------------------------------------------------------------------

    def _reply(self, reply: Reply) -> None:
        self.answered = True
        self.connection.answer(reply)

    def _deny(self, judged: Judged, alike: Alike) -> None:
        """Refuse what was denied. If its record says so already, no outcome follows."""
        style = self.gateway.services.style()
        found = alike.found
        told: Told | None = found.told if found is not None else None
        if told is None or told.style is not style:
            told = self._told(judged, style)
            if found is not None:
                found.told = told
        self.answered = True
        self.connection.answer_text(style.status, about(told.text, judged.id))
        if not told.times:
            self.gateway.metrics.told.append(told)
        told.times += 1
        if self.fallback is not None:
            self.bytes_out = len(told.text.partition(b"\r\n\r\n")[2])
            self._record_outcome(judged, self._outcome(style.status, "refused"))

    def _told(self, judged: Judged, style: RefusalStyle) -> "Told":
        """Write a refusal, to be given to all whose refusals differ by their ids only."""
        labels = self._labels_of(judged, style.status, "")
        places = judged.located.places if judged.located is not None else ()
        key = (id(judged.decision), id(style), self.dialect, labels, places)
        known = self.gateway.told
        found = known.get(key)
        if found is None:
            if len(known) >= MOST_TOLD:
                known.clear()
            text = denial_text(judged, style, self.dialect)
            found = known[key] = Told(judged.decision, style, text, labels, places)
        return found

    def _refuse(self, refused: Refused) -> None:
        id_ = self.judged.id if self.judged is not None else _refusal_id()
        reply = refusal(refused, id_, self.dialect)
        self.bytes_out = len(reply.body)
        if refused.code == "method_not_allowed":
            reply.headers.append(("allow", "GET" if self.meaning.endpoint is None else "POST"))
        self._reply(reply)
        if self.judged is not None:
            self._finish(reply.status, _kind(refused.code), refused.code)
        else:
            self._record(id_, refused, reply.status)
            self._count("refused", refused.code, "", reply.status)

    def _record(self, id_: str, refused: Refused, status: int) -> None:
        event = {
            "kind": "refusal",
            "id": id_,
            "code": refused.code,
            "status": status,
            "method": self.head.method,
            "path": self.head.path[:200],
            "dialect": self.dialect,
            "bytes_in": self.bytes_in,
        }
        try:
            self.gateway.services.record(event)
        except Exception as error:  # noqa: BLE001 - a refusal stands, recorded or not
            _log.warning("a refusal could not be recorded: %s", error)

    def _interrupted(self, flight: Flight) -> None:
        """Answer a request that was taken too long over, or note that its caller has left."""
        if flight.why is None:
            raise asyncio.CancelledError
        flight.settle()
        if flight.why == LEFT:
            self._finish(_LEFT_STATUS, "client_left")
        elif self.answered:
            self._break_off(flight.why)
        elif flight.why == WITHDRAWN:
            self._refuse(Refused("withdrawn", "the permission for this request was withdrawn"))
        else:
            self._refuse(_SLOW[self.step])

    def _fail(self) -> None:
        if self.answered:
            self._break_off("upstream_error")
        else:
            self._refuse(Refused("internal", "the gateway failed"))

    def _finish(self, status: int, kind: str, reason: str = "") -> None:
        judged = self.judged
        if judged is None:
            self._count("refused", kind, "", status)
            return
        self.judged = None
        self._record_outcome(judged, self._outcome(status, kind))
        self.gateway.metrics.request(self._labels_of(judged, status, reason))
        if self.upstream is not None:
            self.gateway.metrics.outcome(self.upstream, kind)

    def _outcome(self, status: int, kind: str) -> Outcome:
        total_ms = (clock() - self.since) * 1000
        first_ms = None if self.first_byte_s is None else self.first_byte_s * 1000
        return Outcome(
            status, kind, self.bytes_in, self.bytes_out, first_ms, total_ms, self.upstream
        )

    def _record_outcome(self, judged: Judged, outcome: Outcome) -> None:
        try:
            self.gateway.services.judge.outcome(judged, outcome)
        except Exception as error:  # noqa: BLE001 - the answer is given already
            _log.warning("an outcome could not be recorded: %s", error)

    def _labels_of(self, judged: Judged, status: int, reason: str) -> Labels:
        decision = judged.decision
        reason = reason or (decision.reasons[0].code if decision.reasons else "")
        return self._labels(decision.effect.value, reason, judged.model or "", status)

    def _count(self, effect: str, reason: str, model: str, status: int) -> None:
        self.gateway.metrics.request(self._labels(effect, reason, model, status))

    def _labels(self, effect: str, reason: str, model: str, status: int) -> Labels:
        where = self.head.path if self.meaning.endpoint is not None else "other"
        return where, effect, reason, model, status


@dataclass(slots=True, eq=False)
class Told:
    """What those are told who ask for the same and are denied it."""

    decision: Decision
    style: RefusalStyle
    text: bytes
    labels: Labels
    places: tuple[str, ...]
    """Where the request may come from."""
    times: int = 0
    """How often, since it was last counted up."""


def _denied(verdict: Judged | Pending) -> Judged | None:
    """Give the verdict if it is a deny, which stands at once."""
    return verdict if isinstance(verdict, Judged) and not verdict.decision.permitted else None


def _translated(translation: Translation, status: int, body: bytes, dialect: str) -> bytes:
    if status >= 400:
        return error_in(dialect, status, body)
    try:
        return translation.whole(body)
    except Untranslatable:
        raise Refused("upstream_failed", "the upstream's answer makes no sense") from None


def _refusal_id() -> str:
    """Make an id for a refusal that no decision stands behind; it sorts by time as well."""
    return decision_id(datetime.now(UTC)).replace("dec_", "ref_", 1)


def _model_asked_for(path: str) -> str | None:
    """Read which model ``/v1/models/...`` is about; ``None``: the list itself."""
    if path == MODELS_PATH:
        return None
    name = path.removeprefix(MODELS_PATH + "/").replace("%2F", "/")
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise Refused("path_unknown", "there is nothing at this path")
    check_name(name)
    return name


def _check_answer(answer: Answer) -> None:
    if 300 <= answer.status < 400:
        raise Refused(
            "upstream_redirect", "the upstream points elsewhere, and that is not followed"
        )
    if answer.status in {401, 407}:
        raise Refused("upstream_credentials", "the upstream does not accept the gateway's own key")


def _unjudged(error: Unauthenticated | Unavailable) -> Refused:
    """Turn what keeps the judge from judging into a refusal."""
    if isinstance(error, Unauthenticated):
        return unauthenticated(error)
    code = str(error.args[0]) if error.args else ""
    known = code if code in {"audit_unavailable", "accounts_unavailable"} else "not_ready"
    return Refused(known, "the gateway cannot decide at present")


def _kind(code: str) -> str:
    if code == "upstream_timeout":
        return "timeout"
    return "upstream_error" if code.startswith("upstream_") else "refused"
