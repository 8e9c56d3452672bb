"""The endpoints that exist: what each path means, and what a body asks for on it.

A path that is not listed here does not exist. An endpoint's path is also the path upstream, so what
is judged is what is served.
"""

from collections.abc import Mapping
from typing import Final

from bailiwick.gateway.dialects import anthropic, openai
from bailiwick.gateway.dialects.endpoint import Endpoint

ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    endpoint.path: endpoint for endpoint in (*anthropic.ENDPOINTS, *openai.ENDPOINTS)
}
"""Every path that takes a body, by the path."""

MODELS_PATH: Final = "/v1/models"
"""Lists the models that this caller may use; one of them behind a further slash."""


def dialect_of(path: str, headers: Mapping[str, str]) -> str:
    """Tell which dialect a caller expects an answer in."""
    endpoint = ENDPOINTS.get(path)
    if endpoint is not None:
        return endpoint.dialect
    speaks_anthropic = "anthropic-version" in headers or "x-api-key" in headers
    return "anthropic" if speaks_anthropic or path.startswith("/v1/messages") else "openai"


__all__ = ["ENDPOINTS", "MODELS_PATH", "Endpoint", "dialect_of"]
