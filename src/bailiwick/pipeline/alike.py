"""What was found for one request, kept for others that ask the same.

Whoever is refused asks again, in the same words. What is kept counts in the same scene only, in the
span of time in which nothing that it rests on begins, ends or grows old, and for an account of
which still the same is known: that is looked up each time.
"""

from collections.abc import Hashable
from datetime import datetime
from typing import Any, Final

from bailiwick.kept import Kept
from bailiwick.pipeline.end_users import HEADER as END_USER
from bailiwick.pipeline.scene import AGENT, Scene
from bailiwick.pipeline.values import Asked, Judged

MOST: Final = 2048
"""Questions that are kept, for so many seconds or twice that."""
KEPT_S: Final = 5.0
LONGEST: Final = 1024
"""Characters of what is kept of one request: anybody can send them."""


class Found:
    """What was found for a request, and when and for whom it counts."""

    __slots__ = ("account", "counts", "digest", "judged", "scene", "since", "text", "told", "until")

    def __init__(
        self, scene: Scene, at: datetime, judged: Judged, digest: bytes | None, text: bytes,
        *, counts: bool,
    ) -> None:  # fmt: skip
        self.scene = scene
        self.since, self.until = scene.span(at)
        self.digest = digest
        """Of the key; ``None``: there is none."""
        self.account = judged.account
        self.judged = judged[1:]
        """A ``Judged`` without its id."""
        self.text = text
        """Its record, but for what only one request has."""
        self.counts = counts
        """Whether the record says how many bytes came in."""
        self.told: Any = None
        """For whoever answers: what they told the last one."""


class Alike:
    """Requests that differ in time, number and length only. Whoever reads them keeps it."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: Found | None = None
        """Replaced as a whole, so that nobody sees the half of it."""


class Alikes:
    """Finds what was found for others, for whoever does not keep it.

    It holds keys: what is not used again is forgotten after a moment.
    """

    def __init__(self) -> None:
        self.kept: Kept[Hashable, Alike] = Kept(MOST, KEPT_S)

    def find(self, asked: Asked, header: str) -> Alike:
        """Find it; ``header`` is the one in which proxies name clients."""
        named = asked.named
        if named is None or END_USER in named:  # a token is good for a time of its own
            return Alike()
        header = asked.address_header or header
        said, agent = named.get(header), named.get(AGENT)
        if len(said or "") + len(agent or "") + len(asked.key or "") + len(asked.path) > LONGEST:
            return Alike()
        key = (asked[0], asked[2:12], header, said, agent)
        found = self.kept.fresh.get(key) or self.kept.find(key)
        if found is None:
            found = Alike()
            self.kept.keep(key, found)
        return found
