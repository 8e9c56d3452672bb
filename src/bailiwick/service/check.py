"""Decide for a proxy that asks about each request before it forwards it.

With the body (Envoy's external authorization) the request is read as strictly as the gateway reads
it. Without (``auth_request`` of nginx, forward authentication of Traefik and Caddy) the model and
the features are what the proxy says, or pending; what then depends on them is refused, never
guessed.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

from bailiwick.decision import Decision
from bailiwick.facts import ACTIONS, FEATURES, PENDING, Fact
from bailiwick.gateway import (
    DECISION_HEADER,
    Quotas,
    Reading,
    Refused,
    Reply,
    check_name,
    denial,
    dialect_of,
    key_presented,
    read_head,
    read_request,
    refusal,
    tells_of_a_model,
    unauthenticated,
)
from bailiwick.pipeline import (
    ABOUT_ACCOUNTS,
    END_USER_HEADER,
    Asked,
    Background,
    Judged,
    Outcome,
    Pending,
    Question,
    Unauthenticated,
    Unavailable,
    decision_id,
)
from bailiwick.service.options import Asker, ServiceOptions
from bailiwick.service.ports import Parts

MODEL_HEADER: Final = "x-bailiwick-model"
ACCEL_HEADER: Final = "x-bailiwick-accel"
"""Where nginx goes on with a permitted request; it sends the whole request here first."""
FEATURES_HEADER: Final = "x-bailiwick-features"
ACTION_HEADER: Final = "x-bailiwick-action"
"""What somebody does at a path of the operator's own, such as signing up."""
_COUNTING: Final = ("x-bailiwick-", "x-original-", "x-forwarded-method", "x-forwarded-uri")
_REFUSED: Final = Outcome(0, "refused", 0, 0, None, 0.0, None)


class Request(NamedTuple):
    """A request of somebody else's client, as its proxy describes it."""

    method: str
    path: str
    query: str
    lines: Sequence[tuple[str, str]]
    """Header lines in order; names in lower case."""
    headers: Mapping[str, str]
    raw: bytes | bytearray | None
    """The body; ``None``: the proxy does not show it."""
    asker: Asker
    peer: str
    """Address of the proxy."""


class Verdict(NamedTuple):
    """What the proxy shall do."""

    permitted: bool
    reply: Reply
    """Of a permit, the headers that shall go upstream; otherwise the answer for the client."""
    code: str
    """``permit``, or why not: the first reason or the code of the refusal."""
    model: str


class Waiting(NamedTuple):
    """A permit that waits for its record, and nothing else."""

    pending: Pending
    finish: Callable[[Judged | Unavailable], Verdict]
    """Makes the verdict of what comes of it."""


class Checker:
    """Checks requests, one at a time."""

    def __init__(self, parts: Parts, options: ServiceOptions) -> None:
        self._parts = parts
        self._limits = options.limits
        self._quotas = parts.quotas or Quotas(options.quota_storage)

    async def check(self, request: Request) -> Verdict:
        """Decide about a request; whatever is wrong with it is a verdict too."""
        verdict = self.begin(request)
        if isinstance(verdict, Waiting):
            try:
                return verdict.finish(await verdict.pending.durable())
            except Unavailable as error:
                return verdict.finish(error)
        return verdict if isinstance(verdict, Verdict) else await verdict

    def begin(self, request: Request) -> Verdict | Waiting | Awaitable[Verdict]:
        """Decide in the same way: at once, or give what has to be waited for."""
        try:
            if "address" not in request.asker.says:
                message = f"the asker `{request.asker.name}` may not say addresses"
                raise Refused("not_ready", message)
            if len(request.headers) != len(request.lines):
                _check_repeats(request.lines)
            if request.raw is None:
                _check_described_once(request.headers)
                return self._guard(request, self._judge_head(request))
            reading = read_request(
                request.method, request.path, request.query, request.headers, request.raw,
                self._limits,
            )  # fmt: skip
            if reading.endpoint is None:
                return self._guard(request, self._judge_listing(request, reading))
            verdict = self._parts.pipeline().judge_now(_asked(request, reading), datetime.now(UTC))
            if isinstance(verdict, Judged) and not verdict.decision.permitted:
                return self._denied(verdict, reading.dialect)
            if not isinstance(verdict, Judged) and verdict.judged.decision.obligations.is_empty:
                return Waiting(verdict, partial(self._worth, request))
            return self._permitted(verdict, reading, request)
        except (Refused, Unauthenticated, Unavailable) as error:
            return self._refused(_as_refusal(error), request, None)

    def _worth(self, request: Request, found: Judged | Unavailable) -> Verdict:
        if isinstance(found, Unavailable):
            return self._refused(_as_refusal(found), request, None)
        return _pass(found, request)

    async def _permitted(
        self, verdict: Judged | Pending, reading: Reading, request: Request
    ) -> Verdict:
        """Wait for the record of a permit."""
        id_ = None
        try:
            judged = verdict if isinstance(verdict, Judged) else await verdict.durable()
            id_ = judged.id
            if not judged.decision.obligations.is_empty:
                await self._hold(judged, reading, request)
            return _pass(judged, request)
        except (Refused, Unauthenticated, Unavailable) as error:
            return self._refused(_as_refusal(error), request, id_)

    async def _guard(self, request: Request, judging: Awaitable[tuple[Judged, Reading]]) -> Verdict:
        """Wait for a judgement."""
        try:
            judged, reading = await judging
        except (Refused, Unauthenticated, Unavailable) as error:
            return self._refused(_as_refusal(error), request, None)
        if not judged.decision.permitted:
            return self._denied(judged, reading.dialect)
        return await self._permitted(judged, reading, request)

    async def _judge_head(self, request: Request) -> tuple[Judged, Reading]:
        said = request.headers.get(ACTION_HEADER) if "model" in request.asker.says else None
        if said:
            if said not in ACTIONS:
                raise Refused("not_ready", "the proxy names an action that does not exist")
            action, dialect, model = said, dialect_of(request.path, request.headers), None
        else:
            action, dialect, model = read_head(
                request.method, request.path, request.query, request.headers
            )
        features: Fact = frozenset() if action in ABOUT_ACCOUNTS else PENDING
        if "model" in request.asker.says:
            model = request.headers.get(MODEL_HEADER) or model
            features = _features(request.headers.get(FEATURES_HEADER), features)
        if model is not None:
            check_name(model)
        reading = Reading(model, action, frozenset(), dialect, {}, None, 0)
        return await self._ask(request, Question(model, action, features)), reading

    async def _judge_listing(self, request: Request, reading: Reading) -> tuple[Judged, Reading]:
        question = Question(reading.model, reading.action, frozenset())
        return await self._ask(request, question), reading

    async def _ask(self, request: Request, question: Question) -> Judged:
        """Judge by the pipeline's questions: a model may be missing, facts may be pending."""
        pipeline, at = self._parts.pipeline(), datetime.now(UTC)
        key = _key(request)
        nobody = key is None and question.action == "sign_up"  # there is no account yet
        account = None if nobody else pipeline.identify(key, at)
        end_user = pipeline.end_user(request.lines, account, at)
        world = pipeline.world
        if world is None:
            raise Unavailable("not_ready")
        header = request.asker.address_header
        client = world.find_client_behind(request.peer, request.lines, header)
        bench = pipeline.bench(Background(account, client, end_user=end_user), at)
        ((answer,),) = await pipeline.answer(
            request.asker.name, request.path, [(bench, [question])], at
        )
        decision = answer.decision
        controlled = world.controlled(answer.model)
        return Judged(
            answer.id, decision, answer.model, account, bench.located, decision.revision,
            controlled, "edge", end_user,
        )  # fmt: skip

    async def _hold(self, judged: Judged, reading: Reading, request: Request) -> None:
        """Hold a permitted request to its obligations, as far as a proxy cannot."""
        try:
            _check_kept(judged.decision, request)
            if "max_output_tokens" not in request.asker.keeps:
                reading.check(judged.decision.obligations)
            await self._quotas.admit(judged)
        except Refused:
            self._parts.pipeline().outcome(judged, _REFUSED)
            raise

    def _denied(self, judged: Judged, dialect: str) -> Verdict:
        reply = denial(judged, self._parts.style(), dialect)
        reasons = judged.decision.reasons
        code = reasons[0].code if reasons else str(judged.decision.effect)
        return Verdict(False, reply, code, judged.model or "")

    def _refused(self, refused: Refused, request: Request, id_: str | None) -> Verdict:
        if id_ is None:
            id_ = decision_id(datetime.now(UTC)).replace("dec_", "ref_", 1)
            self._record(refused, request, id_)
        reply = refusal(refused, id_, dialect_of(request.path, request.headers))
        return Verdict(False, reply, refused.code, "")

    def _record(self, refused: Refused, request: Request, id_: str) -> None:
        self._parts.record(
            {
                "kind": "refusal",
                "id": id_,
                "code": refused.code,
                "asker": request.asker.name,
                "method": request.method[:16],
                "path": request.path[:200],
                "bytes_in": len(request.raw or b""),
            }
        )


def _check_described_once(headers: Mapping[str, str]) -> None:
    """Refuse two descriptions that differ: a proxy writes one, and the other is its client's."""
    for what in ("method", "uri"):
        forwarded, original = (headers.get(f"x-{who}-{what}") for who in ("forwarded", "original"))
        if forwarded and original and forwarded != original:
            message = f"`x-forwarded-{what}` and `x-original-{what}` describe two requests"
            raise Refused("header_invalid", message)


def _check_repeats(lines: Sequence[tuple[str, str]]) -> None:
    """Refuse a header given twice that counts: whoever reads the request next could take another
    line than we.
    """
    for name, times in Counter(name for name, _ in lines).items():
        counts = name.startswith(_COUNTING) or tells_of_a_model(name)
        if times > 1 and counts and name != END_USER_HEADER:  # that is refused where it is read
            raise Refused("header_invalid", f"the header `{name}` is given twice")


def _pass(judged: Judged, request: Request) -> Verdict:
    headers = [(DECISION_HEADER, judged.id), *judged.decision.obligations.headers]
    if ACCEL_HEADER in request.headers:
        headers.append(("x-accel-redirect", request.headers[ACCEL_HEADER]))
    return Verdict(True, Reply(200, headers, b""), "permit", judged.model or "")


def _asked(request: Request, reading: Reading) -> Asked:
    lines, headers = request.lines, request.headers
    return Asked(
        request.peer,
        lines,
        _key(request),
        reading.model,
        reading.action,
        reading.features,
        reading.dialect,
        request.path,
        request.asker.name,
        request.asker.address_header,
        named=headers if len(headers) == len(lines) else None,
    )


def _as_refusal(error: Refused | Unauthenticated | Unavailable) -> Refused:
    """Turn what keeps us from deciding into a refusal."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Unauthenticated):
        return unauthenticated(error)
    return Refused(error.reason, "no decision can be taken at present")


def _key(request: Request) -> str | None:
    return key_presented(request.headers) if request.asker.own_keys else None


def _check_kept(decision: Decision, request: Request) -> None:
    """Refuse what nobody would hold the request to."""
    held, keeps = decision.obligations, request.asker.keeps
    if "token_quotas" not in keeps and any(one.tokens is not None for one in held.quotas):
        message = "the policy counts tokens here, and nobody on this way sees the answer"
        raise Refused("obligation_unsupported", message)
    unseen = held.max_body_bytes is not None or held.max_output_tokens is not None
    if request.raw is None and unseen and "max_output_tokens" not in keeps:
        message = "the policy limits the body here, and nobody on this way sees it"
        raise Refused("obligation_unsupported", message)


def _features(text: str | None, otherwise: Fact) -> Fact:
    if not text:
        return otherwise
    names = frozenset() if text == "none" else frozenset(text.replace(" ", "").split(","))
    return names if names <= frozenset(FEATURES) else PENDING
