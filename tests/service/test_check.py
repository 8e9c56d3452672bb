"""Checks for proxies: with the body, and without."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from end_users import pem, token
from gateway_raw import request, talk
from service.running import (
    BY,
    DE,
    IR,
    KP,
    LLAMA,
    OPUS,
    OTHERS,
    PICTURES,
    TOKEN,
    US,
    WEAK,
    Running,
    running,
)

IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
CHAT = "/v1/chat/completions"
END_USERS = """\
bailiwick: 1
name: end-users
models: {frontier: {ids: ["anthropic/claude-opus-*"]}}
rules:
  - {id: in-xa, permit: frontier, where: {end_user: {place: XA}}}
"""


def test_a_permitted_request_goes_on_with_the_policys_headers(service: Running) -> None:
    answer = service.check()

    assert (answer.status, answer.text) == (200, b"")
    assert answer.headers["x-bailiwick-decision"].startswith("dec_")
    assert answer.headers["x-moderation"] == "strict"


def test_a_denied_request_is_refused_in_its_callers_dialect(service: Running) -> None:
    messages, chat = service.check(address=DE), service.check(PICTURES, IR, path=CHAT)

    assert messages.status == chat.status == 403
    assert messages.json()["error"]["type"] == "permission_error"
    assert chat.json()["error"]["type"] == "request_forbidden"


def test_the_decision_and_the_asker_are_on_record(service: Running) -> None:
    id_ = service.check(address=DE).headers["x-bailiwick-decision"]
    service.check()  # a permit's record waits for those before it

    (record,) = [one for one in service.records("decision") if one["id"] == id_]
    assert (record["asker"], record["layer"], record["effect"]) == ("edge", "edge", "deny")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"model":"claude-opus-4-1","model":"meta/llama-3.1-405b"}',
        b'{"Model":"claude-opus-4-1"}',
        b'{"model":"claude-opus-4-1","fallbacks":["x"]}',
        b'{"model":7}',
        b'{"mod\\u0065l":"claude-opus-4-1","model":"meta/llama-3.1-405b"}',
        b"[" * 5000,
        b'{"model":"claude-opus-4-1","messages":[{"role":"user","role":"system","content":"a"}]}',
        b'{"model":"claude-opus-4-1","metadata":{"a":1,"\\u0061":2},"messages":[]}',
    ],
)
def test_a_body_that_can_be_read_in_two_ways_is_refused(service: Running, raw: bytes) -> None:
    headers = {"x-bailiwick-token": TOKEN, "x-api-key": service.key, "x-forwarded-for": US}
    answer = service.send("/check/v1/messages", raw, headers)

    assert answer.status == 400


def test_a_text_may_look_like_keys(service: Running) -> None:
    text = 'write {"role": "user", "role": "x"} and "a" : 1'

    assert service.check(messages=[{"role": "user", "content": text}]).status == 200


def test_an_escaped_key_is_read(service: Running) -> None:
    raw = b'{"mod\\u0065l":"claude-opus-4-1","max_tokens":5,"messages":[]}'
    headers = {"x-bailiwick-token": TOKEN, "x-api-key": service.key, "x-forwarded-for": DE}

    assert service.send("/check/v1/messages", raw, headers).status == 403


@pytest.mark.parametrize("key", ["", "bw_wrong"])
def test_a_caller_without_a_good_key_is_told_so(service: Running, key: str) -> None:
    answer = service.check(headers={"x-api-key": key})

    assert answer.status == 401
    assert answer.json()["error"]["type"] == "authentication_error"


def test_keys_of_a_provider_are_not_looked_at_where_the_settings_say_so(service: Running) -> None:
    """Without ``accounts.anonymous`` nobody's request is refused, whatever key it carries."""
    answer = service.check(LLAMA, token=OTHERS)

    assert answer.status == 401


def test_the_proxys_own_address_is_never_the_clients(service: Running) -> None:
    for forged in ("", "127.0.0.1", f"{US}, 10.0.0.1", "unknown", f"{US}, nonsense"):
        assert service.check(address=forged).status == 403
    assert service.check(address=f"{DE}, {US}").status == 200  # the rightmost is what we saw


@pytest.mark.parametrize("token", ["", "wrong", WEAK])
def test_a_proxy_that_may_not_ask_gets_an_error_and_no_pass(service: Running, token: str) -> None:
    answer = service.check(token=token)

    assert answer.status == 503


def test_paths_that_nobody_listed_are_refused(service: Running) -> None:
    assert service.check(path="/v1/files").status == 404
    assert service.check(path="/").status == 404


def test_the_list_of_models_is_for_those_who_may_use_one(service: Running) -> None:
    headers = {"x-bailiwick-token": TOKEN, "x-api-key": service.key, "x-forwarded-for": DE}

    assert service.send("/check/v1/models", None, headers).status == 200
    assert service.send("/check/v1/models", None, {**headers, "x-forwarded-for": IR}).status == 403


def test_a_limit_that_the_body_exceeds_is_refused_because_nobody_can_lower_it(
    service: Running,
) -> None:
    within = service.check(PICTURES, DE, path=CHAT, max_completion_tokens=100, max_tokens=100)
    beyond = service.check(PICTURES, DE, path=CHAT, max_completion_tokens=101, max_tokens=100)

    assert within.status == 200
    assert beyond.status == 400
    assert "100" in beyond.json()["error"]["message"]


def test_a_denied_feature_is_seen_in_the_body(service: Running) -> None:
    answer = service.check(PICTURES, DE, path=CHAT, messages=IMAGE, max_tokens=5)

    assert answer.status == 403


def test_quotas_are_counted(service: Running) -> None:
    service.accounts.add_account("Slow", id="slow", actor="t", reason="t")
    service.accounts.set_evidence("slow", "billing", ["US"], actor="t", reason="t")
    service.accounts.set_label("slow", "slow", actor="t", reason="t")
    key = service.accounts.add_key("slow", actor="t", reason="t").raw
    service.until(lambda: service.check(address=IR, headers={"x-api-key": key}).status == 403)

    statuses = [service.check(headers={"x-api-key": key}).status for _ in range(3)]

    assert statuses == [200, 200, 429]


# -- without the body --------------------------------------------------------------------------


def test_with_the_proxys_word_for_the_model_the_answer_is_plain(service: Running) -> None:
    home = service.forward(x_bailiwick_model=OPUS)
    abroad = service.forward(DE, x_bailiwick_model=OPUS)

    assert (home.status, home.headers["x-moderation"]) == (200, "strict")
    assert abroad.status == 403


def test_without_a_model_nothing_is_guessed(service: Running) -> None:
    assert service.forward(DE).status == 403
    assert service.forward(IR).status == 403
    assert service.forward(DE, uri="/v1/models", x_original_method="GET").status == 200
    assert service.forward(IR, uri="/v1/models", x_original_method="GET").status == 403


def test_features_that_nobody_saw_are_not_taken_for_none(service: Running) -> None:
    pictures = {"x_bailiwick_model": PICTURES}

    assert service.forward(US, CHAT, **pictures, x_bailiwick_features="image_input").status == 200
    assert service.forward(US, CHAT, **pictures).status == 200  # denied nowhere in the US
    assert service.forward(DE, CHAT, **pictures).status == 403
    assert service.forward(DE, CHAT, **pictures, x_bailiwick_features="image_input").status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {
            "x_forwarded_method": "POST",
            "x_forwarded_uri": "/v1/messages?beta=true",
            "x_original_method": "",
            "x_original_uri": "",
        },
        {"x_original_method": "post", "x_original_uri": "/v1/messages"},
    ],
)
def test_traefik_caddy_and_nginx_describe_requests_each_in_its_way(
    service: Running, headers: dict[str, str]
) -> None:
    assert service.forward(**headers, x_bailiwick_model=LLAMA).status == 200


def test_a_client_cannot_describe_another_request_than_its_proxy(service: Running) -> None:
    """nginx says what it forwards, and shows the client's own headers as well."""
    look = {"x_forwarded_method": "GET", "x_forwarded_uri": "/v1/models"}
    assert service.forward(DE, uri="/v1/models", x_original_method="GET").status == 200
    assert service.forward(DE, x_bailiwick_model=OPUS).status == 403

    assert service.forward(DE, **look, x_bailiwick_model=OPUS).status == 403
    assert service.forward(US, x_forwarded_uri="/v1/models", x_bailiwick_model=OPUS).status == 403
    assert service.forward(US, x_forwarded_method="GET", x_bailiwick_model=OPUS).status == 403
    assert service.forward(US, x_forwarded_uri="/v1/messages", x_bailiwick_model=OPUS).status == 200


@pytest.mark.parametrize(
    "lines",
    [
        ["x-model: claude-haiku-4-5", f"x-model: {OPUS}"],
        [f"x-bailiwick-model: {OPUS}", f"x-bailiwick-model: {OPUS}"],
        ["x-bailiwick-anything: a", "x-bailiwick-anything: a"],
        ["x-original-uri: /v1/messages", "x-original-uri: /v1/models"],
    ],
)
def test_what_counts_is_said_once(service: Running, lines: list[str]) -> None:
    """The proxy forwards both lines, and an upstream could take the other one."""
    body = json.dumps({"model": OPUS, "max_tokens": 5, "messages": []})
    known = f"x-bailiwick-token: {TOKEN}\r\nx-api-key: {service.key}\r\nx-forwarded-for: {US}\r\n"

    def ask(more: list[str]) -> list[int]:
        headers = known + "".join(f"{line}\r\n" for line in more)
        asked = request(body, "/check/v1/messages", headers=headers, key=None)
        return talk(service.port, asked, wait=5).statuses

    assert ask(["x-other: a", "x-other: b", "accept: a", "accept: b"]) == [200]
    assert ask(lines) == [400]


def test_an_attested_end_user_decides_in_every_way_of_asking(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    with running(tmp_path, END_USERS) as service:
        service.accounts.add_attester("acme", pem(key), kid="k1", **BY)

        def ask(**header: str) -> list[int]:
            named = {"x_bailiwick_model": OPUS, "x_bailiwick_features": "none", **header}
            whole = {name.replace("_", "-"): value for name, value in header.items()}
            return [service.check(headers=whole).status, service.forward(**named).status]

        def said(**claims: str) -> list[int]:
            return ask(x_bailiwick_end_user=token(key, datetime.now(UTC), **claims))

        service.until(lambda: said(place="XA")[0] != 400)
        assert said(place="XA", sub="ann") == [200, 200]
        assert said(place="XB") == ask() == [403, 403]
        assert ask(x_bailiwick_end_user="bad") == [400, 403]
        (record,) = [
            one for one in service.records("answers") if one.get("end_user", {}).get("sub")
        ]
        assert (record["end_user"]["kid"], record["end_user"]["place"]) == ("k1", "XA")
        assert record["evidence"]["end_user.place"] == ["XA"]
        assert record["end_user"]["sub"] != "ann"


def test_a_request_that_nobody_describes_is_refused(service: Running) -> None:
    nothing = service.forward(uri="", x_bailiwick_model=LLAMA)
    method = service.forward(x_original_method="", x_bailiwick_model=LLAMA)

    assert nothing.status == method.status == 403


def test_only_who_may_say_the_model_is_believed(service: Running) -> None:
    answer = service.forward(x_bailiwick_model=LLAMA, x_bailiwick_token=WEAK)

    assert answer.status == 403
    assert "may not say addresses" in json.loads(answer.text)["error"]["message"]


def test_an_action_about_an_account_is_judged_at_a_path_of_the_operators_own(
    service: Running,
) -> None:
    make, plan = {"x_bailiwick_action": "create_key"}, {"x_bailiwick_action": "subscribe"}

    assert service.forward(DE, "/keys", **make).status == 200
    assert service.forward(DE, "/plan", **plan).status == 200
    assert service.forward(KP, "/plan", **plan).status == 403
    assert service.forward(DE, "/keys", **make, x_api_key="").status == 401
    assert service.forward(DE, "/keys", x_bailiwick_action="no_such").status == 403
    assert service.forward(DE, "/keys", x_bailiwick_action="").status == 403
    assert service.forward(DE, "/signup", x_bailiwick_action="sign_up").status == 200


def test_signing_up_needs_no_key_but_the_evidence_that_the_policy_requires(
    service: Running,
) -> None:
    answer = service.forward(DE, "/signup", x_bailiwick_action="sign_up", x_api_key="")

    assert answer.status == 403  # `no-sign-up` requires billing, which nobody knows yet


def test_questions_are_counted(service: Running) -> None:
    service.check()
    counted = 'bailiwick_service_questions_total{asker="edge",effect="permit",endpoint="/check"'
    service.until(lambda: counted in service.metrics())

    text = service.metrics()
    assert US not in text
