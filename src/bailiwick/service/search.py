"""AuthZEN searches: which models, which places or accounts, which actions; page by page.

What is found here is permitted when it is asked as an evaluation. Searches are not on record: they
let nobody do anything.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from bailiwick.facts import ACTIONS, UNKNOWN, Fact
from bailiwick.pipeline import Pipeline, Question
from bailiwick.places import countries
from bailiwick.service.authzen import Reader, Subject, decode, read_action, read_model
from bailiwick.service.errors import NotAnswered
from bailiwick.service.options import Asker

PAGE: Final = 100
MOST: Final = 1000
"""Most results of one page, and most candidates that are looked at for one."""


class Page(msgspec.Struct, frozen=True):
    """Where to go on, and how far."""

    token: str = ""
    next_token: str = ""
    """As ``token``: drafts of the standard called it so."""
    limit: int = PAGE


class Kind(msgspec.Struct):
    """Something of which the type alone counts."""

    type: str


class Search(msgspec.Struct):
    """A search; what is searched for has a type and no id."""

    subject: msgspec.Raw = msgspec.Raw(b"")
    action: msgspec.Raw = msgspec.Raw(b"")
    resource: msgspec.Raw = msgspec.Raw(b"")
    context: msgspec.Raw = msgspec.Raw(b"")
    page: Page = Page()


_search = msgspec.json.Decoder(Search).decode
_kind = msgspec.json.Decoder(Kind).decode
_subject = msgspec.json.Decoder(Subject).decode
_encode = msgspec.json.Encoder().encode


def resources(raw: bytes | bytearray, pipeline: Pipeline, asker: Asker) -> bytes:
    """Find the models that a subject may use."""
    asked: Search = decode(_search, raw, "body")
    if _type(asked.resource, "resource") != "model":
        raise NotAnswered("question_invalid", "`resource.type` must be `model` in a search")
    reader = Reader(pipeline, asker, datetime.now(UTC))
    bench = reader.bench(decode(_subject, bytes(asked.subject), "subject"), bytes(asked.context))
    action, features = read_action(bytes(asked.action)), reader.features(bytes(asked.context))

    def permitted(model: str) -> bool:
        return bench.decide(Question(model, action, features))[0].permitted

    models = sorted(bench.world.table.policy.models)
    return _paged(models, permitted, asked.page, lambda one: {"type": "model", "id": one})


def subjects(raw: bytes | bytearray, pipeline: Pipeline, asker: Asker) -> bytes:
    """Find the places, or the accounts, that may use a model."""
    asked: Search = decode(_search, raw, "body")
    kind = _type(asked.subject, "subject")
    reader = Reader(pipeline, asker, datetime.now(UTC))
    model, action = read_model(bytes(asked.resource)), read_action(bytes(asked.action))
    context = bytes(asked.context)

    def permitted(name: str) -> bool:
        bench = reader.bench(Subject(kind, name), context)
        return bench.decide(Question(model, action, reader.features(context)))[0].permitted

    if kind not in {"place", "account"}:
        raise NotAnswered("question_invalid", "`subject.type` must be `place` or `account`")
    names: Sequence[str] = countries() if kind == "place" else pipeline.account_ids()
    return _paged(sorted(names), permitted, asked.page, lambda one: {"type": kind, "id": one})


def actions(raw: bytes | bytearray, pipeline: Pipeline, asker: Asker) -> bytes:
    """Find what a subject may do with a model."""
    asked: Search = decode(_search, raw, "body")
    reader = Reader(pipeline, asker, datetime.now(UTC))
    context = bytes(asked.context)
    bench = reader.bench(decode(_subject, bytes(asked.subject), "subject"), context)
    model = read_model(bytes(asked.resource))
    features: Fact = reader.features(context) if context else UNKNOWN

    def permitted(action: str) -> bool:
        return bench.decide(Question(model, action, features))[0].permitted

    return _paged(ACTIONS, permitted, asked.page, lambda one: {"name": one})


def _type(raw: msgspec.Raw, what: str) -> str:
    kind: Kind = decode(_kind, bytes(raw), what)
    return kind.type


def _paged(
    names: Iterable[str],
    permitted: Callable[[str], bool],
    page: Page,
    write: Callable[[str], dict[str, Any]],
) -> bytes:
    if not 0 < page.limit <= MOST:
        raise NotAnswered("question_invalid", f"`page.limit` must be from 1 to {MOST}")
    every = list(names)
    start = _start(page.token or page.next_token, len(every))
    found: list[dict[str, Any]] = []
    at = start
    while at < len(every) and at - start < MOST and len(found) < page.limit:
        if permitted(every[at]):
            found.append(write(every[at]))
        at += 1
    token = base64.urlsafe_b64encode(str(at).encode()).decode() if at < len(every) else ""
    return _encode({"results": found, "page": {"next_token": token, "count": len(found)}})


def _start(token: str, most: int) -> int:
    if not token:
        return 0
    try:
        at = int(base64.b64decode(token, b"-_", validate=True))
    except (ValueError, binascii.Error):
        at = -1
    if not 0 <= at <= most:
        raise NotAnswered("question_invalid", "`page.token` is not one of ours")
    return at
