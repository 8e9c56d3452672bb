"""A small decision service in Python, as one would write it to be asked by Envoy: fast and bare.

It knows a set of keys, one model and the countries that may not use it.
"""

import json
import os
from pathlib import Path
from typing import Any

import maxminddb
import msgspec


class Body(msgspec.Struct):
    """What is read of a request."""

    model: str


class Service:
    """Answers 200 or 403."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._country = maxminddb.open_database(settings["mmdb"], maxminddb.MODE_MMAP_EXT).get
        self._keys = frozenset(Path(settings["keys"]).read_text().split())
        self._model = settings["model"]
        self._denied = frozenset(settings["denied"])
        self._decode = msgspec.json.Decoder(Body).decode

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        headers = scope.headers
        status = 200 if self._permits(headers, await protocol()) else 403
        protocol.response_empty(status, [])

    def _permits(self, headers: Any, raw: bytes) -> bool:
        if headers.get("x-api-key") not in self._keys:
            return False
        try:
            model = self._decode(raw).model
        except msgspec.DecodeError:
            return False
        found: Any = self._country(headers.get("x-forwarded-for", "").split(",")[0].strip())
        country = found["country"]["iso_code"] if found else None
        return model == self._model and country not in self._denied


if "AUTHZ" in os.environ:
    app = Service(json.loads(Path(os.environ["AUTHZ"]).read_text()))
