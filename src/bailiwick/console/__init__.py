"""HTTP for people and for the systems around: the admin API, the appeal page, and webhooks."""

from typing import TYPE_CHECKING, Any

from bailiwick.console.people import ROLES, hash_password, is_name, read_people
from bailiwick.console.webhooks import Sender, WebhookOptions, make_webhooks_app

if TYPE_CHECKING:
    from bailiwick.console.serve import serve_appeals, serve_console, serve_webhooks

__all__ = [
    "ROLES", "hash_password", "is_name", "read_people", "serve_appeals", "serve_console",
    "serve_webhooks",
    "Sender", "WebhookOptions", "make_webhooks_app",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in {"serve_appeals", "serve_console", "serve_webhooks"}:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    from bailiwick.console import serve

    return getattr(serve, name)
