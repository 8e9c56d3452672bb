"""The decision service as the server calls it, one per worker process."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec
from granian._granian import RSGIProtocolClosed as ProtocolClosed

from bailiwick.gateway import DECISION_HEADER
from bailiwick.pipeline import Unavailable, decision_id
from bailiwick.service import authzen, search
from bailiwick.service.askers import Askers
from bailiwick.service.check import Checker, Request
from bailiwick.service.errors import STATUS, NotAnswered
from bailiwick.service.metrics import Metrics
from bailiwick.service.options import Asker, ServiceOptions
from bailiwick.service.ports import Parts

log = logging.getLogger("bailiwick.service")

CHECK: Final = "/check"
"""Envoy (``path_prefix``) and everybody who sends the whole request: its path follows."""
FORWARD: Final = "/forward"
"""nginx ``auth_request``, Traefik, Caddy: the request is described in headers."""
METADATA: Final = "/.well-known/authzen-configuration"
REPORT_S: Final = 1.0
DRAIN_S: Final = 2.0
AT_ONCE: Final = 65_536
"""A body up to this is read in one step."""
_JSON: Final = ("content-type", "application/json")
_encode = msgspec.json.Encoder().encode


class Connection(Protocol):
    """What the server lets us do with a request."""

    def __call__(self) -> Any: ...  # noqa: D102 - the server documents these
    def __aiter__(self) -> Any: ...
    async def __anext__(self) -> bytes: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...  # noqa: D102
    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None: ...  # noqa: D102


class Service:
    """What the questions of one worker share."""

    def __init__(
        self, options: ServiceOptions, parts: Parts, report: Callable[[Parts], None]
    ) -> None:
        self.options = options
        self.parts = parts
        self.askers = Askers(options.askers)
        self.checker = Checker(parts, options)
        self.metrics = Metrics()
        self._report = report
        self._reporting: asyncio.Task[None] | None = None
        self._grpc: Any = None
        limits, timeouts = options.limits, options.timeouts
        self._most = limits.body_bytes
        self._patience_s = timeouts.body_s + timeouts.judging_s

    async def __rsgi__(self, scope: Any, connection: Connection) -> None:
        """Answer one question, whatever happens."""
        try:
            path: str = scope.path
            if path.startswith(CHECK) or path == FORWARD:
                await self._check(scope, connection, path)
            else:
                await self._ask(scope, connection, path)
        except ProtocolClosed:
            return
        except Exception:
            log.exception("a question failed by our own fault")
            _say(connection, NotAnswered("internal", "the service failed"), None)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, before the first question."""
        loop.run_until_complete(self.start())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """End, after the last one."""
        loop.run_until_complete(self.close())

    async def start(self) -> None:
        """Begin, on the loop that answers."""
        if self.options.grpc_port is not None:
            from bailiwick.service.grpc_server import start

            self._grpc = await start(self)
        self._reporting = asyncio.get_running_loop().create_task(self._keep_reporting())

    async def close(self) -> None:
        """End, and let go of the parts."""
        if self._grpc is not None:
            await self._grpc.stop(self.options.timeouts.stop_s)
        if self._reporting is not None:
            self._reporting.cancel()
            await asyncio.gather(self._reporting, return_exceptions=True)
        self.metrics.flush()
        await self.parts.stop()

    async def _keep_reporting(self) -> None:
        while True:
            try:
                self.metrics.flush()
                self._report(self.parts)
            except Exception:
                log.exception("the worker cannot report how it is")
            await asyncio.sleep(REPORT_S)

    # -- checks --------------------------------------------------------------------------------

    async def _check(self, scope: Any, connection: Connection, path: str) -> None:
        lines = scope.headers.items()
        headers = dict(lines)
        began = time.perf_counter()
        try:
            asker = self.askers.find(headers, bearer=False)
            forward = path == FORWARD
            raw = None if forward else await self._body(connection, headers)
        except NotAnswered as problem:
            self.metrics.count(CHECK, "", "refused", problem.code, time.perf_counter() - began)
            # A proxy would show a 4xx to its client, who has nothing to do with it.
            status = 413 if problem.code == "body_too_large" else 503
            _say(connection, problem, None, status)
            await _drain(connection, problem)
            return
        method, target = (_described(headers) if forward else
                          (scope.method, path[len(CHECK):] or "/"))  # fmt: skip
        query = target.partition("?")[2] if forward else scope.query_string
        target = target.partition("?")[0]
        peer = scope.client.rpartition(":")[0].strip("[]")
        request = Request(method, target, query, lines, headers, raw, asker, peer)
        await self.answer(request, connection, FORWARD if forward else CHECK)

    async def answer(self, request: Request, connection: Connection, endpoint: str) -> None:
        """Check a request and tell its proxy."""
        began = time.perf_counter()
        verdict = await self.checker.check(request)
        effect = "permit" if verdict.permitted else "deny"
        taken = time.perf_counter() - began
        self.metrics.count(endpoint, request.asker.name, effect, verdict.code, taken)
        reply = verdict.reply
        status = reply.status
        if endpoint == FORWARD and not verdict.permitted and status != 401:
            status = 403  # the only other status that nginx passes on
        if reply.body:
            connection.response_bytes(status, reply.headers, reply.body)
        else:
            connection.response_empty(status, reply.headers)

    async def _body(self, connection: Connection, headers: Mapping[str, str]) -> bytes:
        length = headers.get("content-length")
        if "transfer-encoding" not in headers:
            size = int(length) if length is not None and length.isdecimal() else 0
            if size > self._most:
                raise self._too_large()
            if size == 0:
                return b""
            if size <= AT_ONCE:
                raw: bytes = await connection()
                return raw
        try:
            async with asyncio.timeout(self._patience_s):
                if "transfer-encoding" not in headers:  # its length is known, and kept to
                    whole: bytes = await connection()
                    return whole
                return await self._gather(connection)
        except TimeoutError:
            raise NotAnswered("body_timeout", "the body did not come in time") from None

    async def _gather(self, connection: Connection) -> bytes:
        size, chunks = 0, []
        async for chunk in connection:
            size += len(chunk)
            if size > self._most:
                raise self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self) -> NotAnswered:
        return NotAnswered("body_too_large", f"the body may have at most {self._most} bytes")

    # -- AuthZEN -------------------------------------------------------------------------------

    async def _ask(self, scope: Any, connection: Connection, path: str) -> None:
        headers = dict(scope.headers.items())
        began = time.perf_counter()
        asker, code, effect = "", "", "answered"
        try:
            if path == METADATA:
                body = self._metadata(scope, headers)
            else:
                who = self.askers.find(headers, bearer=True)
                asker = who.name
                body = await self._authzen(scope, connection, headers, who)
            connection.response_bytes(200, _headers(headers), body)
        except NotAnswered as problem:
            code, effect = problem.code, "refused"
            _say(connection, problem, headers)
            await _drain(connection, problem)
        except Unavailable as error:
            code, effect = error.reason, "refused"
            down = NotAnswered(error.reason, "no decision can be taken at present")
            _say(connection, down, headers)
        where = path if path in ENDPOINTS else "other"
        self.metrics.count(where, asker, effect, code, time.perf_counter() - began)

    async def _authzen(
        self, scope: Any, connection: Connection, headers: Mapping[str, str], asker: Asker
    ) -> bytes:
        answer = ENDPOINTS.get(scope.path)
        if answer is None:
            raise NotAnswered("path_unknown", "there is nothing at this path")
        if scope.method != "POST":
            raise NotAnswered("method_not_allowed", "this path takes POST")
        raw = await self._body(connection, headers)
        try:
            async with asyncio.timeout(self.options.timeouts.judging_s):
                said: bytes = await answer(self, raw, asker)
                return said
        except TimeoutError:
            raise NotAnswered("not_ready", "no decision could be taken in time") from None

    def _metadata(self, scope: Any, headers: Mapping[str, str]) -> bytes:
        if scope.method != "GET":
            raise NotAnswered("method_not_allowed", "this path takes GET")
        host = scope.authority or headers.get("host", "")
        base = self.options.url or f"{'https' if self.options.tls else 'http'}://{host}"
        paths = {name: f"{base}{path}" for path, name in _NAMES.items()}
        return _encode({"policy_decision_point": base, **paths})


async def _evaluation(service: Service, raw: bytes, asker: Asker) -> bytes:
    return await authzen.evaluation(raw, service.parts.pipeline(), asker)


async def _evaluations(service: Service, raw: bytes, asker: Asker) -> bytes:
    most = service.options.most_evaluations
    return await authzen.evaluations(raw, service.parts.pipeline(), asker, most)


async def _subjects(service: Service, raw: bytes, asker: Asker) -> bytes:
    return search.subjects(raw, service.parts.pipeline(), asker)


async def _resources(service: Service, raw: bytes, asker: Asker) -> bytes:
    return search.resources(raw, service.parts.pipeline(), asker)


async def _actions(service: Service, raw: bytes, asker: Asker) -> bytes:
    return search.actions(raw, service.parts.pipeline(), asker)


ENDPOINTS: Final[Mapping[str, Any]] = {
    "/access/v1/evaluation": _evaluation,
    "/access/v1/evaluations": _evaluations,
    "/access/v1/search/subject": _subjects,
    "/access/v1/search/resource": _resources,
    "/access/v1/search/action": _actions,
}
_NAMES: Final[Mapping[str, str]] = {
    "/access/v1/evaluation": "access_evaluation_endpoint",
    "/access/v1/evaluations": "access_evaluations_endpoint",
    "/access/v1/search/subject": "search_subject_endpoint",
    "/access/v1/search/resource": "search_resource_endpoint",
    "/access/v1/search/action": "search_action_endpoint",
}


async def _drain(connection: Connection, problem: NotAnswered) -> None:
    """Read on for a while, so that the sender of too much comes to read the answer."""
    if problem.code != "body_too_large":
        return
    with suppress(TimeoutError, ProtocolClosed, StopAsyncIteration):
        async with asyncio.timeout(DRAIN_S):
            with suppress(RuntimeError):  # it was begun already
                aiter(connection)
            while True:
                await anext(connection)


def _described(headers: Mapping[str, str]) -> tuple[str, str]:
    """Read the request that a proxy describes: its method and its target."""
    method = headers.get("x-forwarded-method") or headers.get("x-original-method") or ""
    target = headers.get("x-forwarded-uri") or headers.get("x-original-uri") or ""
    return method.upper(), target


def _headers(headers: Mapping[str, str] | None) -> list[tuple[str, str]]:
    found = [_JSON, ("cache-control", "no-store")]
    if headers and "x-request-id" in headers:
        found.append(("x-request-id", headers["x-request-id"][:200]))
    return found


def _say(
    connection: Connection,
    problem: NotAnswered,
    headers: Mapping[str, str] | None,
    status: int | None = None,
) -> None:
    id_ = decision_id(datetime.now(UTC)).replace("dec_", "ref_", 1)
    body = _encode({"error": {"code": problem.code, "message": problem.message, "id": id_}})
    found = [*_headers(headers), (DECISION_HEADER, id_)]
    if problem.code == "asker_unknown":
        found.append(("www-authenticate", "Bearer"))
    connection.response_bytes(status or STATUS[problem.code], found, body)
