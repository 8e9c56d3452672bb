"""Every setting of a gateway: its type, its default and what it is for.

``docs/settings.md`` lists the same keys with the same defaults; a test compares them. Sections
that other rooms describe (``location``) are used as they are there.
"""

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from bailiwick.errors import InvalidInput
from bailiwick.location import LocationSettings, TrustedProxies
from bailiwick.settings.kinds import (
    Count,
    Duration,
    FilePath,
    Flag,
    Lapse,
    Name,
    PlaceCode,
    Port,
    Size,
)


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True
    )


def written(text: str, **more: Any) -> Any:
    """Give a default as the file would write it."""
    return Field(default=text, **more)


def section() -> Any:
    """Let a section that is left out have its defaults."""
    return Field(default_factory=dict)


class TlsSettings(_Section):
    """Certificate of the gateway's own listener."""

    certificate: FilePath
    """PEM file with the certificate and its chain."""
    key: FilePath
    """PEM file with the private key, not encrypted."""


class ListenSettings(_Section):
    """Where requests come in."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 8080
    """Port to listen on."""
    workers: Count = 1
    """Processes that answer. More than one needs `quotas.storage` on a server."""
    tls: TlsSettings | None = None
    """Serve HTTPS with this certificate; without it, HTTP."""
    proxy_protocol: tuple[str, ...] = ()
    """Blocks of layer 4 balancers; each connection must come from one and begin with its header."""

    @model_validator(mode="after")
    def _check(self) -> "ListenSettings":
        try:
            TrustedProxies.read(self.proxy_protocol)
        except InvalidInput as error:
            raise ValueError(str(error)) from error
        return self


class AdminSettings(_Section):
    """Where health checks and metrics are answered."""

    enabled: Flag = True
    """Whether there is an admin listener."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 9090
    """Port to listen on."""
    exposed: Flag = False
    """Allow an address that is not loopback: everybody who reaches it reads health and metrics."""

    @model_validator(mode="after")
    def _check(self) -> "AdminSettings":
        if not self.exposed and not _is_loopback(self.host):
            raise ValueError(
                f"the admin listener would be open to others at `{self.host}`; "
                "listen on 127.0.0.1, or say `exposed: true`"
            )
        return self


class LimitSettings(_Section):
    """How much one request, and all of them together, may take of a worker."""

    body: Size = written("32MiB")
    """Largest request body; 413 beyond."""
    header_bytes: Size = written("64KiB", ge=8192)
    """Request line and headers together; 431 beyond. At least 8KiB."""
    depth: Count = Field(default=64, le=256)
    """How deep objects and arrays of a body may nest; 400 beyond."""
    values: Count = 500_000
    """How many values a body above 1 MiB may hold; 400 beyond."""
    response: Size = written("64MiB")
    """Largest answer of an upstream that is not a stream; 502 beyond."""
    concurrency: Count = 2048
    """Requests that one worker has in hand at a time; 503 beyond."""
    connections: Count = 16_384
    """Connections that one worker keeps open; more wait to be accepted."""


class TimeoutSettings(_Section):
    """How long each step may take."""

    header: Duration = written("10s")
    """From connecting, or from the last response, to the end of a request's headers."""
    body: Duration = written("30s")
    """Between two chunks of a request body."""
    body_rate: Size = written("1KiB")
    """Bytes a second that a long body must keep up on average."""
    judging: Duration = written("5s")
    """To decide and to make the record durable."""
    connect: Duration = written("5s")
    """To connect to an upstream."""
    first_byte: Duration = written("10m")
    """From sending a request to an upstream to its answer; without streaming, the whole of it."""
    idle: Duration = written("2m")
    """Between two chunks of a streamed answer."""
    stop: Duration = written("30s")
    """How long requests in hand may still run after the gateway is told to stop."""


class KeySettings(_Section):
    """Where a secret is found. It is never written into the settings."""

    env: str | None = None
    """Name of the environment variable that holds it."""
    file: FilePath | None = None
    """File that holds it."""

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(
                "a key is not written into the settings; name a variable (`{env: NAME}`) "
                "or a file (`{file: PATH}`)"
            )
        return value

    @model_validator(mode="after")
    def _one(self) -> "KeySettings":
        if (self.env is None) == (self.file is None):
            raise ValueError("name either `env` or `file`")
        return self


class SmtpSettings(_Section):
    """A mail server that takes notices."""

    host: str
    """Name of the server."""
    port: Port = 587
    """Its port."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected; `none` only on loopback."""
    sender: str
    """Address that notices come from."""
    user: str | None = None
    """Name to log in with; without it, none."""
    password: KeySettings | None = None
    """Password to log in with."""


class WebhookSettings(_Section):
    """A server of the operator's that takes notices."""

    url: str = Field(pattern=r"^https?://[!-~]+$")
    """Where notices are posted."""
    secret: KeySettings
    """Secret that signs them."""


class NoticeSettings(_Section):
    """How notices leave; name one of the three."""

    folder: FilePath | None = None
    """Folder that gets one file for each notice."""
    smtp: SmtpSettings | None = None
    """Mail server."""
    webhook: WebhookSettings | None = None
    """Webhook."""

    @model_validator(mode="after")
    def _one(self) -> "NoticeSettings":
        if sum(one is not None for one in (self.folder, self.smtp, self.webhook)) != 1:
            raise ValueError("name one of `folder`, `smtp` and `webhook`")
        return self


class AccountSettings(_Section):
    """Who stands behind the keys."""

    database: str = "accounts.db"
    """SQLite file, or an SQLAlchemy URL without a password (use the driver's password file)."""
    secret: FilePath = written("accounts.secret")
    """File with the secret that keys are digested with. Back it up with the database."""
    poll: Duration = written("500ms")
    """How often changes of accounts are looked for even if the database tells of none."""
    max_stale: Duration = written("15m")
    """How long permissions rest on the last snapshot while the database is down."""
    anonymous: Flag = False
    """Judge requests that present no key, as nobody's (`status: none`)."""
    sweep: Duration = written("1m")
    """How often findings are judged and clocks of reviews move on, by one worker of all."""
    appeal_link: str | None = Field(default=None, pattern=r"^https?://[!-~]*\{token\}[!-~]*$")
    """URL of the appeal page, with `{token}` in it; without it, notices give the token alone."""
    notices: NoticeSettings | None = None
    """How notices leave; without it they wait, and nothing is suspended that needs one."""

    @property
    def url(self) -> str:
        """The database as an SQLAlchemy URL."""
        return self.database

    @field_validator("database")
    @classmethod
    def _as_url(cls, text: str, info: ValidationInfo) -> str:
        base = (info.context or {}).get("base", Path())
        scheme, found, rest = text.partition("://")
        if not found:
            return f"sqlite:///{Path(base) / Path(text).expanduser()}"
        if scheme.startswith("sqlite"):
            return f"{scheme}:///{Path(base) / rest.removeprefix('/')}"
        if ":" in rest.partition("/")[0].rpartition("@")[0]:
            raise ValueError("the URL holds a password; leave it to the driver's password file")
        return text


class AuditSettings(_Section):
    """How records are kept."""

    directory: FilePath = written("audit")
    """Folder of the segments. Its disk decides how fast permits are."""
    node: Name = "gateway"
    """Name of this machine in records; each worker adds its number."""
    origin: Name = "bailiwick"
    """Name of this installation in checkpoints."""
    keys: FilePath | None = None
    """Folder of the signing keys; default: `keys` in `directory`."""
    pseudonyms: FilePath | None = None
    """Folder of the keys that stand in for addresses; default: `pseudonyms` in `directory`."""
    pseudonym_period: Literal["day", "month", "year"] = "month"
    """How often the key that stands in for addresses changes."""
    outside: tuple[FilePath, ...] = ()
    """Folders, best on other machines, that get each signed checkpoint."""
    raw_retention: Lapse = written("0s")
    """How long raw addresses are kept, apart from the records and erasable. Whole days."""
    queue: Count = Field(default=8192, ge=64)
    """Records that may wait to be written; beyond that, controlled models answer 503."""
    segment: Size = written("64MiB")
    """Size at which a new segment begins."""
    checkpoint_every: Duration = written("1m")
    """How often a checkpoint is signed."""
    fsync: Flag = True
    """Wait for the disk. `false` forfeits every promise; it is for measuring."""


class UpstreamSettings(_Section):
    """A server that answers for some models."""

    name: Name
    """How records, metrics and messages call it."""
    base_url: str
    """`https://HOST`, or with what stands in front of `/v1`; no slash at the end."""
    dialects: tuple[Literal["anthropic", "openai"], ...]
    """The dialects that it speaks."""
    models: dict[str, str]
    """Catalogue id to the upstream's name for it. `provider/*` is every model of a provider, and
    `*` in the name the part behind the provider."""
    key: KeySettings | None = None
    """The operator's key at the upstream."""
    key_header: str = Field(default="x-api-key", pattern=r"^[a-z0-9-]+$")
    """Header that carries it; `authorization` sends it as a bearer token."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request."""
    certificates: FilePath | None = None
    """PEM file of the authorities to trust for `https`, read at the start; default: the
    system's."""
    fields: dict[str, Any] = Field(default_factory=dict)
    """Set in every body, as text, whatever the caller says."""
    processing: tuple[PlaceCode, ...] = ()
    """Every place where inference may run; none named: unknown."""
    egress: PlaceCode | None = None
    """Place from which this gateway reaches it; default: unknown."""
    endpoint: PlaceCode | None = None
    """Place of the endpoint called; default: unknown."""


class QuotaSettings(_Section):
    """Where quotas are counted."""

    storage: str = Field(default="memory://", pattern=r"^(memory://|rediss?://.+)$")
    """`memory://` for one worker, or `redis://HOST:PORT/DB` (Valkey or Redis)."""


class ReloadSettings(_Section):
    """How changed files are noticed."""

    interval: Duration = written("2s")
    """How often the policy, catalogue, location and settings files are looked at."""
    settle: Lapse = written("500ms")
    """How long a changed file must have been left alone before it is read."""


class LoggingSettings(_Section):
    """What the gateway tells its operator. Records of decisions are not here but in the audit."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least important message that is written."""
    format: Literal["text", "json"] = "text"
    """One line of text, or one JSON object, for each message; to standard error."""


class ServiceTlsSettings(TlsSettings):
    """Certificate of the service's listener."""

    client_ca: FilePath | None = None
    """PEM file of the authorities whose certificates askers must present (mutual TLS)."""


class AskerSettings(_Section):
    """Somebody who may ask the decision service."""

    name: Name
    """How records, metrics and messages call it."""
    token_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Digest of its token, as `bailiwick service-token` prints it; none: its certificate is
    enough, which needs `service.tls.client_ca`."""
    says: tuple[Literal["address", "evidence", "model"], ...] = ("address",)
    """What its word is taken for: the client's address, facts about accounts and clouds, the model,
    features and action of a request whose body it does not show."""
    address_header: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")
    """Header in which it names the client's address; default: `location.client_address_header`."""
    keys: Literal["ours", "others"] = "ours"
    """Whose the API keys of its requests are. `others`: they are a provider's and are not looked
    at; requests are then nobody's, which needs `accounts.anonymous`."""
    keeps: tuple[Literal["max_output_tokens", "token_quotas"], ...] = ()
    """Obligations that it sees to itself; without, requests that need them are refused."""


class ServiceSettings(_Section):
    """The decision service, `bailiwick service`."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 8181
    """Port of AuthZEN, `/check` and `/forward`."""
    grpc_port: Port | None = None
    """Port of Envoy's external authorization over gRPC; none: not served."""
    workers: Count = 1
    """Processes that answer. More than one needs `quotas.storage` on a server."""
    tls: ServiceTlsSettings | None = None
    """Serve HTTPS with this certificate; without it, HTTP."""
    url: str = Field(default="", pattern=r"^(https?://[^\s/?#]+)?$")
    """How askers reach it, for AuthZEN's metadata; empty: as they did."""
    askers: tuple[AskerSettings, ...] = ()
    """Who may ask. Nobody else gets an answer."""
    mounted: Flag = False
    """Answer from the gateway's own workers (`bailiwick serve`), with their pipeline, records and
    quotas; `bailiwick service` does not run then, and `workers` are the gateway's."""
    most_evaluations: Count = 1000
    """AuthZEN evaluations in one request; 413 beyond."""
    admin_port: Port = 9091
    """Port of health, readiness and metrics, on `admin.host`."""


class OidcSettings(_Section):
    """An identity provider whose id tokens are taken for a login."""

    issuer: str = Field(pattern=r"^https?://[!-~]+$")
    """The `iss` of its tokens, letter by letter."""
    audience: str
    """The `aud` of tokens that are meant for this console."""
    jwks: str
    """Its keys: a file, or an `https://` URL."""
    name_claim: str = "sub"
    """Claim with the person's name in the history. One that people cannot change themselves."""
    role_claim: str = "roles"
    """Claim with a person's groups or roles, one or a list."""
    roles: dict[str, Literal["viewer", "reviewer", "approver", "admin"]]
    """What each value of that claim may do here; of several, the most."""

    @field_validator("jwks")
    @classmethod
    def _beside(cls, text: str, info: ValidationInfo) -> str:
        if text.startswith(("http://127.0.0.1", "http://[::1]", "https://")):
            return text
        if "://" in text:
            raise ValueError("keys that come over plain HTTP can be anybody's; use https")
        return str(Path((info.context or {}).get("base", Path())) / Path(text).expanduser())


class ConsoleListenSettings(_Section):
    """Where the admin API listens."""

    host: str = "127.0.0.1"
    """Address to listen on; other than loopback only with `tls`."""
    port: Port = 9092
    """Port to listen on."""
    tls: TlsSettings | None = None
    """Serve HTTPS with this certificate; without it, HTTP."""


class ConsoleSettings(_Section):
    """The admin API, `bailiwick console`."""

    listen: ConsoleListenSettings = section()
    users: FilePath | None = None
    """File of the people who log in with a password (`bailiwick console user`)."""
    oidc: OidcSettings | None = None
    """Identity provider of the people who log in elsewhere."""
    origin: str | None = Field(default=None, pattern=r"^https?://[^\s/?#]+$")
    """Origin of a page that may call it from a browser; requests of any other are refused."""
    idle: Duration = written("30m")
    """After which time without a request a session ends."""
    longest: Duration = written("12h")
    """After which time a session ends, whatever it does."""


class AppealListenSettings(_Section):
    """Where the public appeal page listens."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 9093
    """Port to listen on."""
    tls: TlsSettings | None = None
    """Serve HTTPS with this certificate; without it, HTTP, for a proxy on the same machine."""


class AppealSettings(_Section):
    """The public appeal page, `bailiwick appeals`."""

    listen: AppealListenSettings = section()
    reads_per_minute: Count = 60
    """How often one address may look at appeals; 429 beyond. See `location.trusted_proxies`."""
    writes_per_hour: Count = 20
    """How often one address may submit; 429 beyond. Counted for all appeal pages on one account
    database together, and a restart forgets nothing."""


class ReceiverListenSettings(_Section):
    """Where webhooks are received."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 9094
    """Port to listen on."""
    tls: TlsSettings | None = None
    """Serve HTTPS with this certificate; without it, HTTP, for a proxy on the same machine."""


class SenderSettings(_Section):
    """A system that sends CloudEvents, signed as Standard Webhooks."""

    secrets: tuple[KeySettings, ...] = Field(min_length=1)
    """Its signing secrets; all of them are good."""
    best_tier: Literal["T1", "T2", "T3", "T4"] = "T3"
    """The best tier that its evidence can have."""


class ReceiverSettings(_Section):
    """Evidence that other systems send, `bailiwick webhooks`."""

    listen: ReceiverListenSettings = section()
    stripe: tuple[KeySettings, ...] = ()
    """Signing secrets of Stripe's endpoint; all of them are good. Without any it is not there."""
    senders: dict[str, SenderSettings] = Field(default_factory=dict)
    """Other systems, by name: each sends to `/webhooks/events/NAME`."""


class SignalSettings(_Section):
    """When signs of shadow access are given, `bailiwick signals find`."""

    countries_a_day: Count = Field(default=4, ge=2)
    """Countries of eyeball networks on one day, for one key."""
    days_a_week: Count = Field(default=2, le=7)
    """On so many of seven days they are reviewed."""
    window: Duration = written("10m")
    """Uses within one window count as simultaneous."""
    uses_a_place: Count = 2
    """So many from each of two places make them simultaneous, or a journey."""
    apart: Count = 500
    """Kilometres; places that may be nearer are never apart."""
    windows_a_day: Count = 3
    """Windows of one day with simultaneous uses from places that are apart."""
    travel_speed: Count = 1000
    """Kilometres an hour that nobody exceeds."""
    travel_learning: Duration = written("14d")
    """How long a key's places are only learned. Whole days."""
    travel_days: Count = Field(default=3, le=7)
    """Days of seven with an impossible journey that make a review; before, it informs."""
    anonymizer_share: float = Field(default=0.8, gt=0, lt=1)
    """More than this share of a week's uses through anonymizers stands out."""
    anonymizer_uses: Count = 200
    """Least uses of a week of which a share is taken."""
    shared_accounts: Count = Field(default=5, ge=2)
    """Accounts of different organisations with links in common on one day that make a cluster."""
    shared_days: Count = Field(default=3, le=7)
    """On so many days, for links that are seen in use."""
    shared_cards: Count = Field(default=3, ge=2)
    """Accounts of different organisations with one card or payer that make a cluster."""
    alike: float = Field(default=0.6, gt=0, le=1)
    """Share of their active ten minutes that accounts have in common who are active together."""
    mute: Duration = written("90d")
    """How long what a reviewer has cleared is not raised again of the same account. A sign keeps
    what was set when it was raised."""
    most_keys: Count = 200_000
    """Keys and accounts that are remembered; the ones that are idle longest are forgotten."""
    most_links: Count = 200_000
    """Links of one kind that are remembered of one day."""

    @field_validator("travel_learning")
    @classmethod
    def _days(cls, value: timedelta) -> timedelta:
        if value % timedelta(days=1):
            raise ValueError("write whole days, such as 14d")
        return value

    @field_validator("window")
    @classmethod
    def _part_of_a_day(cls, value: timedelta) -> timedelta:
        if not timedelta(seconds=60) <= value <= timedelta(hours=6):
            raise ValueError("write between 1m and 6h")
        return value


class Settings(_Section):
    """The settings file of a gateway."""

    policy: FilePath
    """The policy file."""
    catalog: tuple[FilePath, ...] = ()
    """Files that extend the built-in catalogue of models, in order."""
    shadow: FilePath | None = None
    """A policy that judges every request beside `policy` and decides nothing: records say where it
    would answer otherwise."""
    listen: ListenSettings = section()
    admin: AdminSettings = section()
    limits: LimitSettings = section()
    timeouts: TimeoutSettings = section()
    location: LocationSettings = LocationSettings()
    accounts: AccountSettings = section()
    audit: AuditSettings = section()
    upstreams: tuple[UpstreamSettings, ...] = ()
    quotas: QuotaSettings = section()
    reload: ReloadSettings = section()
    logging: LoggingSettings = section()
    service: ServiceSettings = section()
    console: ConsoleSettings = section()
    appeals: AppealSettings = section()
    webhooks: ReceiverSettings = section()
    signals: SignalSettings = section()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
