"""Build what carries notices from the settings."""

from collections.abc import Mapping

from bailiwick.accounts import Folder, Mail, Transport, Webhook
from bailiwick.bootstrap.upstreams import find_key
from bailiwick.errors import BailiwickError
from bailiwick.settings import KeySettings, NoticeSettings


def make_transport(settings: NoticeSettings, environment: Mapping[str, str]) -> Transport:
    """Make the one transport that the settings name."""
    if settings.folder is not None:
        return Folder(settings.folder)
    if settings.smtp is not None:
        smtp = settings.smtp
        password = _secret(smtp.password, environment) if smtp.password else None
        return Mail(
            smtp.host,
            smtp.port,
            smtp.sender,
            security=smtp.security,
            user=smtp.user,
            password=password,
        )
    assert settings.webhook is not None  # noqa: S101 - the settings name exactly one
    secret = _secret(settings.webhook.secret, environment)
    return Webhook(settings.webhook.url, secret.encode())


def _secret(key: KeySettings, environment: Mapping[str, str]) -> str:
    found, where = find_key(key, environment)
    if found is None:
        raise BailiwickError(f"accounts.notices: {where} holds no secret", "set it, then try again")
    return found
