"""An account as a request meets it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bailiwick.accounts.derive import Evidence
from bailiwick.accounts.keys import key_id
from bailiwick.accounts.values import moment
from bailiwick.facts import Fact


class AccountView:
    """One key's account at one moment: who it is, and what is known of it. It never changes.

    What only records and few rules ask for is worked out when it is asked for.
    """

    __slots__ = (
        "_above", "_digest", "_key_id", "_principals", "evidence", "id", "status", "until",
        "values",
    )  # fmt: skip

    def __init__(
        self,
        id: str,  # noqa: A002 - the attribute's name
        digest: bytes,
        status: str,
        values: Mapping[str, Fact],
        until: int | None,
        evidence: tuple[Evidence, ...],
        above: Callable[[], tuple[str, ...]] | None = None,
    ) -> None:
        """``digest``: of the key, empty where an account was looked up by its id; ``above`` names
        its organisations; ``until`` is ``valid_until`` in milliseconds.
        """
        self.id = id
        self.status = status
        """The strictest of its own and its organisations'."""
        self.values = values
        """Facts of the account layer. Views that know the same share one object; what is missing
        is ``UNKNOWN``; ``labels`` is always known."""
        self.until = until
        self.evidence = evidence
        """What the facts rest on, the parents' included."""
        self._digest = digest
        self._above = above
        self._key_id: str | None = None
        self._principals: frozenset[str] | None = None

    @property
    def valid_until(self) -> datetime | None:
        """When the first thing that these facts rest on expires; ``None``: never by itself."""
        return moment(self.until)

    @property
    def key_id(self) -> str:
        """The key's id; empty where an account was looked up by its id."""
        if self._key_id is None:
            self._key_id = key_id(self._digest) if self._digest else ""
        return self._key_id

    @property
    def principals(self) -> frozenset[str]:
        """The ids of the account, of its organisations and of the key."""
        if self._principals is None:
            above = self._above() if self._above is not None else ()
            names = (self.id, *above, self.key_id)
            self._principals = frozenset(name for name in names if name)
        return self._principals
