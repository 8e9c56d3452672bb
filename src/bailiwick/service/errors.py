"""An asker's question that gets no decision, and why."""

from collections.abc import Mapping
from typing import Final

STATUS: Final[Mapping[str, int]] = {
    "question_invalid": 400,
    "asker_unknown": 401,
    "asker_untrusted": 403,
    "path_unknown": 404,
    "method_not_allowed": 405,
    "body_timeout": 408,
    "body_too_large": 413,
    "too_many_evaluations": 413,
    "internal": 500,
    "accounts_unavailable": 503,
    "audit_unavailable": 503,
    "not_ready": 503,
}
"""Every code that the service itself answers with, and its status (``docs/service.md``)."""


class NotAnswered(Exception):
    """Ends a question without a decision; ``code`` is one of ``STATUS``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The status of the answer."""
        return STATUS[self.code]
