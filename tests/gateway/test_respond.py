import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_judge import Account, Located

from bailiwick.decision import Decision, Effect, Reason
from bailiwick.front import Refused
from bailiwick.gateway.respond import STATUS, denial, refusal
from bailiwick.pipeline import Judged
from bailiwick.policy import Refusal

DIALECTS = ("anthropic", "openai")


def judged(*reasons: Reason, places: tuple[str, ...] = ("DE",)) -> Judged:
    return Judged(
        id="dec_1", decision=Decision(Effect.DENY, (), reasons), model="anthropic/m",
        account=Account("a", "k"), located=Located("203.0.113.9", places), revision="r",  # type: ignore[arg-type]
        controlled=True, layer="edge",
    )  # fmt: skip


DENIED = Reason("rule.denied", "no-de", "operator")
INFORMATIVE = Refusal(message="informative", appeal="https://example.com/appeal")


def message_of(body: bytes) -> str:
    message: str = json.loads(body)["error"]["message"]
    return message


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("code", STATUS)
def test_every_refusal_speaks_the_dialect_and_carries_its_id(code: str, dialect: str) -> None:
    reply = refusal(Refused(code, "no", "field", 7), "ref_1", dialect)

    body, headers = json.loads(reply.body), dict(reply.headers)
    assert reply.status == STATUS[code]
    assert body["bailiwick"] == {"decision": "ref_1", "code": code}
    assert "ref_1" in body["error"]["message"]
    assert headers["x-bailiwick-decision"] == "ref_1"
    assert headers["cache-control"] == "no-store"
    assert headers["retry-after"] == "7"
    if dialect == "anthropic":
        assert body["type"] == "error"
        assert body["request_id"] == "ref_1"
        assert set(body["error"]) == {"type", "message"}
    else:
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert body["error"]["param"] == "field"


def test_a_client_is_told_not_to_retry_in_vain() -> None:
    retried = {
        code
        for code, status in STATUS.items()
        if status == 503
        and "x-should-retry" not in dict(refusal(Refused(code, "no"), "r", "openai").headers)
    }

    assert retried == {"overloaded"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_generic_denial_says_nothing_but_its_id(dialect: str) -> None:
    reply = denial(judged(DENIED), Refusal(appeal="https://example.com"), dialect)

    assert reply.status == 403
    assert message_of(reply.body) == "Access Denied (decision dec_1)"
    assert json.loads(reply.body)["bailiwick"] == {"decision": "dec_1"}
    assert b"no-de" not in reply.body
    assert b"Germany" not in reply.body


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_informative_denial_says_where_whose_rule_and_how_to_object(dialect: str) -> None:
    reply = denial(judged(DENIED), INFORMATIVE, dialect)

    body = json.loads(reply.body)
    assert message_of(reply.body) == (
        "Access Denied: rule `no-de` of `operator` forbids it. The request comes from Germany (DE)."
        " To object: https://example.com/appeal (decision dec_1)"
    )
    assert body["bailiwick"]["places"] == ["DE"]
    assert body["bailiwick"]["reasons"][0]["authority"] == "operator"
    assert body["bailiwick"]["appeal"] == "https://example.com/appeal"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason("permit.none", None, "law"), "no rule of `law` permits it"),
        (Reason("authority.none"), "no rule permits this model"),
        (Reason("evidence.missing", "r", "operator", "card"), "needs evidence of `card`"),
        (Reason("location.hidden", "r", "operator", "network"), "an anonymizer hides it"),
        (Reason("feature.denied", "r", "operator", "features", "tools"), "the feature `tools`"),
        (Reason("model.unknown"), "not in the catalogue"),
        (Reason("contested"), "contradicts itself"),
        (Reason("address.invalid", detail="x"), "cannot be trusted"),
        (Reason("order.off", "stop", "order"), "rule `stop` of `order` forbids it"),
        (Reason("something.new", "r", "operator"), "something.new"),
    ],
)
def test_an_informative_denial_names_its_reason(reason: Reason, said: str) -> None:
    reply = denial(judged(reason), INFORMATIVE, "openai")

    assert said in message_of(reply.body)


def test_places_are_named_only_where_a_place_is_the_reason() -> None:
    about_a_feature = Reason("feature.denied", "r", "operator", "features", "tools")

    assert "Germany" not in message_of(denial(judged(about_a_feature), INFORMATIVE, "openai").body)
    unknown = denial(judged(DENIED, places=()), INFORMATIVE, "openai")
    assert "from an unknown place" in message_of(unknown.body)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (DENIED, "unsupported_country_region_territory"),
        (Reason("permit.none", None, "operator"), "unsupported_country_region_territory"),
        (Reason("evidence.missing", "r", "o", "card"), "unsupported_country_region_territory"),
        (Reason("evidence.missing", "r", "o", "labels"), "access_denied"),
        (Reason("feature.denied", "r", "o", "features", "tools"), "access_denied"),
        (Reason("model.unknown"), "model_not_found"),
    ],
)
def test_the_code_says_whether_the_place_is_the_reason(reason: Reason, code: str) -> None:
    reply = denial(judged(reason), Refusal(), "openai")

    assert json.loads(reply.body)["error"]["code"] == code


def test_451_says_who_blocks() -> None:
    style = Refusal(451, blocked_by="https://example.com/law")

    reply = denial(judged(DENIED), style, "anthropic")

    assert reply.status == 451
    assert ("link", '<https://example.com/law>; rel="blocked-by"') in reply.headers
    assert json.loads(reply.body)["error"]["type"] == "permission_error"
    assert "link" not in dict(denial(judged(DENIED), Refusal(403), "anthropic").headers)


def test_every_code_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()

    missing = [code for code, status in STATUS.items() if f"| `{code}` | {status} |" not in text]

    assert missing == []


def test_what_a_refusal_says_is_json_whatever_is_in_it() -> None:
    hostile = 'x"\r\n\x1b[31m\u202e\x00'

    body: Any = msgspec.json.decode(refusal(Refused("body_field", hostile), "r", "openai").body)

    assert body["error"]["message"] == f"{hostile} (decision r)"
