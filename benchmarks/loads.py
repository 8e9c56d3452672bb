"""What the servers are loaded with, which of them, and what one round of it gave."""

from dataclasses import dataclass

from benchmarks import wrk
from benchmarks.servers import bare, ours

PLAIN = "nginx, plain proxy_pass"
LUA = "nginx + geoip2 + Lua"
ENVOY = "Envoy, plain"
RBAC = "Envoy, geoip + model RBAC"
AUTHZ = "Envoy + HTTP ext_authz (Python)"
LITELLM = "LiteLLM proxy"
BARE = bare.NAME
OURS, NO_FSYNC = ours.NAME, ours.NO_FSYNC


@dataclass(frozen=True, slots=True)
class Load:
    """One way to load the servers."""

    name: str
    connections: int
    permitted: bool
    large: bool
    servers: tuple[str, ...]
    fresh: bool = False
    """Whether each request has an id and a text of its own; otherwise they come again and again."""

    @property
    def kind(self) -> str:
        """Name what is sent."""
        size, effect = "large" if self.large else "small", self.permitted
        return f"{size}-{'permitted' if effect else 'refused'}{'-fresh' if self.fresh else ''}"


SMALL = Load(
    "527 B, permitted, 64 connections", 64, True, False,
    (PLAIN, LUA, ENVOY, RBAC, AUTHZ, LITELLM, OURS, NO_FSYNC),
)  # fmt: skip
REFUSED = Load("527 B, refused, 64 connections", 64, False, False, (RBAC, LUA, AUTHZ, BARE, OURS))
LARGE = Load(
    "400 KB with the model last, permitted, 16 connections", 16, True, True,
    (PLAIN, LUA, RBAC, AUTHZ, OURS),
)  # fmt: skip
SINGLE = Load(
    "527 B, permitted, 1 connection", 1, True, False, (PLAIN, LUA, RBAC, AUTHZ, OURS, NO_FSYNC)
)
SMALL_FRESH = Load(
    "527 B, permitted, 64 connections, each with an id and a text of its own", 64, True, False,
    (PLAIN, OURS), fresh=True,
)  # fmt: skip
REFUSED_FRESH = Load(
    "527 B, refused, 64 connections, each with an id and a text of its own", 64, False, False,
    (RBAC, OURS), fresh=True,
)  # fmt: skip
LOADS = (SMALL, SMALL_FRESH, REFUSED, REFUSED_FRESH, LARGE, SINGLE)


@dataclass(frozen=True, slots=True)
class Measured:
    """One round of one server under one load."""

    answered: wrk.Answered
    cpu_us: float
    """Processor time of the server's processes for each request."""
    opened: float
    """Connections to the upstream that were opened for each request, after the first few: one for
    each connection of a client is allowed, since idle ones are closed between the rounds."""
    wrong: int
    """Answers that should have been others, and requests without one."""
    fsync_ms: float | None


Found = dict[tuple[Load, str], list[Measured]]
