"""Who gets in: users files, sessions, id tokens."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bailiwick.accounts import AccountDatabase
from bailiwick.console import hash_password
from bailiwick.console.access import Door
from bailiwick.console.oidc import Oidc, OidcOptions
from bailiwick.console.people import People, Person, read_people
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from people import POLICY

KEY = ec.generate_private_key(ec.SECP256R1())
CLAIMS = {
    "iss": "https://login.example",
    "aud": "bailiwick",
    "sub": "u-1",
    "groups": ["staff", "leads"],
}


def people(*users: dict[str, str]) -> People:
    return read_people(parse_document(json.dumps({"users": users}), "users.yaml"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "automation"}, "nobody can be called so"),
        ({"name": "Appellant"}, "nobody can be called so"),
        ({"role": "root"}, "unknown role"),
        ({"hash": "secret"}, "the hash is not of"),
        ({"hash": "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2g"}, "the hash is not of"),
        ({"more": "x"}, "a user has"),
    ],
)
def test_a_users_file_with_a_wrong_line_is_refused(change: dict[str, str], said: str) -> None:
    good = {"name": "ann", "role": "admin", "hash": hash_password("long enough it is")}

    with pytest.raises(InvalidInput, match=said):
        people({**good, **change})
    with pytest.raises(InvalidInput, match="two users"):
        people(good, {**good, "name": "ANN"})


def test_the_command_prints_a_line_that_lets_somebody_in() -> None:
    words = [sys.executable, "-m", "bailiwick", "console", "user", "ann", "--role", "approver"]
    done = subprocess.run(
        words, input="correct horse\n", capture_output=True, text=True, check=True
    )

    found = read_people(parse_document(f"users:\n{done.stdout}", "users.yaml"))

    assert found.verify("ann", "correct horse") == Person("ann", "approver")
    assert found.verify("ann", "correct horse ") is None
    assert found.verify("bob", "correct horse") is None


@pytest.fixture
def oidc(tmp_path: Path) -> Oidc:
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [{**public, "kid": "k1", "use": "sig", "alg": "ES256"}]}))
    roles = {"leads": "approver", "staff": "viewer"}
    return Oidc(
        OidcOptions("https://login.example", "bailiwick", str(file), roles, role_claim="groups")
    )


def signed(key: Any = KEY, algorithm: str = "ES256", kid: str = "k1", **changes: Any) -> str:
    now = int(time.time())
    claims = {**CLAIMS, "iat": now, "exp": now + 600, **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


def test_an_id_token_gives_the_highest_role_that_it_names(oidc: Oidc) -> None:
    assert oidc.verify(signed()) == Person("u-1", "approver")


@pytest.mark.parametrize(
    "bad",
    [
        {"iss": "https://other.example"}, {"aud": "other"}, {"exp": 1}, {"exp": None}, {"sub": None},
        {"groups": ["guests"]}, {"groups": None}, {"groups": [{}]}, {"sub": "automation"},
        {"kid": "k2"}, {"key": ec.generate_private_key(ec.SECP256R1())},
        {"key": "s" * 32, "algorithm": "HS256"}, {"key": "", "algorithm": "none"},
    ],
)  # fmt: skip
def test_an_id_token_that_is_not_good_lets_nobody_in(oidc: Oidc, bad: dict[str, Any]) -> None:
    assert oidc.verify(signed(**bad)) is None
    assert oidc.verify("a.b.c") is None


def test_an_id_token_with_the_name_of_a_local_user_lets_nobody_in(
    oidc: Oidc, tmp_path: Path
) -> None:
    local = {"name": "U-1", "role": "viewer", "hash": hash_password("long enough it is")}

    database = AccountDatabase.open(f"sqlite:///{tmp_path}/a.db", tmp_path / "secret", create=True)

    assert Door(lambda: people(local), database, oidc).find(signed()) is None
    assert Door(lambda: People({}), database, oidc).find(signed()) == Person("u-1", "approver")
    database.close()


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ({"listen": {"host": "0.0.0.0"}, "users": "users.yaml"}, "passwords must not travel"),
        ({}, "nobody could log in"),
        ({"users": "none.yaml"}, "none.yaml"),
    ],
)
def test_a_console_that_would_be_unsafe_or_useless_does_not_start(
    tmp_path: Path, console: dict[str, Any], said: str
) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    config = tmp_path / "bailiwick.yaml"
    config.write_text(json.dumps({"policy": "policy.yaml", "console": console}))
    words = [sys.executable, "-m", "bailiwick", "console", "--config", str(config)]

    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)

    assert done.returncode != 0
    assert said in done.stderr
