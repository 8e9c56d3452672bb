"""What a decision service is told when it starts; somebody else reads the settings file."""

from dataclasses import dataclass, field

from bailiwick.gateway import Limits, Timeouts

MEMORY = "memory://"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of the service's own listener."""

    certificate: str
    key: str
    client_ca: str | None = None
    """Only askers with a certificate of these authorities are listened to."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who may ask: another gateway, an application."""

    name: str
    """As records and messages call it."""
    digest: str | None = field(default=None, repr=False)
    """SHA-256 of its token, in hexadecimal; ``None``: its certificate is enough."""
    says: frozenset[str] = frozenset()
    """What its word is taken for: ``address``, ``evidence``."""
    address_header: str | None = None
    """The header in which it names the client's address; ``None``: the settings' for all."""
    own_keys: bool = True
    """Whether the API keys of its requests are ours; others are not looked at."""
    keeps: frozenset[str] = frozenset()
    """Obligations that it keeps by itself: ``max_output_tokens``, ``token_quotas``."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Everything a service needs to know about itself. Picklable: workers are processes."""

    askers: tuple[Asker, ...]
    host: str = "127.0.0.1"
    port: int = 8181
    grpc_port: int | None = None
    workers: int = 1
    tls: Tls | None = None
    url: str = ""
    """How askers reach it, for ``/.well-known/authzen-configuration``; default: as they did."""
    most_evaluations: int = 1000
    """In one request."""
    admin_host: str = "127.0.0.1"
    admin_port: int | None = 9091
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    quota_storage: str = MEMORY
    state_directory: str | None = None
    """Where workers leave metrics and status for the admin listener; default: a temporary one."""
