"""Bailiwick inside other programs: an ASGI middleware, a hook for LiteLLM, a plain Python API.

``litellm_hook`` is not imported here: it is one file that LiteLLM's own environment loads.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bailiwick.integrations.asgi import BailiwickMiddleware
    from bailiwick.integrations.python import Bailiwick, Outcome

__all__ = ["Bailiwick", "BailiwickMiddleware", "Outcome"]

_LATER = {"Bailiwick": "python", "Outcome": "python", "BailiwickMiddleware": "asgi"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
