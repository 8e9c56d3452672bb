"""Another model in place of one that is denied, or that its provider refuses by region.

The policy says which models may stand in, and the caller's own permissions decide whether one may:
each is judged afresh, with the place where it would run, so nothing is ever widened. A request
tries each candidate once, so there are no loops.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bailiwick.gateway.estimate import estimate_tokens
from bailiwick.gateway.identity import FALLBACK_HEADER
from bailiwick.gateway.translate import OTHER, PATHS, Translation, Untranslatable, translation
from bailiwick.gateway.upstream import Answer, Target, Targets
from bailiwick.pipeline import Arrangement, Asked, Judged, Pending

MODEL_HEADER: Final = "x-bailiwick-model"
FROM_HEADER: Final = "x-bailiwick-fallback-from"


class RegionRefused(Exception):
    """The upstream refuses by region; carries what it said."""

    def __init__(self, answer: Answer, body: bytes) -> None:
        super().__init__()
        self.answer = answer
        self.body = body


@dataclass(slots=True)
class Fallback:
    """What is left to try for one request."""

    arrangement: Arrangement
    asked: Asked
    """What the caller asked."""
    body: dict[str, Any]
    """As the caller sent it."""
    left: list[str] = field(default_factory=list)
    """Candidates that were not tried yet; each is taken once."""
    _tokens: int | None = None
    """The context that the request needs, once somebody asked."""

    @classmethod
    def of(
        cls, arrangement: Arrangement | None, asked: Asked, body: dict[str, Any],
        headers: Mapping[str, str],
    ) -> "Fallback | None":  # fmt: skip
        """Prepare the fallback of a request; ``None``: there is none, or nobody wants it."""
        if arrangement is None:
            return None
        wish = headers.get(FALLBACK_HEADER)
        wanted = wish == "allow" or (arrangement.always and wish != "none")
        if not wanted:
            return None
        return cls(arrangement, asked, dict(body), [*arrangement.candidates])

    def minds(self, what: str) -> bool:
        """Whether another model may answer after this: ``denied`` or ``refused``."""
        return what in self.arrangement.when

    def next(self, targets: Targets) -> "Instead | None":
        """Take the next candidate that is large enough and that some upstream serves."""
        while self.left:
            model = self.left.pop(0)
            found = self._instead(targets, model) if self._fits(model) else None
            if found is not None:
                return found
        return None

    def _fits(self, model: str) -> bool:
        """Tell whether the request, as far as one can tell, fits the context of a model."""
        window = self.arrangement.windows.get(model)
        if window is None:
            return True
        if self._tokens is None:
            self._tokens = estimate_tokens(self.body)
        return self._tokens <= window

    def _instead(self, targets: Targets, model: str) -> "Instead | None":
        own = self.asked
        target = targets.find(own.dialect, own.path, model)
        if target is not None:
            return Instead(self, model, own.dialect, own.path, target, None)
        other = PATHS.get(own.path)
        if not self.arrangement.translate or other is None:
            return None
        dialect = OTHER[own.dialect]
        target = targets.find(dialect, other, model)
        if target is None:
            return None
        return Instead(self, model, dialect, other, target, translation(own.dialect))


@dataclass(slots=True)
class Instead:
    """One model that may stand in."""

    fallback: Fallback
    model: str
    dialect: str
    path: str
    target: Target
    translation: Translation | None

    @property
    def asked(self) -> Asked:
        """What is judged: the same request, for this model, where it would run."""
        return self.fallback.asked._replace(
            model=self.model,
            dialect=self.dialect,
            path=self.path,
            fallback_from=self.fallback.arrangement.model,
            answers=False,
        )

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What the caller is told."""
        return [(MODEL_HEADER, self.model), (FROM_HEADER, self.fallback.arrangement.model)]

    def body(self) -> dict[str, Any] | None:
        """Write the body for the upstream; ``None``: it cannot be said in its dialect."""
        if self.translation is None:
            return dict(self.fallback.body)
        try:
            return self.translation.request(self.fallback.body, self.target.name)
        except Untranslatable:
            return None


@dataclass(slots=True)
class Attempt:
    """One model that the request is sent to."""

    asked: Asked
    """What was judged."""
    verdict: Judged | Pending
    body: dict[str, Any]
    """In the upstream's dialect; the sender may change it."""
    instead: Instead | None = None
    """``None``: the model that the caller asked for."""
