"""An asker's question that gets no decision, and why."""

from collections.abc import Mapping
from typing import Final

from bailiwick.front import Refused

STATUS: Final[Mapping[str, int]] = {
    "body_broken": 400,
    "header_invalid": 400,
    "question_invalid": 400,
    "request_invalid": 400,
    "target_invalid": 400,
    "transfer_encoding": 400,
    "asker_unknown": 401,
    "asker_untrusted": 403,
    "path_unknown": 404,
    "method_not_allowed": 405,
    "body_timeout": 408,
    "head_timeout": 408,
    "body_too_large": 413,
    "too_many_evaluations": 413,
    "expectation_failed": 417,
    "head_too_large": 431,
    "internal": 500,
    "accounts_unavailable": 503,
    "audit_unavailable": 503,
    "not_ready": 503,
    "overloaded": 503,
}
"""Every code that the service itself answers with, and its status (``docs/service.md``)."""


class NotAnswered(Refused):
    """Ends a question without a decision; ``code`` is one of ``STATUS``."""

    @property
    def status(self) -> int:
        """The status of the answer."""
        return STATUS[self.code]
