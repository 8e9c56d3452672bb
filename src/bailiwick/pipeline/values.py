"""What goes into the pipeline, what comes out, and how it says that it cannot answer."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from bailiwick.accounts import AccountView
from bailiwick.decision import Decision
from bailiwick.location import Located


class Asked(NamedTuple):
    """One request as the gateway read it."""

    peer: str
    """Address of the socket (or of the PROXY header), without its port."""
    headers: Sequence[tuple[str, str]]
    """Every line, in order; names in lower case."""
    key: str | None
    """The API key presented."""
    model: str | None
    """The name that the caller uses, the same in path, query, headers and body."""
    action: str
    features: frozenset[str]
    dialect: str
    """``anthropic`` or ``openai``."""
    path: str
    asker: str | None = None
    """The gateway of somebody else that asks; ``peer`` is its address and never the client's."""
    address_header: str | None = None
    """The header in which this asker names the client; ``None``: as everybody else."""
    fallback_from: str | None = None
    """Catalogue id of the model that was wanted, if this one is to answer in its place."""
    answers: bool = False
    """Whether whoever asks tells the caller of a deny, and nothing else becomes of it."""
    named: Mapping[str, str] | None = None
    """``headers`` by name, if no name is given twice; ``None``: look through all of them."""


class Said(NamedTuple):
    """What decisions know of an end user; ``None``: it is not claimed, and so unknown."""

    place: str | None
    labels: frozenset[str] | None


class EndUser(NamedTuple):
    """What an account holder attests for its own user."""

    kid: str
    """The key that attests it."""
    sub: str | None
    """Who it is, in the account holder's words; records have a keyed hash of it."""
    said: Said


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the policy has in place of a model, for one request."""

    model: str
    """Catalogue id of the model that is asked for."""
    candidates: tuple[str, ...]
    """Catalogue ids; those that are known not to have a feature in use are left out."""
    when: frozenset[str]
    """Of ``denied`` and ``refused``."""
    always: bool
    translate: bool
    windows: Mapping[str, int]
    """Context in tokens of the candidates of which the catalogue knows it."""


class Judged(NamedTuple):
    """The answer to one request, on record."""

    id: str
    """``dec_`` and 32 hexadecimal digits that sort by time."""
    decision: Decision
    model: str | None
    """Catalogue id; ``None``: the catalogue does not know the name."""
    account: AccountView | None
    """``None``: nobody's, and the settings allow that."""
    located: Located | None
    """``None``: the request has no client address that could be trusted."""
    revision: str
    controlled: bool
    """Whether the model may be served only while records can be kept and accounts are known."""
    layer: str
    """The layer whose evidence decided: ``edge``, ``settings`` or ``account``."""
    end_user: EndUser | None = None
    """What the account holder attests for its own user; ``None``: nothing."""


class Pending(Protocol):
    """A permit whose record is on its way to the disk. Nothing may be forwarded before."""

    @property
    def judged(self) -> Judged:
        """What it will be."""

    async def durable(self) -> Judged:
        """Wait for the record. Raises ``Unavailable``."""

    def when_durable(self, call: "Callable[[Judged | Unavailable], None]") -> None:
        """Do the same without a task: call back with the permit, or with why there is none."""

    def abandon(self) -> None:
        """Take note that nobody waits any more: whoever asked has left."""


class Outcome(NamedTuple):
    """What became of a judged request."""

    status: int
    """What the caller was answered."""
    kind: str
    """completed, upstream_error, upstream_reset, upstream_region, client_left, refused, timeout,
    withdrawn or fallback."""
    bytes_in: int
    bytes_out: int
    first_byte_ms: float | None
    total_ms: float
    upstream: str | None


class Unauthenticated(Exception):
    """No account: the key is missing, unknown, revoked or expired. Outside they look alike."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """``key.missing`` or ``key.unknown``."""


class EndUserInvalid(Unauthenticated):
    """What came to attest the end user is not good; the account itself may be."""

    def __init__(self, why: str) -> None:
        super().__init__("end_user_invalid")
        self.why = why
        """In words that the caller may be told."""


class Unavailable(Exception):
    """No decision now: ``audit_unavailable``, ``accounts_unavailable`` or ``not_ready``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decision_id(at: datetime) -> str:
    """Make an id that nobody can guess and that sorts by time (to the millisecond)."""
    return f"dec_{int(at.timestamp() * 1000):012x}{_random.take()}"


class _Random:
    """Random digits of the system, fetched for many ids at a time: asking costs more than an id."""

    DIGITS, MANY = 20, 400

    def __init__(self) -> None:
        self._left: list[str] = []
        os.register_at_fork(after_in_child=self._left.clear)  # two processes never share any

    def take(self) -> str:
        """Take hexadecimal digits that nobody had before; any thread may."""
        try:
            return self._left.pop()
        except IndexError:
            size = self.DIGITS
            fetched = os.urandom(size // 2 * self.MANY).hex()
            self._left += [fetched[at : at + size] for at in range(size, len(fetched), size)]
            return fetched[:size]


_random = _Random()
