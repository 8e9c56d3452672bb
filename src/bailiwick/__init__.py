"""Bailiwick: who may use which AI model from where, from one policy file.

``Bailiwick.from_policy("policy.yaml").decide(...)`` decides in your own process.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bailiwick.integrations import Bailiwick, BailiwickMiddleware, Outcome

__all__ = ["Bailiwick", "BailiwickMiddleware", "Outcome"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    from bailiwick import integrations  # only who asks for it waits for it

    return getattr(integrations, name)
