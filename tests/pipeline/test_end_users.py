"""What an account holder attests for its own user: good tokens decide, bad ones refuse."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bailiwick.accounts import AccountDatabase, AccountStore
from bailiwick.pipeline import Asked, EndUserInvalid, Judged, Pipeline
from end_users import p256, pem, token
from pipeline.helpers import BY, NL, NOW, OPUS, US

HEADER = "x-bailiwick-end-user"
POLICY = """\
bailiwick: 1
name: end-users
places: {here: {include: [XA]}}
models: {frontier: {ids: ["anthropic/claude-opus-*"]}}
rules:
  - {id: in-here, permit: frontier, where: {end_user: {place: here}}}
  - {id: adults, permit: frontier, where: {end_user: {labels: [adult]}}}
  - {id: minors, deny: "*", where: {end_user: {labels: [minor]}}}
"""
KEY, PARENTS, STRANGERS = Ed25519PrivateKey.generate(), p256(), Ed25519PrivateKey.generate()
Judge = Callable[..., Judged]


@pytest.fixture
def key(database: AccountDatabase) -> str:
    """The key of an account that may attest, under an organisation that may as well."""
    database.add_account("Holding", id="holding", kind="organisation", **BY)
    database.add_account("Acme", id="acme", parent="holding", **BY)
    database.add_account("Stranger", id="stranger", **BY)
    database.add_attester("acme", pem(KEY), kid="k1", **BY)
    database.add_attester("acme", pem(KEY), kid="ended", **BY)
    database.end_attester("acme", "ended", **BY)
    database.add_attester("holding", pem(PARENTS), kid="group", **BY)
    database.add_attester("stranger", pem(STRANGERS), kid="theirs", **BY)
    return database.add_key("acme", **BY).raw


@pytest.fixture
def pipeline(make_pipeline: Any, make_world: Any) -> Pipeline:
    made: Pipeline = make_pipeline(world=make_world(POLICY))
    return made


@pytest.fixture
def with_token(ask: Callable[..., Asked]) -> Callable[..., Asked]:
    def make(*tokens: str, address: str = US) -> Asked:
        headers = [("x-forwarded-for", address), *((HEADER, one) for one in tokens)]
        return ask(headers=headers, named=dict(headers) if len(tokens) < 2 else None)

    return make


@pytest.fixture
def effect(pipeline: Pipeline, judge: Judge, with_token: Any) -> Callable[..., str]:
    def find(*tokens: str, **more: Any) -> str:
        return str(judge(pipeline, with_token(*tokens), **more).decision.effect)

    return find


@pytest.fixture
def refused(pipeline: Pipeline, judge: Judge, with_token: Any) -> Callable[..., str]:
    def find(*tokens: str, **more: Any) -> str:
        with pytest.raises(EndUserInvalid) as caught:
            judge(pipeline, with_token(*tokens), **more)
        return caught.value.why

    return find


def test_what_is_attested_decides(effect: Callable[..., str]) -> None:
    assert effect(token(KEY, NOW, place="XA")) == "permit"
    assert effect(token(KEY, NOW, place="XB")) == "deny"
    assert effect(token(KEY, NOW, labels=["adult", "member"])) == "permit"
    assert effect(token(KEY, NOW, labels=[])) == "deny"
    assert effect(token(KEY, NOW, place="XA", labels=["minor"])) == "deny"
    assert effect(token(KEY, NOW)) == "deny"
    assert effect() == "deny"


def test_what_is_not_claimed_is_unknown_and_what_is_empty_is_known(
    pipeline: Pipeline, judge: Judge, with_token: Any
) -> None:
    def missing(*tokens: str) -> set[str | None]:
        reasons = judge(pipeline, with_token(*tokens)).decision.reasons
        return {one.dimension for one in reasons if one.code == "evidence.missing"}

    assert missing() == {"end_user.place", "end_user.labels"}
    assert missing(token(KEY, NOW, place="XB")) == {"end_user.labels"}
    assert missing(token(KEY, NOW, place="XB", labels=[])) == set()


def test_an_organisations_key_counts_for_its_accounts(effect: Callable[..., str]) -> None:
    assert effect(token(PARENTS, NOW, kid="group", place="XA")) == "permit"


def test_a_place_is_made_canonical(pipeline: Pipeline, judge: Judge, with_token: Any) -> None:
    judged = judge(pipeline, with_token(token(KEY, NOW, place="CN-HK")))

    assert judged.end_user is not None
    assert judged.end_user.said.place == "HK"


def changed(name: str, value: Any) -> str:
    return token(KEY, NOW, **{"place": "XA", name: value})


def written(header: str, payload: str, key: Ed25519PrivateKey = KEY) -> str:
    """Sign texts as they are."""
    parts = [base64.urlsafe_b64encode(text.encode()).rstrip(b"=") for text in (header, payload)]
    body = b".".join(parts)
    return (body + b"." + base64.urlsafe_b64encode(key.sign(body)).rstrip(b"=")).decode()


def claims(**more: Any) -> dict[str, Any]:
    now = int(NOW.timestamp())
    return {"aud": "bailiwick", "iat": now, "exp": now + 60, "place": "XA", **more}


def headed(**header: Any) -> str:
    return jwt.encode(claims(), KEY, "EdDSA", {"kid": "k1", **header})


def hmac_with_the_public_key() -> str:
    head = json.dumps({"alg": "HS256", "kid": "k1"}).encode()
    parts = [
        base64.urlsafe_b64encode(text).rstrip(b"=")
        for text in (head, json.dumps(claims()).encode())
    ]
    mac = hmac.digest(pem(KEY).encode(), b".".join(parts), hashlib.sha256)
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


GOOD = token(KEY, NOW, place="XA")
EPOCH = int(NOW.timestamp())
PLAIN = '{"alg":"EdDSA","kid":"k1"}'
HOSTILE = {
    "empty": ("", "not a token"),
    "no token": ("US", "not a token"),
    "signature cut": (GOOD[:-8], "signature"),
    "signature left out": (GOOD[: GOOD.rindex(".") + 1], "not a token"),
    "two parts": (GOOD[: GOOD.rindex(".")], "not a token"),
    "blank in it": (f"{GOOD[:9]} {GOOD[9:]}", "not a token"),
    "two in one line": (f"{GOOD}, {GOOD}", "not a token"),
    "payload of another": (
        ".".join([GOOD.split(".")[0], token(KEY, NOW).split(".")[1], GOOD.split(".")[2]]),
        "signature",
    ),
    "none": (jwt.encode(claims(), None, "none", {"kid": "k1"}) + "AA", "`alg`"),
    "no signature": (jwt.encode(claims(), None, "none", {"kid": "k1"}), "not a token"),
    "HS256 with the public key": (hmac_with_the_public_key(), "`alg`"),
    "the other algorithm": (jwt.encode(claims(), p256(), "ES256", {"kid": "k1"}), "`alg`"),
    "no kid": (jwt.encode(claims(), KEY, "EdDSA"), "`kid`"),
    "unknown kid": (token(KEY, NOW, kid="k2"), "`kid`"),
    "kid is a list": (written('{"alg":"EdDSA","kid":["k1"]}', json.dumps(claims())), "`kid`"),
    "kid is a path": (token(KEY, NOW, kid="../../k1"), "`kid`"),
    "an ended key": (token(KEY, NOW, kid="ended", place="XA"), "`kid`"),
    "another account's key": (token(STRANGERS, NOW, kid="theirs", place="XA"), "`kid`"),
    "another's key under our kid": (token(STRANGERS, NOW, place="XA"), "signature"),
    "jwk": (headed(jwk=json.loads('{"kty":"OKP"}')), "header holds more"),
    "jku": (headed(jku="https://example.com/keys"), "header holds more"),
    "x5u": (headed(x5u="https://example.com/keys"), "header holds more"),
    "crit": (headed(crit=["b64"], b64=True), "header holds more"),
    "header key twice": (
        written('{"alg":"EdDSA","kid":"x","kid":"k1"}', json.dumps(claims())),
        "not a token",
    ),
    "claim twice": (written(PLAIN, json.dumps(claims())[:-1] + ',"place":"XA"}'), "not a token"),
    "claims are a list": (written(PLAIN, "[]"), "not a token"),
    "claims nested deep": (written(PLAIN, '{"a":' + "[" * 900 + "]" * 900 + "}"), "not a token"),
    "not UTF-8": (
        jwt.PyJWS().encode(b"\xff\xfe", KEY, "EdDSA", {"kid": "k1"}),
        "not a token",
    ),
    "no aud": (changed("aud", ...), "`aud`"),
    "aud of another": (changed("aud", "else"), "`aud`"),
    "aud is a list": (changed("aud", ["bailiwick", "else"]), "`aud`"),
    "no exp": (changed("exp", ...), "`exp`"),
    "no iat": (changed("iat", ...), "`iat`"),
    "exp is a text": (changed("exp", str(EPOCH + 60)), "`exp`"),
    "exp is true": (changed("exp", True), "`exp`"),
    "exp is infinite": (
        written(PLAIN, json.dumps(claims()).replace(str(EPOCH + 60), "1e999")),
        "`exp`",
    ),
    "exp is NaN": (written(PLAIN, json.dumps(claims(exp=float("nan")))), "not a token"),
    "lives too long": (changed("exp", EPOCH + 3601), "within 3600"),
    "exp before iat": (changed("exp", EPOCH - 1), "within 3600"),
    "expired": (token(KEY, NOW - timedelta(minutes=6, seconds=1)), "expired"),
    "far future": (token(KEY, NOW + timedelta(days=365)), "from the future"),
    "not yet": (changed("nbf", EPOCH + 61), "from the future"),
    "unknown place": (changed("place", "ZZ"), "`place`"),
    "place in lower case": (changed("place", "xa"), "`place`"),
    "place is null": (changed("place", None), "`place`"),
    "places": (changed("place", ["XA"]), "`place`"),
    "labels is a text": (changed("labels", "adult"), "`labels`"),
    "labels is null": (changed("labels", None), "`labels`"),
    "labels of numbers": (changed("labels", [1]), "`labels`"),
    "labels that are no names": (changed("labels", ["a b"]), "`labels`"),
    "too many labels": (changed("labels", [f"l{n}" for n in range(33)]), "`labels`"),
    "sub is a number": (changed("sub", 7), "`sub`"),
    "sub is empty": (changed("sub", ""), "`sub`"),
    "sub is long": (changed("sub", "x" * 201), "`sub`"),
    "huge": (changed("more", "x" * 4000), "longer than 4096"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_token_that_is_not_good_refuses_the_request(
    refused: Callable[..., str], name: str
) -> None:
    presented, why = HOSTILE[name]

    assert why in refused(presented)
    assert why in refused(presented)


def test_two_headers_are_refused(refused: Callable[..., str]) -> None:
    assert "twice" in refused(GOOD, GOOD)


def test_a_key_that_is_not_good_is_told_before_the_token(
    pipeline: Pipeline, judge: Judge, with_token: Any
) -> None:
    with pytest.raises(Exception, match=r"key\.unknown"):
        judge(pipeline, with_token("bad")._replace(key="bw_nobody"))


def test_nobody_can_attest_for_nobody(make_pipeline: Any, judge: Judge, with_token: Any) -> None:
    pipeline = make_pipeline(anonymous=True)

    with pytest.raises(EndUserInvalid, match="end_user_invalid"):
        judge(pipeline, with_token(GOOD)._replace(key=None))


def test_a_token_that_was_good_expires_and_ends_with_its_key(
    effect: Callable[..., str],
    refused: Callable[..., str],
    store: AccountStore,
    database: AccountDatabase,
) -> None:
    assert effect(GOOD, at=NOW + timedelta(seconds=359)) == "permit"
    assert "expired" in refused(GOOD, at=NOW + timedelta(seconds=360))
    assert "future" in refused(GOOD, at=NOW - timedelta(seconds=61))
    assert effect(GOOD) == "permit"
    database.end_attester("acme", "k1", **BY)
    store.poll()

    assert "`kid`" in refused(GOOD)


def test_a_token_is_good_for_its_account_only(
    pipeline: Pipeline, judge: Judge, with_token: Any, database: AccountDatabase, store: Any
) -> None:
    judge(pipeline, with_token(GOOD))
    other = database.add_key("stranger", **BY).raw
    store.poll()

    with pytest.raises(EndUserInvalid):
        judge(pipeline, with_token(GOOD)._replace(key=other))


def test_models_are_listed_for_the_end_user(pipeline: Pipeline, with_token: Any) -> None:
    def listed(*tokens: str) -> bool:
        return bool(pipeline.permitted_models(with_token(*tokens), NOW))

    assert listed(GOOD)
    assert not listed()
    assert not listed(token(KEY, NOW, place="XB"))
    with pytest.raises(EndUserInvalid):
        listed("bad")


def test_a_permit_stands_when_its_token_expires_on_the_way(
    pipeline: Pipeline, judge: Judge, with_token: Any, database: AccountDatabase, store: Any
) -> None:
    asked = with_token(GOOD)
    judged = judge(pipeline, asked)
    later = NOW + timedelta(hours=1)

    assert pipeline.ended(asked, judged, later) is None
    database.add_account("Other", id="other", **BY)
    database.revoke_key(judged.account.key_id if judged.account else "", **BY)
    store.poll()
    assert pipeline.ended(asked, judged, later) == "key.unknown"


def test_records_say_what_is_attested_and_never_of_whom(
    pipeline: Pipeline, judge: Judge, with_token: Any, events: Any
) -> None:
    for sub in ("ann@example.com", "bob@example.com"):
        judge(pipeline, with_token(token(KEY, NOW, sub=sub, place="XA", labels=["b1", "a1"])))
    judge(pipeline, with_token(token(KEY, NOW, place="XB"), address=NL))
    judge(pipeline, with_token())
    first, second, third, last = events()

    assert {**first["end_user"], "sub": ""} == {
        "kid": "k1", "sub": "", "place": "XA", "labels": ["a1", "b1"],
    }  # fmt: skip
    assert first["end_user"]["sub"] != second["end_user"]["sub"]
    assert third["end_user"] == {"kid": "k1", "sub": None, "place": "XB", "labels": None}
    assert "end_user" not in last
    assert first["layer"] == "edge"
    assert first["model_asked"] == OPUS
    assert "example.com" not in json.dumps([first, second], default=str)


def test_a_policy_that_is_only_tried_sees_the_end_user_too(
    make_pipeline: Any, make_world: Any, judge: Judge, with_token: Any, events: Any
) -> None:
    tried = make_world(POLICY.replace("[XA]", "[XB]"))
    pipeline = make_pipeline(world=make_world(POLICY, shadow=tried))

    judge(pipeline, with_token(GOOD))
    judge(pipeline, with_token(token(KEY, NOW, place="XB")))

    assert [(one["effect"], one["shadow"]["effect"]) for one in events()] == [
        ("permit", "deny"),
        ("deny", "permit"),
    ]
