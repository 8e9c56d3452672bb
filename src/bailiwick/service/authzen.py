"""OpenID AuthZEN Authorization API 1.0: evaluation, evaluations.

A subject is an ``account`` (its id), a ``key`` (an API key as it was presented), ``anonymous``, a
``place`` (an ordinary resident of it), or something of the asker's own, of which nothing is known.
A resource is a ``model``, or anything else where no model is named. ``context.address`` is the
client's address, ``context.facts`` are facts that the asker vouches for.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from bailiwick.accounts import AccountView
from bailiwick.decision import Decision, decision_as_dict
from bailiwick.errors import InvalidInput
from bailiwick.facts import ACTIONS, PENDING, UNKNOWN, Absent, Fact, dimension, read_fact
from bailiwick.gateway import Limits, Refused, read_request
from bailiwick.location import ClientAddress, Invalid
from bailiwick.pipeline import (
    Answer,
    Background,
    Bench,
    Pipeline,
    Question,
    Unauthenticated,
)
from bailiwick.places import canonical
from bailiwick.service.errors import NotAnswered
from bailiwick.service.options import Asker

RESIDENT: Final = ("address", "billing", "card", "registered", "document", "phone")
"""Facts of a place's ordinary resident that are that place."""
SEMANTICS: Final = ("execute_all", "deny_on_first_deny", "permit_on_first_permit")
_NONE: Final = msgspec.Raw(b"")


class Subject(msgspec.Struct):
    """Who wants something."""

    type: str
    id: str | None = None


class Action(msgspec.Struct):
    """What is wanted."""

    name: str


class Resource(msgspec.Struct):
    """Of what."""

    type: str
    id: str | None = None


class Request(msgspec.Struct):
    """The model request that is asked about; its features are read from it."""

    path: str
    body: msgspec.Raw


class Context(msgspec.Struct):
    """What the asker knows besides."""

    address: str | None = None
    facts: dict[str, Any] = {}
    request: Request | None = None
    pending: list[str] = []
    """Names of facts that a later layer will know."""


class Options(msgspec.Struct, frozen=True):
    """How several evaluations are done."""

    evaluations_semantic: str = SEMANTICS[0]


class Item(msgspec.Struct):
    """One evaluation, its parts as they were written: equal ones are read once."""

    subject: msgspec.Raw = _NONE
    action: msgspec.Raw = _NONE
    resource: msgspec.Raw = _NONE
    context: msgspec.Raw = _NONE


class Shared(NamedTuple):
    """What several evaluations have in common, as it was written."""

    subject: bytes
    action: bytes
    resource: bytes
    context: bytes


class Items(Item):
    """Several evaluations, with what they have in common."""

    evaluations: list[Item] = []
    options: Options = Options()


decode_items = msgspec.json.Decoder(Items).decode
_subject = msgspec.json.Decoder(Subject).decode
_action = msgspec.json.Decoder(Action).decode
_resource = msgspec.json.Decoder(Resource).decode
_context = msgspec.json.Decoder(Context).decode
_encode = msgspec.json.Encoder().encode


class Reader:
    """Reads the parts of one request; what was read once is not read again."""

    limits = Limits()

    def __init__(self, pipeline: Pipeline, asker: Asker, at: datetime) -> None:
        self.pipeline = pipeline
        self.asker = asker
        self.at = at
        self._benches: dict[tuple[bytes, bytes], Bench] = {}
        self._models: dict[bytes, str | None] = {}
        self._actions: dict[bytes, str] = {}
        self._features: dict[bytes, Fact] = {}

    def read(self, item: Item) -> tuple[Bench, Question]:
        """Read one evaluation. Raises ``NotAnswered``."""
        action, resource = bytes(item.action), bytes(item.resource)
        return self._read(bytes(item.subject), action, resource, bytes(item.context))

    def read_among(self, item: Item, shared: Shared) -> tuple[Bench, Question]:
        """Read one of several evaluations; what it leaves out is what they share."""
        return self._read(
            bytes(item.subject) if item.subject else shared.subject,
            bytes(item.action) if item.action else shared.action,
            bytes(item.resource) if item.resource else shared.resource,
            bytes(item.context) if item.context else shared.context,
        )

    def _read(
        self, subject: bytes, action: bytes, resource: bytes, context: bytes
    ) -> tuple[Bench, Question]:
        bench = self._benches.get((subject, context))
        if bench is None:
            bench = self._benches[subject, context] = self._bench(subject, context)
        name = self._actions.get(action)
        if name is None:
            name = self._actions[action] = read_action(action)
        if resource not in self._models:
            self._models[resource] = read_model(resource)
        return bench, Question(self._models[resource], name, self._features[context])

    def bench(self, subject: Subject, context: bytes) -> Bench:
        """Prepare for a subject that is known already."""
        return self.pipeline.bench(self._background(subject, self._read_context(context)), self.at)

    def _bench(self, subject: bytes, context: bytes) -> Bench:
        if not subject:
            raise NotAnswered("question_invalid", "`subject` is missing")
        return self.bench(decode(_subject, subject, "subject"), context)

    def features(self, context: bytes) -> Fact:
        """Give the features that a context says, once it was read."""
        return self._features[context]

    def _read_context(self, raw: bytes) -> tuple[Context, dict[str, Fact]]:
        context = decode(_context, raw, "context") if raw else Context()
        said = self._said(context.facts)
        said |= {_named(name): PENDING for name in context.pending}
        self._features[raw] = said.pop("features", UNKNOWN)
        if context.request is not None:
            self._features[raw] = self._read_request(context.request)
        return context, said

    def _read_request(self, request: Request) -> Fact:
        try:
            body = bytes(request.body)
            return read_request("POST", request.path, "", {}, body, self.limits).features
        except Refused as refused:
            raise NotAnswered("question_invalid", f"`context.request`: {refused}") from None

    def _said(self, given: Mapping[str, Any]) -> dict[str, Fact]:
        if given and "evidence" not in self.asker.says:
            raise untrusted(self.asker, "facts", "evidence")
        said = {}
        for name, value in _flat(given):
            try:
                said[name] = read_fact(_named(name), value)
            except InvalidInput as error:
                raise NotAnswered("question_invalid", error.problems[0].message) from None
        return said

    def _background(self, subject: Subject, context: tuple[Context, dict[str, Fact]]) -> Background:
        given, said = context
        if subject.type == "place":
            return Background(UNKNOWN, None, {**self._resident(subject), **said})
        return Background(self._account(subject), self._client(given.address), said)

    def _resident(self, subject: Subject) -> dict[str, Fact]:
        if "evidence" not in self.asker.says:
            raise untrusted(self.asker, "a resident's evidence", "evidence")
        place = canonical(subject.id or "")
        if place is None:
            raise NotAnswered("question_invalid", f"unknown place `{(subject.id or '')[:64]}`")
        return resident(place)

    def _account(self, subject: Subject) -> AccountView | Absent | None:
        match subject.type:
            case "anonymous":
                return None
            case "key":
                try:
                    return self.pipeline.identify(subject.id or "", self.at)
                except Unauthenticated:
                    raise NotAnswered("question_invalid", "there is no such key") from None
            case "account":
                found = self.pipeline.account_of_id(subject.id or "", self.at)
                if found is None:
                    raise NotAnswered("question_invalid", "there is no such account")
                return found
        return UNKNOWN

    def _client(self, address: str | None) -> ClientAddress | Invalid | None:
        if address is None:
            return None
        if "address" not in self.asker.says:
            raise untrusted(self.asker, "an address", "address")
        world = self.pipeline.world
        return world.client_at(address) if world is not None else None


def _named(name: str) -> str:
    if dimension(name) is None or name == "action":
        raise NotAnswered("question_invalid", f"unknown fact `{name[:64]}`")
    return name


def untrusted(asker: Asker, what: str, says: str) -> NotAnswered:
    """Say that somebody's word is not taken."""
    hint = f"add `{says}` to its `says` if it may"
    return NotAnswered("asker_untrusted", f"the asker `{asker.name}` may not say {what}; {hint}")


def resident(place: str) -> dict[str, Fact]:
    """Describe an ordinary resident: everything at home, an account in good standing."""
    return {
        **dict.fromkeys(RESIDENT, frozenset({place})),
        "network": frozenset({"residential"}),
        "status": frozenset({"active"}),
        "labels": frozenset(),
        "principal": frozenset(),
    }


def read_action(raw: bytes) -> str:
    """Read an action's name."""
    name: str = decode(_action, raw, "action").name
    if name not in ACTIONS:
        known = ", ".join(ACTIONS)
        raise NotAnswered("question_invalid", f"unknown action `{name[:64]}`; known are {known}")
    return name


def read_model(raw: bytes) -> str | None:
    """Read which model is wanted; ``None``: something that is no model."""
    resource: Resource = decode(_resource, raw, "resource")
    if resource.type != "model":
        return None
    if not resource.id:
        raise NotAnswered("question_invalid", "`resource.id` is missing: name the model")
    return resource.id


def decode(read: Any, raw: bytes | bytearray, what: str) -> Any:
    """Decode one part, or say what is wrong with it."""
    if not raw:
        raise NotAnswered("question_invalid", f"`{what}` is missing")
    try:
        return read(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnswered("question_invalid", f"`{what}`: {str(error).lower()}") from None


class Writer:
    """Writes answers; what several have in common is written once."""

    def __init__(self) -> None:
        self._contexts: dict[int, bytes] = {}

    def answer(self, answer: Answer, models: list[str] | None = None) -> bytes:
        """Write one answer."""
        decision = answer.decision
        known = self._contexts.get(id(decision))
        if known is None:
            known = self._contexts[id(decision)] = _encode(context_of(decision))[1:]
        more = b'"models":' + _encode(models) + b"," if models is not None else b""
        start = b'{"decision":true,' if decision.permitted else b'{"decision":false,'
        return b'%b"context":{"id":"%b",%b%b}' % (start, answer.id.encode(), more, known)


def context_of(decision: Decision) -> dict[str, Any]:
    """Give the reasons and the obligations of a decision."""
    return decision_as_dict(decision)


def error(problem: NotAnswered) -> bytes:
    """Write the answer to an evaluation that cannot be answered: no."""
    said = {"status": problem.status, "code": problem.code, "message": problem.message}
    return _encode({"decision": False, "context": {"error": said}})


async def evaluation(raw: bytes | bytearray, pipeline: Pipeline, asker: Asker) -> bytes:
    """Answer ``/access/v1/evaluation``. Raises ``NotAnswered`` and ``Unavailable``."""
    item = decode(decode_items, raw, "body")
    return await _single(item, Reader(pipeline, asker, datetime.now(UTC)), "evaluation")


async def _single(item: Item, reader: Reader, path: str) -> bytes:
    bench, question = reader.read(item)
    ((answer,),) = await reader.pipeline.answer(
        reader.asker.name, f"/access/v1/{path}", [(bench, [question])], reader.at
    )
    models = None
    if question.model is None:
        models = bench.permitted(question, sorted(bench.world.table.policy.models))
    return Writer().answer(answer, models)


async def evaluations(raw: bytes | bytearray, pipeline: Pipeline, asker: Asker, most: int) -> bytes:
    """Answer ``/access/v1/evaluations``. Raises ``NotAnswered`` and ``Unavailable``."""
    items: Items = decode(decode_items, raw, "body")
    reader = Reader(pipeline, asker, datetime.now(UTC))
    if not items.evaluations:
        return await _single(items, reader, "evaluations")
    if len(items.evaluations) > most:
        message = f"{len(items.evaluations)} evaluations; at most {most} in one request"
        raise NotAnswered("too_many_evaluations", message)
    semantic = items.options.evaluations_semantic
    if semantic not in SEMANTICS:
        known = ", ".join(SEMANTICS)
        raise NotAnswered("question_invalid", f"`{semantic[:64]}` is not one of {known}")
    shared = Shared(*map(bytes, (items.subject, items.action, items.resource, items.context)))
    read = [_read(reader, shared, one) for one in items.evaluations]
    return await _answer_all(reader, _until(semantic, read))


Read = tuple[Bench, Question] | NotAnswered


def _read(reader: Reader, shared: Shared, item: Item) -> Read:
    try:
        return reader.read_among(item, shared)
    except NotAnswered as problem:
        return problem


def _until(semantic: str, read: list[Read]) -> list[Read]:
    """Cut behind the first answer that makes the others needless."""
    if semantic == SEMANTICS[0]:
        return read
    ends = semantic == "permit_on_first_permit"
    for number, one in enumerate(read):
        permitted = not isinstance(one, NotAnswered) and one[0].decide(one[1])[0].permitted
        if permitted is ends:
            return read[: number + 1]
    return read


async def _answer_all(reader: Reader, read: list[Read]) -> bytes:
    sets: dict[int, tuple[Bench, list[Question]]] = {}
    for one in read:
        if not isinstance(one, NotAnswered):
            sets.setdefault(id(one[0]), (one[0], []))[1].append(one[1])
    asked = list(sets.values())
    answers = await reader.pipeline.answer(
        reader.asker.name, "/access/v1/evaluations", asked, reader.at
    )
    left = {bench: iter(found) for bench, found in zip(sets, answers, strict=True)}
    writer = Writer()
    written = [
        error(one) if isinstance(one, NotAnswered) else writer.answer(next(left[id(one[0])]))
        for one in read
    ]
    return b'{"evaluations":[%b]}' % b",".join(written)


def _flat(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Write ``{ownership: {RULE: no}}`` as ``ownership.RULE``; values are text."""
    found: list[tuple[str, Any]] = []
    for name, value in given.items():
        if isinstance(value, dict):
            found += [(f"{name}.{inner}", item) for inner, item in value.items()]
        else:
            found.append((name, value))
    return found
