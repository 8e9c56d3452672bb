"""Reading a settings file: what it gives, and what it says when something is wrong."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from bailiwick.settings import Settings, default_settings, read_settings, settings_schema

FULL = """\
policy: policies/main.yaml
catalog: [models.yaml]
listen: {host: 0.0.0.0, port: 443, workers: 2, tls: {certificate: c.pem, key: k.pem}}
admin: {host: 192.0.2.1, port: 9091, exposed: true}
limits: {body: 1MiB, header_bytes: 8KiB, depth: 20}
timeouts: {header: 5s, first_byte: 1.5m}
location:
  located: [{kind: embedded}, {kind: mmdb, path: city.mmdb, max_age: 60d}]
  trusted_proxies: [192.0.2.0/24]
  client_address_header: x-real-ip
  nat64_prefixes: ["2001:db8:64::/96"]
accounts: {database: data/accounts.db, secret: /etc/bailiwick/secret, max_stale: 1h}
audit: {directory: audit, node: gw-1, outside: [/mnt/a, b], raw_retention: 30d, fsync: true}
upstreams:
  - name: one
    base_url: https://api.example.com
    dialects: [anthropic]
    models: {"anthropic/*": "*"}
    key: {env: ONE_KEY}
    fields: {inference_geo: us}
    processing: [US, UK]
    egress: US
    endpoint: US
quotas: {storage: "redis://127.0.0.1:6379/0"}
reload: {interval: 10s, settle: 0s}
logging: {level: warning, format: json}
"""


def read(text: str, base: str = "/srv/bailiwick") -> Settings:
    return read_settings(parse_document(text, "bailiwick.yaml"), Path(base))


def refused(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_full_file_is_read_with_its_types() -> None:
    settings = read(FULL)

    assert settings.limits.body == 1 << 20
    assert settings.timeouts.first_byte == timedelta(seconds=90)
    assert settings.accounts.max_stale == timedelta(hours=1)
    assert settings.audit.raw_retention == timedelta(days=30)
    assert settings.upstreams[0].processing == ("US", "GB")
    assert settings.location.located[1].max_age == timedelta(days=60)
    assert settings.listen.workers == 2


def test_paths_start_at_the_folder_of_the_file() -> None:
    settings = read(FULL)

    assert settings.policy == Path("/srv/bailiwick/policies/main.yaml")
    assert settings.catalog == (Path("/srv/bailiwick/models.yaml"),)
    assert settings.audit.outside == (Path("/mnt/a"), Path("/srv/bailiwick/b"))
    assert settings.accounts.secret == Path("/etc/bailiwick/secret")
    assert settings.accounts.database == "sqlite:////srv/bailiwick/data/accounts.db"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("accounts.db", "sqlite:////srv/bailiwick/accounts.db"),
        ("/data/accounts.db", "sqlite:////data/accounts.db"),
        ("sqlite:///accounts.db", "sqlite:////srv/bailiwick/accounts.db"),
        ("sqlite:////data/accounts.db", "sqlite:////data/accounts.db"),
        ("postgresql+psycopg://bw@db/accounts", "postgresql+psycopg://bw@db/accounts"),
    ],
)
def test_the_database_is_a_file_or_a_url(written: str, meant: str) -> None:
    assert read(f"policy: p.yaml\naccounts: {{database: '{written}'}}\n").accounts.database == meant


def test_everything_but_the_policy_has_a_default() -> None:
    settings = read("policy: p.yaml\n")

    assert settings.listen.host == settings.admin.host == "127.0.0.1"
    assert settings.limits.body == 32 << 20
    assert settings.timeouts.header == timedelta(seconds=10)
    assert settings.timeouts.body == timedelta(seconds=30)
    assert settings.accounts.anonymous is False
    assert settings.audit.fsync is True
    assert settings.audit.raw_retention == timedelta(0)


def test_default_settings_keep_everything_in_one_folder(tmp_path: Path) -> None:
    settings = default_settings(tmp_path, listen={"port": 0})

    assert settings.policy == tmp_path / "policy.yaml"
    assert settings.audit.directory == tmp_path / "audit"
    assert settings.accounts.database == f"sqlite:///{tmp_path}/accounts.db"
    assert settings.listen.port == 0


BAD: list[tuple[str, str, str]] = [
    ("polcy: p.yaml\n", "bailiwick.yaml:1:1: unknown key `polcy`", "did you mean `policy`?"),
    ("listen: {port: 1}\n", "bailiwick.yaml:1:1: missing key `policy`", ""),
    ("policy: p\nlisten: {prot: 1}\n", "2:10: unknown key `prot`", "did you mean `port`?"),
    ("policy: p\nlimits: {zzz: 1}\n", "unknown key `zzz`", "known are body, concurrency"),
    ("policy: p\nlisten: {port: 70000}\n", "2:16: `port`: must be less than or equal to 65535", ""),
    ("policy: p\nlisten: {port: ssh}\n", "`ssh` is not a whole number", ""),
    ("policy: p\nlisten: {workers: 0}\n", "`workers`: must be greater than 0", ""),
    ("policy: p\nlisten: 8080\n", "`listen` needs keys with values", ""),
    ("policy: [p]\n", "1:9: `policy` needs a path", ""),
    ("policy: p\ncatalog: c.yaml\n", "`catalog` needs a list", ""),
    (
        "policy: p\ntimeouts: {header: 10}\n",
        "`10` is not a duration",
        "write it as 500ms",
    ),
    ("policy: p\ntimeouts: {header: 0s}\n", "`header`: must be greater than 0", ""),
    ("policy: p\nlimits: {body: 32M}\n", "`32M` is not a size", "write it as 512B"),
    ("policy: p\nlimits: {header_bytes: 1KiB}\n", "greater than or equal to 8192", ""),
    ("policy: p\naudit: {fsync: yes}\n", "`yes` is neither `true` nor `false`", ""),
    ("policy: p\naudit: {node: a/b}\n", "2:15: `a/b` is not written as expected", ""),
    ("policy: p\nadmin: {host: 0.0.0.0}\n", "2:8: the admin listener", "listen on 127"),
    ("policy: p\nadmin: {host: example.com}\n", "the admin listener", "exposed: true"),
    ("policy: p\nlisten: {port: 9090}\n", "the same address and port", "different ports"),
    ("policy: p\nlisten: {workers: 3}\n", "2:19: 3 workers cannot count quotas in memory", "redis"),
    ("policy: p\nquotas: {storage: 'file://x'}\n", "`file://x` is not written as expected", ""),
    ("policy: p\nlogging: {level: loud}\n", "`loud` is not one of `debug`, `info`", ""),
    (
        "policy: p\nlocation: {trusted_proxies: [nonsense]}\n",
        "trusted proxy `nonsense` is not a block",
        "",
    ),
    (
        "policy: p\nlocation: {located: [{kind: mmbd}]}\n",
        "`mmbd` is not one of `embedded`, `mmdb`",
        "",
    ),
    (
        "policy: p\naccounts: {database: 'postgresql://a:secret@db/x'}\n",
        "the URL holds a password",
        "password file",
    ),
]
UPSTREAM = """\
policy: p
upstreams:
  - name: one
    base_url: https://api.example.com
    dialects: [anthropic]
    models: {"anthropic/*": "*"}
"""
BAD += [
    (UPSTREAM + "    key: sk-123\n", "7:10: a key is not written into the settings", "env"),
    (UPSTREAM + "    key: {}\n", "name either `env` or `file`", ""),
    (UPSTREAM + "    key: {env: A, file: b}\n", "name either `env` or `file`", ""),
    (UPSTREAM + "    egress: USA\n", "7:13: unknown place `USA`", "did you mean"),
    (UPSTREAM + "    processing: [US, EU]\n", "7:22: unknown place `EU`", ""),
    (UPSTREAM + UPSTREAM.partition("upstreams:\n")[2], "two upstreams are called `one`", "by name"),
    (
        UPSTREAM.replace("[anthropic]", "[claude]"),
        "`claude` is not one of `anthropic` or `openai`",
        "",
    ),
    ("policy: p\nupstreams: [{name: one}]\n", "2:13: missing key `base_url`", ""),
]


@pytest.mark.parametrize(("text", "message", "help_"), BAD)
def test_what_is_wrong_is_told_with_its_position_and_help(
    text: str, message: str, help_: str
) -> None:
    problems = refused(text)

    assert any(message in problem and help_ in problem for problem in problems), problems


def test_a_secret_is_not_repeated_in_the_message() -> None:
    assert "sk-123" not in "\n".join(refused(UPSTREAM + "    key: sk-123\n"))


def test_all_problems_are_told_at_once() -> None:
    problems = refused("listen: {prot: 1, port: x}\naudit: {fsync: 1}\nnonsense: 1\n")

    assert len(problems) == 5


@pytest.mark.parametrize("cut", range(0, len(FULL), 7))
def test_a_file_cut_anywhere_is_refused_or_still_names_a_policy(cut: int) -> None:
    """Half a file never becomes something else than settings or a clear refusal."""
    with suppress(InvalidInput):
        assert read(FULL[:cut]).policy.is_absolute()


def test_values_from_yaml_are_text_so_norway_stays_norway() -> None:
    settings = read(UPSTREAM + "    egress: NO\n")

    assert settings.upstreams[0].egress == "NO"


def test_the_published_schema_is_a_schema() -> None:
    schema = settings_schema()

    Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["policy"]


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings: Any = default_settings(tmp_path)

    with pytest.raises(ValueError, match="frozen"):
        settings.policy = tmp_path
