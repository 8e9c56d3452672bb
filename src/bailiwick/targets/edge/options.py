"""What an operator says of an edge when its configuration is compiled."""

from dataclasses import dataclass

MIB = 1 << 20
READ_BYTES = 65_536
"""Bodies up to about this are read by the edge itself; larger ones cost less in the service."""
MODEL_HEADERS = ("x-model", "x-forwarded-model")
"""Headers of which the edge knows that they name a model."""
MODELS_PATH = "/v1/models/"


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """Where things listen, and who is believed."""

    listen: str = "0.0.0.0:8000"
    upstream: str = "127.0.0.1:9000"
    """HOST:PORT of what answers permitted requests."""
    service: str = "127.0.0.1:8181"
    """HOST:PORT of the decision service; empty: nobody is asked, the edge is an outer fence."""
    selftest: str = "127.0.0.1:8009"
    """A listener on loopback with the same rules that forwards nothing, for the self-test."""
    trusted: tuple[str, ...] = ()
    """Blocks of proxies of yours in front; their ``x-forwarded-for`` is believed."""
    token_file: str = "bailiwick.token"  # noqa: S105 - the name of a file
    """File with the token of this edge."""
    token: str = ""
    """Its content, where the configuration must hold it (Envoy)."""
    body_bytes: int = 8 * MIB
    """Largest body that is held and sent to the service; larger ones are refused."""
    patience_s: int = 5
    """How long the service may take."""
    folder: str = "."
    """Where the files will lie on the edge."""
    actions: tuple[tuple[str, str], ...] = ()
    """Paths of the operator's own and the actions that they stand for (nginx)."""
    models: bool = True
    """Refuse models natively where they are named in a way that the edge can read cheaply."""
    log: bool = True
    """Log what the edge refuses by itself, a line for each."""


def split(address: str) -> tuple[str, int]:
    """Split HOST:PORT."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
