"""HTTP for people and for the systems around: the endpoints that receive webhooks."""

from bailiwick.console.webhooks import Sender, WebhookOptions, make_webhooks_app

__all__ = ["Sender", "WebhookOptions", "make_webhooks_app"]
