"""Keys to attest with: added, ended, inherited, on record, and followed by a running gateway."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from bailiwick.accounts import AccountDatabase, show_account
from bailiwick.errors import InvalidInput
from end_users import jwk, p256, pem


@pytest.fixture
def family(database: AccountDatabase, by: Any) -> AccountDatabase:
    database.add_account("Holding", id="holding", kind="organisation", **by)
    database.add_account("Firm", id="firm", parent="holding", **by)
    database.add_account("Other", id="other", **by)
    return database


def test_a_key_counts_for_its_account_and_for_those_below(
    place: Any, family: AccountDatabase, by: Any
) -> None:
    family.add_attester("firm", pem(Ed25519PrivateKey.generate()), kid="own", **by)
    family.add_attester("holding", pem(p256()), kid="group", **by)
    store = place.store()

    assert [(one.kid, one.algorithm) for one in store.attesters("firm")] == [
        ("own", "EdDSA"),
        ("group", "ES256"),
    ]
    assert [one.kid for one in store.attesters("holding")] == ["group"]
    assert store.attesters("other") == store.attesters("nobody") == ()


def test_a_running_gateway_takes_in_what_is_added_and_ended(
    place: Any, family: AccountDatabase, by: Any
) -> None:
    store = place.store()
    family.add_attester("holding", pem(p256()), kid="k1", **by)
    assert store.attesters("firm") == ()

    store.poll()
    found = [one.kid for one in store.attesters("firm")]
    family.end_attester("holding", "k1", **by)
    family.set_label("firm", "research", **by)
    store.poll()

    assert found == ["k1"]
    assert store.attesters("firm") == store.attesters("holding") == ()
    assert place.store().attesters("firm") == ()


def test_another_change_of_an_account_keeps_its_keys(
    place: Any, family: AccountDatabase, by: Any
) -> None:
    family.add_attester("firm", pem(p256()), kid="k1", **by)
    store = place.store()
    family.set_label("firm", "research", **by)
    store.poll()

    assert [one.kid for one in store._snapshot.tidied().attesters_of("firm")] == ["k1"]
    assert [one.kid for one in store.attesters("firm")] == ["k1"]


def test_who_added_and_ended_a_key_stays_in_the_history(
    family: AccountDatabase, clock: Any, by: Any
) -> None:
    key = p256()
    family.add_attester("firm", pem(key), kid="k1", **by)
    added = clock.now
    clock.move(hours=1)
    family.end_attester("firm", "k1", **by)
    details = show_account(family, "firm")

    (one,) = details.attesters
    assert (one.kid, one.added_at, one.ended_at, one.key) == ("k1", added, clock.now, pem(key))
    assert [(row.what, row.actor) for row in details.history[-2:]] == [
        ("attester.added", "tester"),
        ("attester.ended", "tester"),
    ]


def test_a_key_that_ended_never_comes_back(family: AccountDatabase, by: Any) -> None:
    family.add_attester("firm", pem(p256()), kid="k1", **by)
    family.end_attester("firm", "k1", **by)

    with pytest.raises(InvalidInput, match="has or had a key `k1` already"):
        family.add_attester("firm", pem(p256()), kid="k1", **by)
    with pytest.raises(InvalidInput, match="no key `k1`"):
        family.end_attester("firm", "k1", **by)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_key_is_named_by_the_caller_the_jwk_or_itself(family: AccountDatabase, by: Any) -> None:
    key = Ed25519PrivateKey.generate()

    assert family.add_attester("firm", jwk(key, kid="theirs"), **by) == "theirs"
    assert family.add_attester("firm", jwk(key, kid="theirs"), kid="ours", **by) == "ours"
    assert family.add_attester("firm", jwk(key), **by).startswith("att_")
    with pytest.raises(InvalidInput, match="already"):
        family.add_attester("firm", pem(key), **by)


SECRET = Ed25519PrivateKey.generate().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
RSA = rsa(65537, 2048)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no public key"),
        ("{", "no public key"),
        ('{"kty": "OKP", "kty": "OKP"}', "no public key"),
        ('{"kty": "oct", "k": "c2VjcmV0"}', "secret key"),
        ('{"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}', "secret key"),
        ('{"kty": "OKP", "crv": "Ed25519", "x": "AA"}', "no public key"),
        ('{"kty": 7}', "no public key"),
        (SECRET.decode(), "secret key"),
        (pem(generate_private_key(SECP384R1())), "no public key"),
        (pem(RSA), "no public key"),  # type: ignore[arg-type]
        ("x" * 9000, "more than 8192"),
    ],
)
def test_what_is_no_key_of_the_two_kinds_is_refused(
    family: AccountDatabase, by: Any, text: str, problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        family.add_attester("firm", text, **by)

    assert show_account(family, "firm").attesters == ()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_an_account_has_few_keys_and_their_names_are_plain(
    family: AccountDatabase, by: Any
) -> None:
    key = pem(p256())
    for number in range(16):
        family.add_attester("firm", key, kid=f"k{number}", **by)

    with pytest.raises(InvalidInput, match="the most"):
        family.add_attester("firm", key, kid="k16", **by)
    with pytest.raises(InvalidInput, match="not usable"):
        family.add_attester("other", key, kid="a b", **by)
    with pytest.raises(InvalidInput, match="no account"):
        family.add_attester("nobody", key, **by)
