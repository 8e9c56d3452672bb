"""What the gateway makes of the head of a request. Requests with the same head share it.

A head that is kept holds it, so it does not hold the head: what is dropped is gone at once.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from bailiwick.front import NO_HEAD, Head, Refused
from bailiwick.gateway.body import SHORT
from bailiwick.gateway.dialects import ENDPOINTS, MODELS_PATH, dialect_of
from bailiwick.gateway.identity import check_query, key_presented, model_named
from bailiwick.pipeline import Alike, Asked


class Question(NamedTuple):
    """What is asked, and what others that asked the same were told."""

    asked: Asked
    alike: Alike | None
    """``None``: it is kept elsewhere."""


class Meaning:
    """What a head means."""

    __slots__ = ("_denied", "_last", "_raw", "dialect", "endpoint", "key", "refused")

    def __init__(self, head: Head) -> None:
        self._last: tuple[object, Question] | None = None
        """What was asked last, and by what it is known."""
        self._denied: Question | None = None
        self._raw = b""
        """The body that asked it."""
        self.endpoint = endpoint = ENDPOINTS.get(head.path)
        """``None``: it is about the models that there are."""
        self.dialect = endpoint.dialect if endpoint else dialect_of(head.path, head.headers)
        self.key: str | None = None
        self.refused = self._why_refused(head)
        """Why such requests are refused, if the head alone says so."""

    def _why_refused(self, head: Head) -> Refused | None:
        endpoint = self.endpoint
        coding = head.headers.get("content-encoding")
        if coding is not None and coding.lower() != "identity":
            return Refused("content_encoding", "send the body without `content-encoding`")
        if endpoint is None and not _is_about_models(head.path):
            return Refused("path_unknown", "there is nothing at this path")
        method = "GET" if endpoint is None else "POST"
        if head.method != method:
            return Refused("method_not_allowed", f"this path takes {method}")
        try:
            if endpoint is not None and head.query:
                check_query(head.query, endpoint.query)
            self.key = key_presented(head.headers)
        except Refused as refused:
            return refused.with_traceback(None)
        return None

    def question(
        self, head: Head, peer: str, body: Mapping[str, Any], features: frozenset[str]
    ) -> Question:
        """Say what a request with this head asks with a body. Raises ``Refused``."""
        name, endpoint = body.get("model"), self.endpoint
        last, known = self._last, (peer, name, features)
        if last is not None and last[0] == known:
            return last[1]
        name = model_named(body, head.headers)
        assert endpoint is not None  # noqa: S101 - only who has one takes a body
        asked = self.asked(head, peer, endpoint.action, name, features)
        if not head.kept:
            return Question(asked, None)
        found = Question(asked, Alike())
        self._last = (known, found)
        return found

    def denied_before(self, peer: str, raw: bytes | bytearray) -> Question | None:
        """Say what such a request asks with a body, if the last one that was denied is the same."""
        if raw != self._raw:
            return None
        found = self._denied
        return found if found is not None and found.asked.peer == peer else None

    def remember_denied(self, question: Question, raw: bytes | bytearray) -> None:
        """Remember what was denied: many who are refused ask again, in the same words."""
        if len(raw) <= SHORT:
            self._denied, self._raw = question, bytes(raw)

    def asked(
        self, head: Head, peer: str, action: str, model: str | None, features: frozenset[str]
    ) -> Asked:
        """Say what is asked, for whoever judges."""
        return Asked(
            peer, head.lines, self.key, model, action, features, self.dialect, head.path,
            answers=True,
            named=head.headers if len(head.headers) == len(head.lines) else None,
        )  # fmt: skip


def _is_about_models(path: str) -> bool:
    return path == MODELS_PATH or path.startswith(MODELS_PATH + "/")


NO_MEANING: Final = Meaning(NO_HEAD)
"""Of a head that is not understood."""
