"""Claims of id tokens: checked with the issuer's keys, and never better than self-declared."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bailiwick.accounts.sources import BadEvent, Issuer, Said, TokenReader

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
ISSUER, AUDIENCE = "https://id.example", "bailiwick"


def jwks() -> str:
    found = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    return json.dumps({"keys": [{**found, "kid": "one", "use": "sig", "alg": "ES256"}]})


def token(key: Any = KEY, kid: str = "one", algorithm: str = "ES256", **claims: Any) -> str:
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "iat": now, "exp": now + 60, **claims}
    return jwt.encode(
        {k: v for k, v in whole.items() if v is not None}, key, algorithm, {"kid": kid}
    )


@pytest.fixture
def reader() -> TokenReader:
    return TokenReader(Issuer(ISSUER, AUDIENCE, jwks=jwks()))


def test_an_address_and_a_number_are_self_declared(reader: TokenReader) -> None:
    found = reader.read(
        token(address={"country": "UA", "region": "Crimea"}, phone_number="+77011234567", zoneinfo="Europe/Paris", locale="fr-FR")
    )  # fmt: skip

    assert (found.subject, found.issuer) == ("u1", ISSUER)
    assert found.said == (Said("registered", ("UA-43",), "T3"), Said("phone", ("KZ",), "T3"))


@pytest.mark.parametrize(
    "given",
    [
        token(OTHER), token(kid="two"), token(iss="https://evil.example"), token(aud="other"),
        token(exp=1), token(exp=None), token(sub=None), token(iat=None), "x.y.z", "",
        token("x" * 32, algorithm="HS256"), jwt.encode({"sub": "u1"}, None, "none", {"kid": "one"}),
    ],
)  # fmt: skip
def test_a_token_that_does_not_hold_is_refused(reader: TokenReader, given: str) -> None:
    with pytest.raises(BadEvent, match="the token is refused"):
        reader.read(given)


@pytest.fixture
def url() -> Iterator[str]:
    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = jwks().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_may_be_fetched(url: str) -> None:
    reader = TokenReader(Issuer(ISSUER, AUDIENCE, jwks_url=url))

    assert reader.read(token(address={"country": "DE"})).said == (
        Said("registered", ("DE",), "T3"),
    )


def test_an_issuer_has_keys_in_one_way() -> None:
    with pytest.raises(ValueError, match="`jwks` or `jwks_url`"):
        TokenReader(Issuer(ISSUER, AUDIENCE))
