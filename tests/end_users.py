"""Keys of account holders, and tokens that they make of their users."""

import json
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Private = Ed25519PrivateKey | EllipticCurvePrivateKey


def p256() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def pem(key: Private) -> str:
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form).decode()


def jwk(key: Ed25519PrivateKey, **more: str) -> str:
    said = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return json.dumps({**said, **more})


def token(key: Private, at: datetime, kid: str = "k1", **claims: Any) -> str:
    """Make a token that is good at ``at``; a claim that is ``...`` is left out."""
    now = int(at.timestamp())
    said = {"aud": "bailiwick", "iat": now, "exp": now + 300, **claims}
    algorithm = "EdDSA" if isinstance(key, Ed25519PrivateKey) else "ES256"
    kept = {name: value for name, value in said.items() if value is not ...}
    return jwt.encode(kept, key, algorithm, {"kid": kid})
