"""One question, from its head to its answer.

A check that is refused is answered in the call that brought its last byte, and a permit in the one
that brings word of its record. Only what has more to wait for takes a task.
"""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from bailiwick.front import NEVER, NO_HEAD, Head, Refused, Reply, clock, too_large
from bailiwick.gateway import DECISION_HEADER
from bailiwick.pipeline import Judged, Unavailable, decision_id
from bailiwick.service.check import Request, Verdict, Waiting
from bailiwick.service.errors import STATUS, NotAnswered
from bailiwick.service.options import Asker
from bailiwick.service.questions import METADATA, QUESTIONS, metadata

if TYPE_CHECKING:
    from bailiwick.front import Connection
    from bailiwick.service.app import Service

log = logging.getLogger("bailiwick.service")

CHECK: Final = "/check"
"""Envoy (``path_prefix``) and everybody who sends the whole request: its path follows."""
FORWARD: Final = "/forward"
"""nginx ``auth_request``, Traefik, Caddy: the request is described in headers."""
OTHER: Final = "other"
_ASKED_BY_PROXIES: Final = frozenset({CHECK, FORWARD})
_LEFT, _TIMEOUT = "left", "timeout"
_UNREAD: Final = Refused("", "a description is all in the head; a body beside it is not waited for")
_JSON: Final = [("content-type", "application/json"), ("cache-control", "no-store")]
_encode = msgspec.json.Encoder().encode


class Exchange:
    """The state of one question in hand."""

    head = NO_HEAD
    where = OTHER
    """The endpoint, as metrics name it."""
    asker: Asker | None = None
    _task: "asyncio.Task[None] | None" = None
    _waiting: Waiting | None = None
    _why = ""
    """Why the task was interrupted: ``left`` or ``timeout``."""

    def __init__(self, service: "Service", connection: "Connection") -> None:
        self._service = service
        self._connection = connection
        self._since = clock()

    # -- what the connection says --------------------------------------------------------------

    def open(self, head: Head, length: int | None) -> Refused | None:
        """Take the head; returns why the question is refused, if it shows already."""
        self.head = head
        path, service = head.path, self._service
        if path.startswith(CHECK):
            self.where = CHECK
        elif path == FORWARD or path in QUESTIONS:
            self.where = path
        limits = service.options.limits
        if service.in_hand > limits.concurrency:
            return NotAnswered("overloaded", "too many questions at a time", None, 1)
        if path == METADATA:
            return _check_method(head, "GET")
        try:
            self.asker = service.askers.find(
                head.headers, bearer=self.where not in _ASKED_BY_PROXIES
            )
        except NotAnswered as problem:
            return problem
        if self.where == FORWARD and length != 0:
            return _UNREAD
        if self.where == OTHER:
            return NotAnswered("path_unknown", "there is nothing at this path")
        if length is not None and length > limits.body_bytes:
            return too_large(limits.body_bytes)
        return None if self.where in _ASKED_BY_PROXIES else _check_method(head, "POST")

    def take(self, raw: bytes | bytearray) -> None:
        """Take the body, which is all there: answer now, or in a task."""
        self._since = clock()
        try:
            answer = self._answer(raw)
            if isinstance(answer, Waiting):
                self._wait_for(answer)
                return
            if answer is not None:
                self._wait(answer)
                return
        except Refused as problem:
            self._say(problem)
        except Exception:
            log.exception("a question failed by our own fault")
            self._say(NotAnswered("internal", "the service failed"))
        self._connection.finished()

    def refuse(self, refused: Refused) -> None:
        """Answer with a refusal, and be done."""
        if refused is _UNREAD:
            self.take(b"")
            return
        self._say(refused)
        self._connection.finished()

    def left(self) -> None:
        """Take note that the asker has left."""
        if self._task is not None or self._waiting is not None:
            self._interrupt(_LEFT)
        else:
            self._connection.finished()

    def time_out(self) -> None:
        """Take note that a decision takes too long."""
        self._interrupt(_TIMEOUT)

    def _interrupt(self, why: str) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.pending.abandon()
            if why == _TIMEOUT:
                self._say(NotAnswered("not_ready", "no decision could be taken in time"))
            self._end()
        elif self._task is not None and not self._why:
            self._why = why
            self._task.cancel()

    # -- answering -----------------------------------------------------------------------------

    def _answer(self, raw: bytes | bytearray) -> Waiting | Awaitable[Verdict | bytes] | None:
        """Answer at once, or give what answers."""
        head = self.head
        if self.where in _ASKED_BY_PROXIES:
            verdict = self._service.checker.begin(self._described(raw))
            if not isinstance(verdict, Verdict):
                return verdict
            self._tell(verdict)
            return None
        if self.asker is None:
            self._reply(200, metadata(head.headers, self._service.options))
            return None
        question = QUESTIONS[head.path]
        return question(self._service, raw, self.asker)

    def _described(self, raw: bytes | bytearray) -> Request:
        """Give the request that a proxy asks about: this one, or one that its headers tell of."""
        head, asker, peer = self.head, self.asker, self._connection.peer
        assert asker is not None  # noqa: S101 - found with the head
        lines, headers = head.lines, head.headers
        if self.where == CHECK:
            path = head.path[len(CHECK) :].replace("%2F", "/") or "/"
            return Request(head.method, path, head.query, lines, headers, raw, asker, peer)
        method = headers.get("x-forwarded-method") or headers.get("x-original-method") or ""
        target = headers.get("x-forwarded-uri") or headers.get("x-original-uri") or ""
        path, _, query = target.partition("?")
        return Request(method.upper(), path, query, lines, headers, None, asker, peer)

    def _wait_for(self, waiting: Waiting) -> None:
        self._connection.deadline = clock() + self._service.options.timeouts.judging_s
        self._waiting = waiting
        waiting.pending.when_durable(self._recorded)

    def _recorded(self, found: Judged | Unavailable) -> None:
        """Answer, now that it is known what became of the record."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:  # nobody waits any more
            return
        try:
            self._tell(waiting.finish(found))
        except Exception:
            log.exception("a question failed by our own fault")
            self._say(NotAnswered("internal", "the service failed"))
        self._end()

    def _end(self) -> None:
        self._connection.deadline = NEVER
        self._connection.finished()

    def _wait(self, answer: Awaitable[Verdict | bytes]) -> None:
        service = self._service
        self._connection.deadline = clock() + service.options.timeouts.judging_s
        self._task = service.loop.create_task(self._guard(answer))

    async def _guard(self, answer: Awaitable[Verdict | bytes]) -> None:
        """Answer, whatever happens."""
        try:
            found = await answer
            if isinstance(found, Verdict):
                self._tell(found)
            else:
                self._reply(200, found)
        except Refused as problem:
            self._say(problem)
        except Unavailable as error:
            self._say(NotAnswered(error.reason, "no decision can be taken at present"))
        except asyncio.CancelledError:
            if not self._why:
                raise
            if self._why == _TIMEOUT:
                self._say(NotAnswered("not_ready", "no decision could be taken in time"))
        except Exception:
            log.exception("a question failed by our own fault")
            self._say(NotAnswered("internal", "the service failed"))
        finally:
            self._end()

    def _tell(self, verdict: Verdict) -> None:
        """Tell a proxy what to do."""
        reply = verdict.reply
        if self.where == FORWARD and not verdict.permitted and reply.status != 401:
            reply = reply._replace(status=403)  # the only other status that nginx passes on
        self._connection.answer(reply)
        self._count("permit" if verdict.permitted else "deny", verdict.code)

    def _reply(self, status: int, body: bytes) -> None:
        self._connection.answer(Reply(status, self._headers(), body))
        self._count("answered", "")

    def _say(self, problem: Refused) -> None:
        """Say why there is no decision."""
        status, headers = STATUS[problem.code], [*_JSON]
        if self.where not in _ASKED_BY_PROXIES:
            headers = self._headers()
        elif problem.code not in _SHOWN:
            status = 503  # a proxy would show its client a 4xx that is none of its business
        id_ = decision_id(datetime.now(UTC)).replace("dec_", "ref_", 1)
        body = _encode({"error": {"code": problem.code, "message": problem.message, "id": id_}})
        headers.append((DECISION_HEADER, id_))
        if problem.code == "asker_unknown":
            headers.append(("www-authenticate", "Bearer"))
        if problem.retry_after_s is not None:
            headers.append(("retry-after", str(problem.retry_after_s)))
        self._connection.answer(Reply(status, headers, body))
        self._count("refused", problem.code)

    def _headers(self) -> list[tuple[str, str]]:
        """Give the headers of an answer, with the id of the question."""
        id_ = self._connection.request_id or self.head.headers.get("x-request-id")
        return [*_JSON, ("x-request-id", id_[:200])] if id_ is not None else [*_JSON]

    def _count(self, effect: str, reason: str) -> None:
        asker = self.asker.name if self.asker is not None else ""
        taken = clock() - self._since
        self._service.metrics.count(self.where, asker, effect, reason, taken)


_SHOWN: Final = frozenset({"body_too_large", "internal"})
"""What a proxy is told as it is."""


def _check_method(head: Head, wanted: str) -> NotAnswered | None:
    if head.method == wanted:
        return None
    return NotAnswered("method_not_allowed", f"this path takes {wanted}")
