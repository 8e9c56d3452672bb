"""Addresses, a policy and fakes that the tests of this room share."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bailiwick.audit import AuditLog, AuditUnavailable, Event, reread, show

NOW = datetime(2026, 7, 1, tzinfo=UTC)
BY = {"actor": "tester", "reason": "a test"}
US, NL, AU = "192.0.32.10", "193.0.6.139", "202.12.29.175"
"""Addresses of ICANN, RIPE NCC and APNIC: real geography that does not move."""
PROXY = "192.0.2.1"
POLICY = """\
bailiwick: 1
name: pipeline-tests
places: {us: {include: [US], territories: listed-only}}
models:
  frontier: {ids: ["anthropic/claude-opus-*"]}
  open: {openness: [open, open-weight], controlled: false}
rules:
  - {id: open-everywhere, permit: open}
  - id: frontier-in-us
    permit: frontier
    where: {address: us, billing: us, processing: [us, unknown]}
  - {id: no-australia, deny: frontier, where: {address: AU}}
  - {id: banned-card, deny: frontier, where: {card: KP}}
  - {id: no-images, restrict: frontier, to: {features: {deny: [image_input]}}}
  - {id: slow, restrict: open, to: {quota: {requests: 5, per: minute, by: account}}}
"""
OPUS, LLAMA = "claude-opus-4-1", "meta/llama-3.3-70b"


class Events:
    """Reads what the log holds, once it is closed."""

    def __init__(self, directory: Path, log: AuditLog) -> None:
        self._directory, self._log = directory, log

    def __call__(self, kind: str = "decision") -> list[Mapping[str, Any]]:
        self._log.close()
        return [
            entry.record.event
            for entry in show(self._directory)
            if entry.record.event["kind"] == kind
        ]


class BrokenAudit:
    """A log that cannot write; what happened already it takes for later, or not even that."""

    def __init__(self, *, takes_late: bool = True) -> None:
        self.takes_late = takes_late
        self.late: list[Mapping[str, Any]] = []

    def append(
        self, event: Event, raw: Mapping[str, str] | None = None, at: datetime | None = None
    ) -> Any:
        raise AuditUnavailable("the disk is full")

    def append_nowait(
        self,
        event: Event,
        raw: Mapping[str, str] | None = None,
        at: datetime | None = None,
        *,
        late: bool = False,
    ) -> None:
        if not (late and self.takes_late):
            raise AuditUnavailable("the queue is full")
        self.late.append(reread(event) if isinstance(event, bytes) else event)
