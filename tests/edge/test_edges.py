"""Each proxy in front of a real upstream, with the real service: nothing gets past, nothing is lost."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bailiwick.bootstrap import LoadedPolicy, load_policy
from bailiwick.decision import compile_table
from bailiwick.errors import InvalidInput
from bailiwick.location import MmdbWriter
from bailiwick.targets.edge import Edge
from edge.proxies import NOW, Proxy, command, logged, plan_of, running_proxy, selftest, world, write
from service.envoy import Upstream
from service.running import (
    DE,
    ENVOY,
    IR,
    KP,
    LLAMA,
    OPUS,
    US,
    Answered,
    Running,
    free_port,
    running,
    send,
)

POLICY = """\
bailiwick: 1
name: edge-tests
models:
  frontier: {ids: ["anthropic/claude-opus-*"]}
  open: {openness: [open, open-weight], controlled: false}
rules:
  - {id: open-everywhere, permit: open}
  - {id: frontier-in-us, permit: frontier, where: {address: US, billing: US}}
  - {id: marked, restrict: frontier, where: {address: US}, to: {headers: {x-moderation: strict}}}
  - {id: embargo, deny: "*", where: {address: [IR, KP]}, absolute: true}
"""
LARGE = b'{"max_tokens":5,"messages":[{"role":"user","content":"%b"}],"model":"%b"}'


class Site:
    """A proxy, the service that it asks, and the models' server behind it."""

    def __init__(self, proxy: Proxy, service: Running) -> None:
        self.proxy, self.service = proxy, service

    def ask(
        self, address: str, raw: bytes | None = None, model: str = OPUS, path: str = "/v1/messages",
        **headers: str,
    ) -> Answered:  # fmt: skip
        body = (
            raw
            if raw is not None
            else b'{"model":"%b","max_tokens":5,"messages":[]}' % model.encode()
        )
        given = {"x-api-key": self.service.key, "content-type": "application/json",
                 **{name.replace("_", "-"): value for name, value in headers.items()},
                 "x-forwarded-for": address}  # fmt: skip
        return send(f"http://127.0.0.1:{self.proxy.port}{path}", body, given)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(Path(tmp_path_factory.mktemp("service")), POLICY) as started:
        yield started


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    started = Upstream()
    yield started
    started.close()


def loaded(service: Running) -> LoadedPolicy:
    return load_policy(service.policy)


def compiled(
    edge: Edge, folder: Path, service: Running, upstream: Upstream, asks: str | None = None,
    patience_s: int = 5, actions: tuple[tuple[str, str], ...] = (), log: bool = True,
) -> Proxy:  # fmt: skip
    policy = loaded(service)
    return write(
        edge, folder, compile_table(policy.policy, policy.catalog), policy.catalog, world(),
        token=ENVOY, upstream=f"127.0.0.1:{upstream.port}", trusted=("127.0.0.0/8",),
        service=f"127.0.0.1:{service.port}" if asks is None else asks, body_bytes=2 << 20,
        patience_s=patience_s, actions=actions, log=log,
    )  # fmt: skip


@pytest.fixture(scope="module", params=list(Edge))
def site(
    request: pytest.FixtureRequest, service: Running, upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:  # fmt: skip
    folder = Path(tmp_path_factory.mktemp("edge"))
    with running_proxy(compiled(request.param, folder, service, upstream)) as proxy:
        yield Site(proxy, service)


def test_the_self_test_passes(site: Site) -> None:
    done = selftest(site.proxy)

    assert done.returncode == 0, done.stdout
    assert site.proxy.made.plan.refused == ("IR", "KP")


def test_what_is_permitted_reaches_the_models(site: Site) -> None:
    answer = site.ask(US, x_moderation="none")

    assert answer.status == 200, answer.text
    seen = answer.json()
    assert seen["body"] == f'{{"model":"{OPUS}","max_tokens":5,"messages":[]}}'
    assert seen["headers"]["x-moderation"] == "strict"
    assert seen["headers"]["x-bailiwick-decision"].startswith("dec_")
    assert answer.headers["x-bailiwick-decision"] == seen["headers"]["x-bailiwick-decision"]
    assert "x-bailiwick-token" not in seen["headers"]
    assert not any(name.startswith("x-geo-") for name in seen["headers"])


def test_the_edge_refuses_by_itself_and_says_so(site: Site) -> None:
    for address in (IR, KP):
        answer = site.ask(address, model=LLAMA)
        assert answer.status == 403
        assert "refused at the edge" in answer.json()["error"]["message"]


def test_the_edge_refuses_a_model_by_itself_where_it_can_read_its_name(site: Site) -> None:
    by_path = send(f"http://127.0.0.1:{site.proxy.port}/v1/models/{OPUS}", None,
                   {"x-api-key": site.service.key, "x-forwarded-for": DE})  # fmt: skip
    by_header = site.ask(DE, model=LLAMA, x_model=OPUS)
    by_body = site.ask(DE)

    for answer in (by_path, by_header, by_body):
        assert answer.status == 403
    assert "refused at the edge" in by_path.json()["error"]["message"]
    assert "refused at the edge" in by_header.json()["error"]["message"]
    assert ("refused at the edge" in by_body.text.decode()) is site.proxy.edge.reads_bodies
    assert site.ask(US).status == site.ask(DE, model=LLAMA).status == 200


def test_a_refusal_of_the_edge_has_an_id_that_is_in_its_log(site: Site) -> None:
    for address, ask in ((IR, {"model": LLAMA}), (DE, {"model": LLAMA, "x_model": OPUS})):
        first, answer = site.ask(address, **ask), site.ask(address, **ask)

        id_ = answer.headers["x-bailiwick-decision"]
        said = answer.json()
        assert id_.startswith("edge_")
        assert id_ == said["request_id"] == said["bailiwick"]["decision"]
        assert f"(decision {id_})" in said["error"]["message"]
        assert id_ != first.headers["x-bailiwick-decision"]
        assert "cache-control" not in answer.headers  # no cache keeps a 403 unasked
        line = logged(site.proxy, id_)
        assert (line["method"], line["path"], int(line["status"])) == ("POST", "/v1/messages", 403)
        assert line["set"] == "all" if address == IR else line["set"]
        assert line["revision"] == site.proxy.made.plan.revision[:12]
        assert line["address"] == f"{address.rpartition('.')[0]}.0{CUT.get(site.proxy.edge, '')}"
        if address == DE and site.proxy.edge is not Edge.ENVOY:
            assert line["model"] == OPUS


IR6, DE6 = "2001:678:b0:1:2::7", "2001:1438:1:2::7"
CUT = {Edge.ENVOY: "/24", Edge.NGINX: "/24"}
"""How a proxy writes that an address was cut."""


def test_of_an_ipv6_address_the_first_48_bits_are_logged(site: Site) -> None:
    networks = ((IR6, LLAMA, "2001:678:b0::"), (DE6, OPUS, "2001:1438:1::"))
    for address, model, network in networks:
        answer = site.ask(address, model=LLAMA, x_model=model)

        assert answer.status == 403, answer.text
        assert "refused at the edge" in answer.json()["error"]["message"]
        line = logged(site.proxy, answer.headers["x-bailiwick-decision"])
        assert line["address"] == network + ("" if site.proxy.edge is Edge.HAPROXY else "/48")


def test_a_log_of_refusals_can_be_replayed(site: Site, tmp_path: Path) -> None:
    answers = [
        site.ask(address, model=model, x_model=model)
        for address, model in ((IR, LLAMA), (IR6, LLAMA), (DE, OPUS))
    ]
    ids = [answer.headers["x-bailiwick-decision"] for answer in answers]
    for id_ in ids:
        logged(site.proxy, id_)
    log = site.proxy.log.read_text().splitlines()
    copy = tmp_path / "refusals.log"
    copy.write_text("".join(f"{line}\n" for line in log if any(f'"{id_}"' in line for id_ in ids)))
    words = [sys.executable, "-m", "bailiwick", "replay", str(copy), "--policy",
             str(site.service.policy), "--json"]  # fmt: skip
    done = subprocess.run(
        [*words, "--assume", f"model={LLAMA}"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"]["judged"] == found["rows"]["read"] == len(ids)
    assert found["totals"]["denied"]["requests"] == len(ids), found["totals"]


def test_a_replay_says_where_the_log_of_refusals_names_no_model(site: Site, tmp_path: Path) -> None:
    line = logged(site.proxy, site.ask(IR, model=LLAMA).headers["x-bailiwick-decision"])
    copy = tmp_path / "refusals.log"
    copy.write_text(f"{json.dumps(line)}\n")
    words = [sys.executable, "-m", "bailiwick", "replay", str(copy), "--policy",
             str(site.service.policy)]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "refused at the edge before a model was read" in done.stderr
    assert "--assume model=NAME" in done.stderr


@pytest.mark.parametrize("edge", list(Edge))
def test_an_edge_can_go_without_the_log(
    edge: Edge, service: Running, upstream: Upstream, tmp_path: Path
) -> None:
    with running_proxy(compiled(edge, tmp_path, service, upstream, log=False)) as proxy:
        answer = Site(proxy, service).ask(IR)
        id_ = answer.headers["x-bailiwick-decision"]

        assert answer.status == 403
        assert answer.json()["request_id"] == id_
    assert not (tmp_path / "refusals.log").exists()
    assert id_ not in proxy.output.read_text()


def test_what_the_edge_does_not_refuse_is_not_in_its_log(site: Site) -> None:
    permitted, denied = site.ask(US), site.ask(DE, model="nobody/knows")
    last = site.ask(IR)

    logged(site.proxy, last.headers["x-bailiwick-decision"])
    text = site.proxy.output.read_text()
    for answer in (permitted, denied):
        assert answer.headers["x-bailiwick-decision"].startswith("dec_")
        assert answer.headers["x-bailiwick-decision"] not in text


def test_nginx_writes_no_warnings_with_the_addresses_of_callers(site: Site) -> None:
    for address in (US, DE, IR):
        site.ask(address)

    errors = site.proxy.folder / "error.log"
    lines = errors.read_text().splitlines() if errors.exists() else []
    assert not [line for line in lines if "client:" in line]


def test_a_client_writes_nothing_into_an_answer_or_a_log(site: Site) -> None:
    hostile = {"x_request_id": 'a","decision":"b', "x_model": 'a"\\,"set":"b', "user_agent": '"'}
    answer = site.ask(IR, **hostile)

    id_ = answer.json()["bailiwick"]["decision"]
    assert id_ == answer.headers["x-bailiwick-decision"]
    if '"' not in id_:  # Envoy keeps the name that a trusted proxy in front gave a request
        assert logged(site.proxy, id_)["set"] == "all"


STYLES = [
    """{status: 451, message: informative, blocked_by: 'https://a.example/%20$x',
  appeal: "https://a.example/%41?a=$b&c=d'e"}""",
    "{status: 451, appeal: 'https://a.example/appeal'}",
]


@pytest.mark.parametrize("style", STYLES, ids=["informative", "generic"])
@pytest.mark.parametrize("edge", list(Edge))
def test_the_edge_refuses_as_the_policy_wants_it_worded(
    edge: Edge, style: str, upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "service").mkdir()
    told = Running(tmp_path / "service", f"{POLICY}refusal: {style}\n")
    wanted = loaded(told).policy.refusal
    with running_proxy(compiled(edge, tmp_path / "edge", told, upstream)) as proxy:
        answer = Site(proxy, told).ask(IR)

        assert answer.status == 451
        assert answer.headers["cache-control"] == "no-store"
        assert "refused at the edge" in answer.json()["error"]["message"]
        if wanted.message == "generic":
            assert "appeal" not in answer.text.decode()
            assert "link" not in answer.headers
            return
        assert answer.headers["link"].startswith("<https://a.example/%20")
        assert answer.headers["link"].endswith('x>; rel="blocked-by"')
        said = answer.json()
        assert wanted.appeal is not None
        assert said["bailiwick"]["appeal"] in {wanted.appeal, wanted.appeal.replace("$", "%24")}
        assert said["bailiwick"]["appeal"] in said["error"]["message"]


def test_a_logged_refusal_is_decided_again_from_its_line(site: Site) -> None:
    """Whoever reviews an appeal finds the line by its id, and asks the policy."""
    line = logged(site.proxy, site.ask(IR).headers["x-bailiwick-decision"])
    words = [sys.executable, "-m", "bailiwick", "decide", "--policy", str(site.service.policy),
             "--model", OPUS, "--address", line["address"].partition("/")[0]]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 3, done.stderr
    assert "embargo" in done.stdout


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (LARGE % (b"x" * 200_000, OPUS.encode()), {}),
        (b'{"mod\\u0065l":"claude-opus-4-1","messages":[],"max_tokens":5}', {}),
        (b'{"model":"claude\\u002dopus-4-1","messages":[],"max_tokens":5}', {}),
        (b'{"messages":[],"max_tokens":5,"x":{"model":"y"},"model":"claude-opus-4-1"}', {}),
        (b'{"model":"claude-opus-4-1","messages":[]}', {"content_type": "text/plain"}),
        (b'{"model":"claude-opus-4-1","messages":[]}', {"content_type": "application/json; a=b"}),
        (b'\xef\xbb\xbf{"model":"claude-opus-4-1","messages":[]}', {}),
        (b' \n{"model" : "claude-opus-4-1" , "messages":[]}', {}),
    ],
    ids=["large", "escaped-key", "escaped-value", "nested", "text", "charset", "bom", "spaces"],
)  # fmt: skip
def test_however_a_model_is_written_it_is_refused_abroad(
    site: Site, raw: bytes, headers: dict[str, str]
) -> None:
    assert site.ask(DE, raw, **headers).status in {400, 403}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"claude-opus-4-1","model":"meta/llama-3.1-405b","messages":[],"max_tokens":5}',
        b'{"model":"meta/llama-3.1-405b","model":"claude-opus-4-1","messages":[],"max_tokens":5}',
        b'{"model":"meta/llama-3.1-405b","mod\\u0065l":"claude-opus-4-1","messages":[]}',
        b'{"model":"meta/llama-3.1-405b","Model":"claude-opus-4-1","messages":[]}',
        b'{"model":"meta/llama-3.1-405b","fallbacks":["claude-opus-4-1"],"messages":[]}',
        b'[{"model":"meta/llama-3.1-405b"}]',
        b'{"model":["meta/llama-3.1-405b"],"messages":[]}',
        b'{"model":"meta/llama-3.1-405b","messages":[]}{"model":"claude-opus-4-1"}',
    ],
)
def test_a_body_that_can_be_read_in_two_ways_goes_nowhere(site: Site, raw: bytes) -> None:
    for address in (US, DE):
        assert site.ask(address, raw).status in {400, 403}


@pytest.mark.parametrize(
    "headers",
    [{"x_model": OPUS}, {"x_routed_model": OPUS}, {"x_engine": OPUS}, {"fallback": OPUS}],
    ids=lambda given: next(iter(given)),
)
def test_a_header_that_names_another_model_than_the_body_is_refused(
    site: Site, headers: dict[str, str]
) -> None:
    assert site.ask(DE, model=LLAMA, **headers).status in {400, 403}
    assert site.ask(US, model=LLAMA, **headers).status == 400


def test_the_service_refuses_the_rest_in_the_callers_dialect(site: Site) -> None:
    answer = site.ask(DE, model="nobody/knows")

    assert answer.status == 403
    assert answer.headers["x-bailiwick-decision"].startswith("dec_")
    assert answer.json()["error"]["type"] == "permission_error"
    assert site.ask(DE, model=LLAMA).status == 200
    assert site.ask(US, x_api_key="bw_wrong").status == 401


def test_a_list_of_models_is_asked_about(site: Site) -> None:
    url = f"http://127.0.0.1:{site.proxy.port}/v1/models"
    headers = {"x-api-key": site.service.key, "x-forwarded-for": DE}

    assert send(url, None, headers).status == 200
    assert send(url, None, {**headers, "x-forwarded-for": IR}).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"x_geo_country": "US"},
        {"x_geo_region": "US"},
        {"x_bailiwick_address": US},
        {"x_bailiwick_accel": "@bailiwick_permitted"},
        {"x_bailiwick_token": ENVOY},
        {"x_bailiwick_model": LLAMA, "x_bailiwick_features": "none"},
        {"x_real_ip": US},
        {"forwarded": f"for={US}"},
        {"x_envoy_external_address": US},
        {"x_accel_redirect": "@bailiwick_permitted"},
    ],
    ids=lambda given: next(iter(given)),
)
@pytest.mark.parametrize("address", [DE, IR, "203.0.113.1"])
def test_no_header_of_a_client_opens_anything(
    site: Site, headers: dict[str, str], address: str
) -> None:
    assert site.ask(address, **headers).status == 403


def test_a_hop_that_the_client_made_up_is_not_believed(site: Site) -> None:
    assert site.ask(f"{US}, {DE}").status == 403


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"{}", {}),
        (b'{"model":"meta/llama-3.1-405b","model":"claude-opus-4-1"}', {}),
        (b'{"mod\\u0065l":"claude-opus-4-1","messages":[],"max_tokens":5}', {}),
        (b'{"model":"claude-opus-4-1","messages":[],"max_tokens":5}', {"content_type": "text/plain"}),
        (b'{"model":"nobody/knows","messages":[],"max_tokens":5}', {}),
        (b"\x1f\x8b", {"content_encoding": "gzip"}),
        (LARGE % (b"x" * 400_000, b"claude-opus-4-1"), {}),
        (LARGE % (b"x" * 3_000_000, b"claude-opus-4-1"), {}),
    ],
    ids=["none", "broken", "no-model", "two-models", "escaped", "text-plain", "unknown", "gzip", "large", "too-large"],
)  # fmt: skip
def test_no_body_opens_anything(site: Site, raw: bytes, headers: dict[str, str]) -> None:
    try:
        status = site.ask(DE, raw, **headers).status
    except OSError:  # it closed the connection on the rest of a body that is too large
        status = 413

    assert 400 <= status < 500


def test_a_large_body_at_home_is_permitted_and_forwarded_whole(site: Site) -> None:
    raw = LARGE % (b"x" * 400_000, OPUS.encode())
    answer = site.ask(US, raw)

    assert answer.status == 200
    assert answer.json()["body"] == raw.decode()


@pytest.mark.parametrize(
    "path",
    ["/v1/files", "/", "/v1/messages/../files", "/V1/messages", "/v1/messages/", "/v1%2Fmessages"],
)
def test_no_other_path_leads_anywhere(site: Site, path: str) -> None:
    assert site.ask(US, path=path).status in {400, 403, 404}


def test_a_configuration_is_valid_by_the_programs_own_check(site: Site) -> None:
    words = command(site.proxy.edge, site.proxy.folder)
    check = {
        Edge.ENVOY: [
            words[0],
            "-c",
            str(site.proxy.folder / "envoy-whole.json"),
            "--mode",
            "validate",
        ],
        Edge.NGINX: [*words[:3], "-t"],
        Edge.HAPROXY: [words[0], "-c", "-f", words[-1]],
    }[site.proxy.edge]
    done = subprocess.run(check, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_database_of_another_shape_fails_the_self_test_and_opens_nothing(
    service: Running, upstream: Upstream, tmp_path: Path
) -> None:
    proxy = compiled(Edge.ENVOY, tmp_path, service, upstream)
    flat = MmdbWriter("Country", NOW)
    flat.insert("5.160.0.0/16", {"country_code": "IR"})
    flat.insert("175.45.176.0/24", {"country_code": "KP"})
    (used,) = tmp_path.glob("country-*.mmdb")
    used.write_bytes(flat.to_bytes())

    with running_proxy(proxy):
        done = selftest(proxy)

        assert done.returncode == 1
        assert "NOT READY IR" in done.stdout
        assert Site(proxy, service).ask(IR).status == 403  # the service still refuses


def test_without_the_service_controlled_models_are_refused_with_a_page_that_says_so(
    upstream: Upstream, tmp_path: Path
) -> None:
    made = Running(tmp_path / "s" if (tmp_path / "s").mkdir() is None else tmp_path, POLICY)
    for edge in Edge:
        with running_proxy(compiled(edge, tmp_path / edge, made, upstream)) as proxy:
            answer = Site(proxy, made).ask(US)

            assert answer.status == 503, (edge, answer.text)
            assert "decision service does not answer" in answer.json()["error"]["message"]
            assert Site(proxy, made).ask(IR).status == 403
            assert selftest(proxy).returncode == 1


def test_a_service_that_is_slow_is_a_service_that_does_not_answer(
    service: Running, upstream: Upstream, tmp_path: Path
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        for edge in Edge:
            proxy = compiled(
                edge, tmp_path / edge, service, upstream, patience_s=1,
                asks=f"127.0.0.1:{silent.getsockname()[1]}",
            )  # fmt: skip
            with running_proxy(proxy):
                answer = Site(proxy, service).ask(US)

                assert answer.status == 503, (edge, answer.text)
                assert "decision service does not answer" in answer.json()["error"]["message"]


ACKNOWLEDGED = """\
acknowledge:
  - {edge: [envoy, nginx, haproxy], of: [address, network, billing, model, obligations], by: gateway}
"""


@pytest.mark.parametrize("edge", list(Edge))
def test_an_edge_that_asks_nobody_refuses_what_it_can_and_says_who_does_the_rest(
    edge: Edge, upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "service").mkdir()
    told = Running(tmp_path / "service", POLICY)
    with pytest.raises(InvalidInput) as refused:
        compiled(edge, tmp_path / "no", told, upstream, asks="")
    told.policy.write_text(POLICY + ACKNOWLEDGED)
    proxy = compiled(edge, tmp_path / "edge", told, upstream, asks="")

    words = str(refused.value)
    assert f"rule `frontier-in-us` would come out weaker at {edge.value}" in words
    assert "rule `marked` would come out not expressible" in words
    assert "`embargo`" not in words
    rules = {one["rule"]: one for one in plan_of(proxy)["rules"]}
    assert rules["embargo"]["edge"] == "exact"
    assert rules["frontier-in-us"]["enforced_by"]["billing"] == "gateway"
    with running_proxy(proxy):
        site = Site(proxy, told)
        assert site.ask(US, x_moderation="mine", x_bailiwick_decision="mine").status == 200
        seen = site.ask(US, x_moderation="mine", x_bailiwick_decision="mine").json()["headers"]
        assert not {"x-moderation", "x-bailiwick-decision"} & seen.keys()
        assert site.ask(IR, model=LLAMA).status == 403
        assert site.ask(DE).status == (403 if edge.reads_bodies else 200)
        assert selftest(proxy).returncode == 0, selftest(proxy).stdout


def test_nginx_asks_about_signing_up_by_auth_request(
    service: Running, upstream: Upstream, tmp_path: Path
) -> None:
    proxy = compiled(Edge.NGINX, tmp_path, service, upstream,
                     actions=(("/signup", "sign_up"), ("/keys", "create_key")))  # fmt: skip
    with running_proxy(proxy):

        def post(path: str, address: str, **headers: str) -> Answered:
            given = {"x-forwarded-for": address, **headers}
            return send(f"http://127.0.0.1:{proxy.port}{path}", b"name=Ada", given)

        signed = post("/signup", DE, **{"x-bailiwick-action": "infer", "x-bailiwick-token": "mine"})
        assert signed.status == 200, signed.text
        seen = signed.json()
        assert seen["body"] == "name=Ada"
        assert seen["headers"]["x-bailiwick-decision"].startswith("dec_")
        assert signed.headers["x-bailiwick-decision"] == seen["headers"]["x-bailiwick-decision"]
        assert not {"x-bailiwick-action", "x-bailiwick-token"} & seen["headers"].keys()
        assert post("/signup", IR).status == 403
        assert post("/signup", DE, **{"x-bailiwick-address": US}).status == 200
        assert post("/keys", DE).status == 403
        assert post("/keys", DE, **{"x-api-key": service.key}).status == 200
        for path in ("/bailiwick-ask/sign_up", "/Signup", "/signup/"):
            assert post(path, DE).status in {403, 404}, path


def test_nginx_refuses_signing_up_while_the_service_is_down(
    service: Running, upstream: Upstream, tmp_path: Path
) -> None:
    proxy = compiled(Edge.NGINX, tmp_path, service, upstream, asks=f"127.0.0.1:{free_port()}",
                     actions=(("/signup", "sign_up"),))  # fmt: skip
    with running_proxy(proxy):
        given = {"x-forwarded-for": DE}
        answer = send(f"http://127.0.0.1:{proxy.port}/signup", b"name=Ada", given)

        assert answer.status == 503
        assert "decision service does not answer" in answer.json()["error"]["message"]
