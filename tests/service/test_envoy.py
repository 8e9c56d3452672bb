"""A real Envoy asks over HTTP and over gRPC, and refuses when it gets no answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.envoy import EXT, Upstream, cluster, config, envoy, ports
from service.running import DE, ENVOY, OPUS, US, Answered, Running, free_port, running, send

BODY = {"max_request_bytes": 1 << 20, "allow_partial_message": False}


def over_http() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": f"{EXT}.http.ext_authz.v3.ExtAuthz",
            "failure_mode_allow": False,
            "transport_api_version": "V3",
            "with_request_body": BODY,
            "status_on_error": {"code": "ServiceUnavailable"},
            "allowed_headers": {"patterns": [{"exact": name} for name in ("x-api-key", "authorization", "x-bailiwick-address", "content-type")]},
            "http_service": {
                "path_prefix": "/check",
                "server_uri": {"uri": "http://bailiwick", "cluster": "authz", "timeout": "2s"},
                "authorization_request": {"headers_to_add": [{"key": "x-bailiwick-token", "value": ENVOY}]},
                "authorization_response": {"allowed_upstream_headers": {"patterns": [{"exact": "x-bailiwick-decision"}, {"exact": "x-moderation"}]}},
            },
        },
    }  # fmt: skip


def name_the_client() -> dict[str, Any]:
    """Name the client as Envoy sees it; whatever the client says of itself is overwritten."""
    named = {"key": "x-bailiwick-address", "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}
    append = {"header": named, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": f"{EXT}.http.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": [{"append": append}]},
        },
    }


def over_grpc() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": f"{EXT}.http.ext_authz.v3.ExtAuthz",
            "failure_mode_allow": False,
            "transport_api_version": "V3",
            "with_request_body": {**BODY, "pack_as_bytes": True},
            "status_on_error": {"code": "ServiceUnavailable"},
            "grpc_service": {
                "envoy_grpc": {"cluster_name": "authz"},
                "timeout": "2s",
                "initial_metadata": [{"key": "x-bailiwick-token", "value": ENVOY}],
            },
        },
    }


class Edge:
    """An Envoy that asks a service."""

    def __init__(self, port: int, service: Running) -> None:
        self.port, self.service = port, service

    def ask(
        self, address: str, key: str | None = None, model: str = OPUS, **headers: str
    ) -> Answered:
        raw = b'{"model":"%b","max_tokens":5,"messages":[]}' % model.encode()
        given = {"x-forwarded-for": address, "x-api-key": key or self.service.key,
                 "content-type": "application/json", **headers}  # fmt: skip
        return send(f"http://127.0.0.1:{self.port}/v1/messages", raw, given)


@pytest.fixture(scope="module", params=["http", "grpc"])
def edge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    folder = Path(tmp_path_factory.mktemp("edge"))
    grpc_port, (port, admin) = free_port(), ports()
    upstream = Upstream()
    with running(folder, grpc_port=grpc_port) as service:
        is_grpc = request.param == "grpc"
        filters = [name_the_client(), over_grpc() if is_grpc else over_http()]
        asked = cluster("authz", grpc_port if is_grpc else service.port, http2=is_grpc)
        with envoy(config(port, admin, upstream.port, filters, [asked]), folder, admin):
            yield Edge(port, service)
    upstream.close()


def test_envoy_forwards_what_is_permitted_with_the_policys_headers(edge: Edge) -> None:
    answer = edge.ask(US, **{"x-moderation": "none"})

    assert answer.status == 200
    seen = answer.json()["headers"]
    assert seen["x-moderation"] == "strict"
    assert seen["x-bailiwick-decision"].startswith("dec_")
    assert "x-bailiwick-token" not in seen


def test_envoy_refuses_in_the_callers_dialect(edge: Edge) -> None:
    answer = edge.ask(DE)

    assert answer.status == 403
    assert answer.json()["error"]["type"] == "permission_error"
    assert answer.headers["x-bailiwick-decision"].startswith("dec_")


def test_a_client_cannot_ask_with_a_token_of_its_own(edge: Edge) -> None:
    assert edge.ask(DE, **{"x-bailiwick-token": "mine"}).status == 403
    assert edge.ask(DE, **{"x-bailiwick-address": US}).status == 403
    assert edge.ask(US, key="bw_wrong").status == 401


def test_a_large_body_is_read_whole(edge: Edge) -> None:
    text = "x" * 400_000
    raw = b'{"max_tokens":5,"messages":[{"role":"user","content":"%b"}],"model":"%b"}'
    given = {"x-api-key": edge.service.key, "x-forwarded-for": DE}
    url = f"http://127.0.0.1:{edge.port}/v1/messages"

    assert send(url, raw % (text.encode(), OPUS.encode()), given).status == 403
    assert (
        send(url, raw % (text.encode(), OPUS.encode()), {**given, "x-forwarded-for": US}).status
        == 200
    )


def test_when_the_service_is_gone_envoy_refuses(edge: Edge) -> None:
    edge.service.stop()

    assert edge.ask(US).status == 503
