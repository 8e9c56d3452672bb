"""What an operator says about locating clients. Paths are relative to the settings file.

Ages are written ``45d``, ``12h`` or ``30m``.
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bailiwick.errors import InvalidInput
from bailiwick.location.addresses import Nat64Prefix, pack
from bailiwick.location.client import TrustedProxies
from bailiwick.location.lists import LIST_KINDS
from bailiwick.places import canonical

_AGE = re.compile(r"([1-9][0-9]{0,4})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_HEADER = re.compile(r"[a-z0-9-]+")


def _age(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _AGE.fullmatch(value)
    if match is None:
        raise ValueError("an age is written like `45d`, `12h` or `30m`")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


Age = Annotated[timedelta, BeforeValidator(_age), Field(gt=timedelta(0))]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _File(_Value):
    name: str | None = None
    """How records and reports call the source. Default: the file's name."""
    path: str | None = None
    sha256: Sha256 | None = None
    """Digest that the file must have."""
    probes: tuple[tuple[str, str], ...] = ()
    """Addresses and the place (or network class) that each must give, or the file is refused."""
    max_age: Age | None = None
    """Older data say nothing."""

    @model_validator(mode="before")
    @classmethod
    def _probes_as_mapping(cls, value: Any) -> Any:
        """Let people write probes as a mapping: address to what it must give."""
        if isinstance(value, dict) and isinstance(value.get("probes"), dict):
            return {**value, "probes": tuple(value["probes"].items())}
        return value

    @model_validator(mode="after")
    def _check_probes(self) -> Any:
        for address, _ in self.probes:
            if pack(address) is None:
                raise ValueError(f"probe `{address}` is not an IP address")
        return self


class LocatedSource(_File):
    """A source that says where addresses are used."""

    kind: Literal["embedded", "mmdb", "imported", "geofeed"]
    stale_after: Age = timedelta(days=45)
    """Older data are used with a warning."""

    @model_validator(mode="after")
    def _check(self) -> "LocatedSource":
        if (self.path is None) != (self.kind == "embedded"):
            raise ValueError("every source has a `path`, except the embedded one, which has none")
        for _, place in self.probes:
            if canonical(place) is None:
                raise ValueError(f"probe: `{place}` is not a place")
        return self


class AnonymizerSource(_File):
    """A source that says what kind of network an address belongs to."""

    kind: Literal[
        "mmdb", "imported", "tor_exits", "cidr_list", "private_relay", "geofeed",
        "aws", "gcp", "azure", "cloudflare", "digitalocean",
    ]  # fmt: skip
    path: str
    network: Literal["tor", "residential_proxy", "proxy", "vpn", "relay", "hosting"] | None = None
    """Class of everything on a list; each kind of list has its own default."""
    min_confidence: Annotated[int, Field(ge=1, le=99)] = 1
    """Entries that their source is less sure of are ignored (sources that give a confidence)."""

    @model_validator(mode="after")
    def _check(self) -> "AnonymizerSource":
        if self.kind == "geofeed" and self.network is None:
            raise ValueError("a geofeed among the anonymizers needs `network`")
        if self.network and self.kind not in LIST_KINDS:
            raise ValueError("`network` is for lists; a database says the class itself")
        if self.min_confidence > 1 and self.kind != "mmdb":
            raise ValueError("`min_confidence` is for databases; an import takes it as an option")
        return self


class LocationSettings(_Value):
    """Everything this room can be told."""

    located: tuple[LocatedSource, ...] = (LocatedSource(kind="embedded"),)
    """Where addresses are used. Sources that disagree give candidates, decided one by one."""
    subdivisions: tuple[LocatedSource, ...] = ()
    """City databases. Each must name subdivisions, and is a located source as well."""
    anonymizers: tuple[AnonymizerSource, ...] = ()
    holder: Literal["iptocc", "none"] = "iptocc"
    nat64_prefixes: tuple[str, ...] = ()
    """Prefixes of your own translators (RFC 6052), beside 64:ff9b::/96."""
    trusted_proxies: tuple[str, ...] = ()
    """Blocks whose ``client_address_header`` is believed. None: the peer is the client."""
    client_address_header: str = "x-forwarded-for"
    """The one header that the trusted proxies write."""
    cache_size: Annotated[int, Field(ge=0, le=1_000_000)] = 8192
    """Addresses whose answer is remembered."""

    @model_validator(mode="after")
    def _check(self) -> "LocationSettings":
        if not self.located:
            raise ValueError("`located` needs at least one source")
        if not _HEADER.fullmatch(self.client_address_header):
            raise ValueError("`client_address_header` is one header name in lower case")
        try:
            TrustedProxies.read(self.trusted_proxies)
            self.nat64()
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return self

    def trusted(self) -> TrustedProxies:
        """Read the trusted proxies."""
        return TrustedProxies.read(self.trusted_proxies)

    def nat64(self) -> tuple[Nat64Prefix, ...]:
        """Read the NAT64 prefixes."""
        return tuple(map(Nat64Prefix.read, self.nat64_prefixes))
