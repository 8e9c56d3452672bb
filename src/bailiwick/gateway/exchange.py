"""One request, from its first header to its outcome.

    read -> judge -> hold to the obligations -> forward -> record the outcome

Whatever ends it early is a ``Refused``; what was judged has exactly one outcome.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from granian._granian import RSGIProtocolClosed as ProtocolClosed

from bailiwick.gateway import models, obligations
from bailiwick.gateway.body import inspect, parse, serialise
from bailiwick.gateway.dialects import ENDPOINTS, MODELS_PATH, Endpoint, dialect_of
from bailiwick.gateway.flights import LEFT, TIMEOUT, clock
from bailiwick.gateway.identity import check_name, check_query, key_presented, model_named
from bailiwick.gateway.inbound import Body, Connection, Scope, check_head
from bailiwick.gateway.respond import DECISION_HEADER, Refused, Reply, denial, refusal
from bailiwick.gateway.upstream import Answer, Target, UpstreamBroke
from bailiwick.gateway.usage import Meter
from bailiwick.pipeline import Asked, Judged, Outcome, Unauthenticated, Unavailable, decision_id

if TYPE_CHECKING:
    from bailiwick.gateway.app import Gateway

_log = logging.getLogger("bailiwick.gateway")

_LEFT_STATUS: Final = 499
"""What records say where nobody was left to be told a status."""
_FLUSH_S: Final = 0.02
"""Before a connection is broken off: for what was already sent to leave."""
_SLOW: Final = {
    "body": Refused("body_timeout", "the body did not come in time"),
    "judging": Refused("not_ready", "no decision could be taken in time"),
    "upstream": Refused("upstream_timeout", "the upstream did not answer in time"),
}


class Exchange:
    """The state of one request in hand."""

    __slots__ = (
        "answered", "body", "bytes_in", "bytes_out", "connection", "dialect", "endpoint",
        "first_byte_s", "flight", "gateway", "headers", "judged", "lines", "path", "scope",
        "step", "upstream", "whole",
    )  # fmt: skip

    def __init__(self, gateway: "Gateway", scope: Scope, connection: Connection) -> None:
        self.gateway = gateway
        self.scope = scope
        self.connection = connection
        self.path = scope.path
        self.lines = scope.headers.items()
        self.headers = dict(self.lines)
        self.flight = gateway.flights.begin(connection)
        self.endpoint: Endpoint | None = ENDPOINTS.get(self.path)
        self.dialect = (
            self.endpoint.dialect if self.endpoint else dialect_of(self.path, self.headers)
        )
        self.body: Body | None = None
        self.judged: Judged | None = None
        self.step = "head"
        self.answered = False
        self.bytes_in = 0
        self.bytes_out = 0
        self.first_byte_s: float | None = None
        self.upstream: str | None = None
        self.whole = False
        """Whether the answer came to its end."""

    async def run(self) -> None:
        """Answer the request, whatever happens."""
        try:
            await self._serve()
        except Refused as refused:
            self._refuse(refused)
        except asyncio.CancelledError:
            await self._interrupted()
        except ProtocolClosed:
            self._finish(_LEFT_STATUS, "client_left")
        except Exception:  # noqa: BLE001 - logged; the caller gets an answer and no pass
            _log.exception("a request failed by our own fault")
            await self._fail()
        finally:
            await self._leave()

    async def _leave(self) -> None:
        try:
            if self.body is not None:
                await self.body.drain()
        except asyncio.CancelledError:
            pass
        finally:
            self.gateway.flights.end(self.flight)

    # -- reading -------------------------------------------------------------------------------

    async def _serve(self) -> None:
        gateway, scope, options = self.gateway, self.scope, self.gateway.options
        self.body = Body(
            self.connection, self.flight, self.headers, options.limits, options.timeouts
        )
        check_head(scope, self.lines, self.headers)
        if len(gateway.flights) > options.limits.concurrency:
            raise Refused("overloaded", "too many requests at a time", None, 1)
        if self.endpoint is None:
            self._list_models()
        elif scope.method != "POST":
            raise Refused("method_not_allowed", "this path takes POST")
        else:
            await self._infer(self.endpoint)

    async def _infer(self, endpoint: Endpoint) -> None:
        if query := self.scope.query_string:
            check_query(query, endpoint.query)
        assert self.body is not None  # noqa: S101 - made first of all
        self.step = "body"
        raw = await self.body.read()
        self.bytes_in = len(raw)
        body = parse(raw, self.gateway.options.limits)
        name = model_named(body, self.headers)
        inspect(body, self.gateway.options.limits)
        judged = await self._judge(self._asked(endpoint.action, name, endpoint.features(body)))
        if judged.decision.permitted:
            await self._forward(endpoint, judged, body)
        else:
            self._deny(judged)

    def _asked(self, action: str, model: str | None, features: frozenset[str]) -> Asked:
        peer = self.scope.client.rpartition(":")[0].strip("[]")
        return Asked(
            peer,
            self.lines,
            key_presented(self.headers),
            model,
            action,
            features,
            self.dialect,
            self.path,
        )

    async def _judge(self, asked: Asked) -> Judged:
        self.step = "judging"
        self.flight.allow(self.gateway.options.timeouts.judging_s)
        began = clock()
        try:
            judged = await self.gateway.services.judge.judge(asked, datetime.now(UTC))
        except Unauthenticated:
            raise _unauthenticated() from None
        except Unavailable as error:
            raise _unavailable(error) from None
        self.flight.deadline = float("inf")
        self.judged = judged
        self.gateway.metrics.judged(judged.decision.permitted, clock() - began)
        return judged

    def _list_models(self) -> None:
        name = _model_asked_for(self.path)
        if self.scope.method != "GET":
            raise Refused("method_not_allowed", "this path takes GET")
        check_query(self.scope.query_string, models.QUERY)
        asked = self._asked("list_models", None, frozenset())
        try:
            permitted = self.gateway.services.judge.permitted_models(asked, datetime.now(UTC))
        except Unauthenticated:
            raise _unauthenticated() from None
        except Unavailable as error:
            raise _unavailable(error) from None
        served = [one for one in permitted if self.gateway.targets.serves(self.dialect, one)]
        reply = (
            models.one(name, served, self.dialect) if name else models.listing(served, self.dialect)
        )
        self._reply(reply)
        self._count("listed", "", "", reply.status)

    # -- forwarding ----------------------------------------------------------------------------

    async def _forward(self, endpoint: Endpoint, judged: Judged, body: dict[str, Any]) -> None:
        gateway = self.gateway
        held = judged.decision.obligations
        target = gateway.targets.find(self.dialect, self.path, judged.model or "")
        if target is None:
            raise Refused(
                "model_not_served", "no upstream serves this model in this dialect", "model"
            )
        self.upstream = target.upstream.name
        headers = [(DECISION_HEADER, judged.id)]
        if not held.is_empty:
            obligations.check(held, self.bytes_in)
            await gateway.quotas.admit(judged)
            capped = obligations.cap(held, endpoint.limits, body)
            if capped is not None:
                headers.append(("x-bailiwick-capped", capped))
        body["model"] = target.name
        body.update(target.upstream.fields)
        meter = Meter() if obligations.counts_tokens(held) else None
        try:
            await self._exchange(target, serialise(body), headers, meter)
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
    ) -> None:
        assert self.judged is not None  # noqa: S101 - judged before
        self.step = "upstream"
        self.flight.allow(self.gateway.options.timeouts.first_byte_s)
        sent = clock()
        obliged = self.judged.decision.obligations.headers
        head = target.head(self.headers, obliged, len(raw))
        answer = await self.gateway.client.send(target, head, raw)
        self.first_byte_s = clock() - sent
        self.gateway.metrics.first_byte(target.upstream.name, self.first_byte_s)
        try:
            _check_answer(answer)
            if answer.header("content-type").startswith("text/event-stream"):
                await self._stream(answer, headers, meter)
            else:
                await self._whole(answer, headers, meter)
        except BaseException:
            answer.close()
            raise

    async def _whole(
        self, answer: Answer, headers: list[tuple[str, str]], meter: Meter | None
    ) -> None:
        try:
            body = await answer.whole(self.gateway.options.limits.response_bytes)
        except UpstreamBroke:
            raise Refused("upstream_failed", "the upstream broke off") from None
        self.flight.deadline = float("inf")
        self.bytes_out = len(body)
        self.whole = True
        if meter is not None:
            meter.whole(body)
        self._reply(Reply(answer.status, answer.headers() + headers, body))
        self._finish(answer.status, "upstream_error" if answer.status >= 500 else "completed")

    async def _stream(
        self, answer: Answer, headers: list[tuple[str, str]], meter: Meter | None
    ) -> None:
        self.step = "stream"
        self.answered = True
        allow, idle_s = self.flight.allow, self.gateway.options.timeouts.idle_s
        every = [*answer.headers(), ("x-accel-buffering", "no"), *headers]
        stream = self.connection.response_stream(answer.status, every)
        allow(idle_s)
        try:
            while (chunk := await answer.chunk()) is not None:
                self.bytes_out += len(chunk)
                await stream.send_bytes(chunk)
                if meter is not None:
                    meter.feed(chunk)
                allow(idle_s)
        except UpstreamBroke:
            await self._break_off("upstream_reset")
        except asyncio.CancelledError:
            if self.flight.why != TIMEOUT:
                raise
            self.flight.settle()
            answer.close()
            await self._break_off("timeout")
        else:
            self.flight.deadline = float("inf")
            self.whole = True
            self._finish(answer.status, "completed")

    async def _break_off(self, kind: str) -> None:
        """End a streamed answer so that nobody can take it for complete.

        The stream must not be let go before: the server would end it properly.
        """
        self.flight.deadline = float("inf")
        await asyncio.sleep(_FLUSH_S)
        self.gateway.cutter.cut(self.scope.client, self.scope.server)
        self._finish(200, kind)

    # -- answering -----------------------------------------------------------------------------

    def _reply(self, reply: Reply) -> None:
        self.answered = True
        self.connection.response_bytes(reply.status, reply.headers, reply.body)

    def _deny(self, judged: Judged) -> None:
        reply = denial(judged, self.gateway.services.style(), self.dialect)
        self.bytes_out = len(reply.body)
        self._reply(reply)
        located = judged.located
        self.gateway.metrics.denied(located.places if located is not None else ())
        self._finish(reply.status, "refused")

    def _refuse(self, refused: Refused) -> None:
        id_ = self.judged.id if self.judged is not None else _refusal_id()
        reply = refusal(refused, id_, self.dialect)
        self.bytes_out = len(reply.body)
        if refused.code == "body_timeout":
            reply.headers.append(("connection", "close"))
        if refused.code == "method_not_allowed":
            reply.headers.append(("allow", "GET" if self.endpoint is None else "POST"))
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
            "method": self.scope.method,
            "path": self.path[:200],
            "dialect": self.dialect,
            "bytes_in": self.bytes_in,
        }
        try:
            self.gateway.services.record(event)
        except Exception as error:  # noqa: BLE001 - a refusal stands, recorded or not
            _log.warning("a refusal could not be recorded: %s", error)

    async def _interrupted(self) -> None:
        """Answer a request that was taken too long over, or note that its caller has left."""
        why = self.flight.why
        if why not in {TIMEOUT, LEFT}:
            raise asyncio.CancelledError
        self.flight.settle()
        if why == TIMEOUT and not self.answered:
            self._refuse(_SLOW[self.step])
        else:
            self._finish(_LEFT_STATUS, "client_left")

    async def _fail(self) -> None:
        if self.answered:
            await self._break_off("upstream_error")
        else:
            self._refuse(Refused("internal", "the gateway failed"))

    def _finish(self, status: int, kind: str, reason: str = "") -> None:
        judged = self.judged
        if judged is None:
            self._count("refused", kind, "", status)
            return
        total_ms = (clock() - self.flight.since) * 1000
        first_ms = None if self.first_byte_s is None else self.first_byte_s * 1000
        outcome = Outcome(
            status, kind, self.bytes_in, self.bytes_out, first_ms, total_ms, self.upstream
        )
        self.judged = None
        try:
            self.gateway.services.judge.outcome(judged, outcome)
        except Exception as error:  # noqa: BLE001 - the answer is given already
            _log.warning("an outcome could not be recorded: %s", error)
        decision = judged.decision
        reason = reason or (decision.reasons[0].code if decision.reasons else "")
        self._count(decision.effect.value, reason, judged.model or "", status)
        if self.upstream is not None:
            self.gateway.metrics.outcome(self.upstream, kind)

    def _count(self, effect: str, reason: str, model: str, status: int) -> None:
        where = self.path if self.endpoint is not None else "other"
        self.gateway.metrics.request(where, effect, reason, model, status)


def _refusal_id() -> str:
    """Make an id for a refusal that no decision stands behind; it sorts by time as well."""
    return decision_id(datetime.now(UTC)).replace("dec_", "ref_", 1)


def _model_asked_for(path: str) -> str | None:
    """Read which model ``/v1/models/...`` is about; ``None``: the list itself."""
    if path == MODELS_PATH:
        return None
    name = path.removeprefix(MODELS_PATH + "/")
    if name == path or any(part in {"", ".", ".."} for part in name.split("/")):
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


def _unauthenticated() -> Refused:
    return Refused("unauthenticated", "the API key is missing or not valid")


def _unavailable(error: Unavailable) -> Refused:
    code = str(error.args[0]) if error.args else ""
    known = code if code in {"audit_unavailable", "accounts_unavailable"} else "not_ready"
    return Refused(known, "the gateway cannot decide at present")


def _kind(code: str) -> str:
    if code == "upstream_timeout":
        return "timeout"
    return "upstream_error" if code.startswith("upstream_") else "refused"
