"""What a gateway is told when it starts; somebody else reads the settings file."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bailiwick.errors import InvalidInput, Problem

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BASE_URL = re.compile(r"https?://[^\s/?#@\\]+(/[^\s/?#]+)*")

MIB = 1024 * 1024
MEMORY = "memory://"
DIALECTS = frozenset({"anthropic", "openai"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request, and all of them together, may take of a worker."""

    body_bytes: int = 32 * MIB
    """Largest request body."""
    header_bytes: int = 64 * 1024
    """Request line and headers together, about; the server answers 431 beyond. At least 8192."""
    json_depth: int = 64
    """How deep objects and arrays may nest."""
    json_items: int = 500_000
    """How many values a body above 1 MiB may hold, so that parsing it cannot fill the memory."""
    concurrency: int = 2048
    """Requests that one worker has in hand at a time; 503 beyond."""
    connections: int = 16384
    """Connections that one worker keeps open; more wait to be accepted."""
    response_bytes: int = 64 * MIB
    """Largest answer of an upstream that is not a stream."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each step may take, in seconds."""

    header_s: float = 10.0
    """From connecting, or from the last response, to the end of the next request's headers."""
    body_s: float = 30.0
    """Between two chunks of a request body, and for a body that trickles (see below)."""
    body_bytes_per_s: int = 1024
    """A body has ``body_s`` and one second more for each so many bytes that have come."""
    judging_s: float = 5.0
    """To decide and to make the record durable."""
    connect_s: float = 5.0
    """To connect to an upstream."""
    first_byte_s: float = 600.0
    """From sending a request to an upstream to its answer: without streaming, the whole of it."""
    idle_s: float = 120.0
    """Between two chunks of a streamed answer."""
    stop_s: int = 30
    """How long requests in hand may still run after the gateway is told to stop."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server that answers for some models. Nothing is ever sent anywhere else."""

    name: str
    base_url: str
    """``https://HOST``, or with what stands in front of ``/v1``; no slash at the end."""
    dialects: frozenset[str]
    """Of ``anthropic`` and ``openai``, those that it speaks."""
    models: Mapping[str, str]
    """Catalogue id to the name that the upstream has for it. ``provider/*`` stands for every model
    of a provider, and ``*`` in the name for the part behind the provider."""
    key: str | None = field(default=None, repr=False)
    """The operator's key at the upstream."""
    key_header: str = "x-api-key"
    """``x-api-key``, ``authorization`` (as a bearer token) or any other header."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request."""
    authorities: str | None = field(default=None, repr=False)
    """PEM certificates of the authorities to trust for ``https``; default: the system's."""
    fields: Mapping[str, object] = field(default_factory=dict)
    """Set in every body, whatever the caller says (such as where inference may run)."""

    def name_of(self, model: str) -> str | None:
        """Find this upstream's name for a catalogue id; ``None``: it does not serve the model."""
        exact = self.models.get(model)
        if exact is not None:
            return exact.replace("*", model.partition("/")[2])
        provider, _, rest = model.partition("/")
        pattern = self.models.get(f"{provider}/*")
        return None if pattern is None else pattern.replace("*", rest)


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate and key files of the gateway's own listener."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Everything a gateway needs to know about itself. Picklable: workers are processes."""

    upstreams: tuple[Upstream, ...]
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    admin_host: str = "127.0.0.1"
    admin_port: int | None = 9090
    """Port of ``/healthz``, ``/readyz`` and ``/metrics``; ``None``: no admin listener."""
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    quota_storage: str = MEMORY
    """Where quotas are counted: ``memory://`` or ``redis://HOST:PORT/DB`` (Valkey or Redis)."""
    tls: Tls | None = None
    balancers: tuple[str, ...] = ()
    """Blocks of the layer 4 balancers that say whose a connection is; none: nobody says it."""
    state_directory: str | None = None
    """Where workers leave metrics and status for the admin listener; default: a temporary one."""

    def problems(self) -> list[Problem]:
        """Find everything that would keep these options from working."""
        return [
            *_worker_problems(self),
            *(problem for upstream in self.upstreams for problem in _upstream_problems(upstream)),
            *_repeated(self.upstreams),
        ]

    def check(self) -> None:
        """Refuse options that cannot work, with all of their problems."""
        if problems := self.problems():
            raise InvalidInput(problems)


def _worker_problems(options: GatewayOptions) -> list[Problem]:
    problems = []
    if options.workers < 1:
        problems.append(Problem(f"`workers: {options.workers}` is not a number of processes"))
    if options.workers > 1 and options.quota_storage == MEMORY:
        problems.append(
            Problem(
                f"{options.workers} workers cannot count quotas in memory",
                "name a Valkey or Redis server as `quotas: redis://HOST:PORT/0`, or use one worker",
            )
        )
    if not options.upstreams:
        problems.append(Problem("no upstream is named", "list at least one under `upstreams`"))
    return problems


def _is_base_url(text: str) -> bool:
    try:
        port = urlsplit(text).port
    except ValueError:
        return False
    return port != 0 and text.isascii() and _BASE_URL.fullmatch(text) is not None


def _is_plain(value: str) -> bool:
    return value.isascii() and (value.isprintable() or not value)


def _upstream_problems(upstream: Upstream) -> list[Problem]:
    where = f"upstream `{upstream.name}`"
    problems = []
    if not _is_base_url(upstream.base_url):
        hint = "write `https://HOST`, without a name, query or slash at the end"
        problems.append(Problem(f"{where}: `{upstream.base_url}` is not a base URL", hint))
    if not upstream.dialects or upstream.dialects - DIALECTS:
        spoken = ", ".join(sorted(upstream.dialects)) or "none"
        problems.append(Problem(f"{where}: dialects `{spoken}`", "use `anthropic` or `openai`"))
    given = (("key", upstream.key or ""), (upstream.key_header, ""), *upstream.headers)
    if any(not (_TOKEN.fullmatch(name) and _is_plain(value)) for name, value in given):
        hint = "names are tokens, values printable ASCII"
        problems.append(Problem(f"{where}: its key or a header cannot be sent", hint))
    if upstream.authorities is not None:
        problems += _authority_problems(where, upstream.base_url, upstream.authorities)
    if not upstream.models:
        problems.append(Problem(f"{where} serves no model", "list its models, or `provider/*`"))
    return problems


def _authority_problems(where: str, base_url: str, authorities: str) -> list[Problem]:
    if not base_url.startswith("https:"):
        hint = "write `https://HOST`, or leave the authorities out"
        return [Problem(f"{where}: no certificate is asked for over plain HTTP", hint)]
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError):
        return [Problem(f"{where}: its authorities are no certificates", "name a PEM file")]
    return []


def _repeated(upstreams: tuple[Upstream, ...]) -> list[Problem]:
    names = [upstream.name for upstream in upstreams]
    return [
        Problem(f"two upstreams are called `{name}`")
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
