"""The gateway's settings file: every key typed, with a default, a unit and a description."""

from bailiwick.settings.describe import Key, describe
from bailiwick.settings.read import FILE_NAME, default_settings, read_settings, settings_schema
from bailiwick.settings.shape import (
    AccountSettings,
    AdminSettings,
    AskerSettings,
    AuditSettings,
    KeySettings,
    LimitSettings,
    ListenSettings,
    LoggingSettings,
    NoticeSettings,
    QuotaSettings,
    ReloadSettings,
    ServiceSettings,
    Settings,
    SignalSettings,
    TimeoutSettings,
    TlsSettings,
    UpstreamSettings,
)

__all__ = [
    "FILE_NAME", "Settings", "default_settings", "read_settings", "settings_schema",
    "Key", "describe",
    "AccountSettings", "AdminSettings", "AskerSettings", "AuditSettings", "KeySettings",
    "LimitSettings", "ListenSettings", "LoggingSettings", "NoticeSettings", "QuotaSettings",
    "ReloadSettings", "ServiceSettings", "SignalSettings", "TimeoutSettings", "TlsSettings",
    "UpstreamSettings",
]  # fmt: skip
