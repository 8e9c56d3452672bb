"""What was found for one request, kept for others that ask the same.

Whoever is refused asks again, in the same words. What is kept counts in the same scene only, in the
span of time in which nothing that it rests on begins, ends or grows old, and for an account of
which still the same is known: that is looked up each time.
"""

from datetime import UTC, datetime
from typing import Any, Final

from bailiwick.accounts import AccountView
from bailiwick.pipeline.scene import Scene

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Alike:
    """Requests that differ in time, number and length only. Whoever reads them keeps it."""

    __slots__ = (
        "account", "counts", "digest", "found", "scene", "since", "text", "told",
        "until",
    )  # fmt: skip

    def __init__(self) -> None:
        self.scene: Scene | None = None
        """``None``: nothing was found yet."""
        self.since = self.until = _NEVER
        self.digest: bytes | None = None
        """Of the key; ``None``: there is none."""
        self.account: AccountView | None = None
        self.found: tuple[Any, ...] = ()
        """A ``Judged`` without its id."""
        self.text = b""
        """Its record, but for what only one request has."""
        self.counts = False
        """Whether the record says how many bytes came in."""
        self.told: Any = None
        """For whoever answers: what they told the last one. Gone when something else is found."""
