import pickle
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from gateway_process import GatewayProcess

from authority import Authority
from bailiwick.errors import InvalidInput
from bailiwick.gateway import GatewayOptions, Upstream, serving

UPSTREAM = Upstream(
    "main", "https://api.example.com", frozenset({"anthropic"}), {"anthropic/*": "*"}, "secret-key"
)
OPTIONS = GatewayOptions((UPSTREAM,))


def test_good_options_are_accepted() -> None:
    for url in ("http://127.0.0.1:9", "https://api.example.com/some/path", "https://[::1]:8443"):
        GatewayOptions((replace(UPSTREAM, base_url=url),)).check()


@pytest.mark.parametrize(
    "url",
    [
        "", "api.example.com", "ftp://api.example.com", "https://", "https://api.example.com/",
        "https://user:secret@api.example.com", "https://api.example.com?a=b", "https://api.example.com#a",
        "file:///etc/passwd", "javascript:alert(1)", "//api.example.com",
        "http://api.example.com:99999", "https://api.example.com/a b",
        "https://api.example.com\r\nx: y",
    ],
)  # fmt: skip
def test_an_upstream_is_a_plain_base_url(url: str) -> None:
    with pytest.raises(InvalidInput, match="is not a base URL"):
        GatewayOptions((replace(UPSTREAM, base_url=url),)).check()


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "a\r\nx: y"}, {"key": "schl\u00fcssel"}, {"key_header": "x y"}, {"key_header": ""},
        {"headers": (("x-a", "b\r\nc: d"),)}, {"headers": (("x:a", "b"),)}, {"headers": (("", "b"),)},
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_sent_is_found(changed: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="cannot be sent"):
        GatewayOptions((replace(UPSTREAM, **changed),)).check()  # type: ignore[arg-type]


@pytest.mark.parametrize("pem", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_authorities_that_are_none_are_no_reason_to_trust_the_system_s(pem: str) -> None:
    with pytest.raises(InvalidInput, match="its authorities are no certificates"):
        GatewayOptions((replace(UPSTREAM, authorities=pem),)).check()


def test_authorities_are_not_named_for_plain_http(tmp_path: Path) -> None:
    pem = Authority(tmp_path).path.read_text()
    GatewayOptions((replace(UPSTREAM, authorities=pem),)).check()
    plain = replace(UPSTREAM, base_url="http://api.example.com", authorities=pem)

    with pytest.raises(InvalidInput, match="over plain HTTP"):
        GatewayOptions((plain,)).check()


def test_every_problem_is_told_at_once() -> None:
    bad = Upstream("main", "ftp://x", frozenset({"gopher"}), {})

    problems = GatewayOptions((UPSTREAM, bad), workers=2).problems()

    assert [problem.message for problem in problems] == [
        "2 workers cannot count quotas in memory",
        "upstream `main`: `ftp://x` is not a base URL",
        "upstream `main`: dialects `gopher`",
        "upstream `main` serves no model",
        "two upstreams are called `main`",
    ]
    assert GatewayOptions(()).problems()[0].message == "no upstream is named"
    assert GatewayOptions((UPSTREAM,), workers=0).problems()
    assert GatewayOptions((UPSTREAM,), workers=2, quota_storage="redis://h:1/0").problems() == []


def test_options_reach_a_worker_and_show_no_key() -> None:
    assert pickle.loads(pickle.dumps(OPTIONS)) == OPTIONS
    assert "secret-key" not in repr(OPTIONS)


@pytest.mark.parametrize(
    ("models", "name"),
    [
        ({"anthropic/*": "*"}, "claude-x"),
        ({"anthropic/*": "vendor.*-v1"}, "vendor.claude-x-v1"),
        ({"anthropic/claude-x": "exact", "anthropic/*": "*"}, "exact"),
        ({"anthropic/claude-x": "a/*"}, "a/claude-x"),
        ({"openai/*": "*"}, None),
        ({"anthropic/claude": "other"}, None),
        ({"*": "*"}, None),
    ],
)
def test_an_upstream_has_its_own_name_for_a_model(models: dict[str, str], name: str | None) -> None:
    assert replace(UPSTREAM, models=models).name_of("anthropic/claude-x") == name


def test_the_first_upstream_that_serves_a_model_in_a_dialect_is_used() -> None:
    second = replace(UPSTREAM, name="second", dialects=frozenset({"openai"}))
    third = replace(second, name="third")

    assert serving((UPSTREAM, second, third), "anthropic", "anthropic/a") is UPSTREAM
    assert serving((UPSTREAM, second, third), "openai", "anthropic/a") is second
    assert serving((UPSTREAM, second, third), "openai", "openai/a") is None


@pytest.mark.parametrize("which", ["port", "admin_port"])
def test_an_address_that_is_taken_is_told(
    which: str, start_gateway: Callable[..., GatewayProcess]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        gateway = start_gateway(**{which: port})

        assert gateway.process.wait(60) != 0
    assert (
        f"cannot listen on `127.0.0.1:{port}`: Address already in use" in gateway.output.read_text()
    )
