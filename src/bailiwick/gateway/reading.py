"""Read a model request without serving it, for whoever asks before somebody else forwards it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bailiwick.decision import Obligations
from bailiwick.front import Refused
from bailiwick.gateway import models, obligations
from bailiwick.gateway.body import read, refuse_repeats
from bailiwick.gateway.dialects import ENDPOINTS, MODELS_PATH, Endpoint, dialect_of
from bailiwick.gateway.identity import check_name, check_query, model_named
from bailiwick.gateway.options import Limits


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request asks for."""

    model: str | None
    """The one name in body, path, query and headers; ``None``: the list of models is asked for."""
    action: str
    features: frozenset[str]
    dialect: str
    body: Mapping[str, Any]
    endpoint: Endpoint | None
    size: int
    """Bytes of the body."""

    def check(self, held: Obligations) -> None:
        """Refuse what is over a limit, for somebody who cannot change the body on its way."""
        obligations.check(held, self.size)
        if self.endpoint is not None:
            capped = obligations.cap(held, self.endpoint.limits, dict(self.body))
            if capped is not None:
                message = f"the policy allows {held.max_output_tokens} tokens of output here"
                raise Refused("body_field", f"{message}: ask for {capped}")


def read_request(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    raw: bytes | bytearray,
    limits: Limits,
) -> Reading:
    """Read a request as strictly as the gateway does, for somebody who forwards its own bytes.

    So a key may not be given twice anywhere: an upstream could take the other one. Raises
    ``Refused``.
    """
    endpoint = ENDPOINTS.get(path)
    if endpoint is None:
        return _listing(method, path, query, headers)
    if method != "POST":
        raise Refused("method_not_allowed", "this path takes POST")
    if query:
        check_query(query, endpoint.query)
    body = read(raw, limits)
    refuse_repeats(raw, body)
    name = model_named(body, headers)
    features = endpoint.features(body)
    return Reading(name, endpoint.action, features, endpoint.dialect, body, endpoint, len(raw))


def read_head(
    method: str, path: str, query: str, headers: Mapping[str, str]
) -> tuple[str, str, str | None]:
    """Read the action, the dialect and the model of a request whose body nobody shows us."""
    endpoint = ENDPOINTS.get(path)
    if endpoint is None:
        listed = _listing(method, path, query, headers)
        return listed.action, listed.dialect, listed.model
    if method != "POST":
        raise Refused("method_not_allowed", "this path takes POST")
    if query:
        check_query(query, endpoint.query)
    return endpoint.action, endpoint.dialect, None


def _listing(method: str, path: str, query: str, headers: Mapping[str, str]) -> Reading:
    name = path.removeprefix(f"{MODELS_PATH}/") if path != MODELS_PATH else None
    if name == path:
        raise Refused("path_unknown", "there is nothing at this path")
    if method != "GET":
        raise Refused("method_not_allowed", "this path takes GET")
    check_query(query, models.QUERY)
    if name is not None:
        check_name(name)
    dialect = dialect_of(path, headers)
    return Reading(name, "list_models", frozenset(), dialect, {}, None, 0)
