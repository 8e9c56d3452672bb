"""What the front and those who answer hand to each other."""

import time
from typing import Final, NamedTuple

NEVER: Final = float("inf")

clock = time.monotonic


class Refused(Exception):
    """Ends a request with an answer of our own; ``code`` is one that the answering side knows."""

    def __init__(
        self, code: str, message: str, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s


class Reply(NamedTuple):
    """A whole response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def too_large(most: int) -> Refused:
    """Refuse a body for its size."""
    return Refused("body_too_large", f"the body may have at most {most} bytes")
