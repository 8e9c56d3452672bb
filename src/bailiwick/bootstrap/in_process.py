"""The pipeline inside somebody else's program: opened from a settings file, kept up to date."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bailiwick.accounts import AccountDatabase
from bailiwick.bootstrap.build import build_world
from bailiwick.bootstrap.files import read_settings
from bailiwick.bootstrap.upstreams import described_upstreams, limits_of
from bailiwick.bootstrap.worker import Worker, utc_now
from bailiwick.gateway import Limits
from bailiwick.pipeline import Pipeline
from bailiwick.policy import Refusal

MOST_PROCESSES = 64
"""Processes of one application that write records beside each other."""


class InProcess:
    """A worker's pipeline, without its server."""

    def __init__(self, worker: Worker, limits: Limits, quota_storage: str) -> None:
        self._worker = worker
        self.limits = limits
        self.quota_storage = quota_storage

    @classmethod
    def open(cls, config: Path) -> "InProcess":
        """Open everything now. Raises ``BailiwickError`` if something cannot be used."""
        settings = read_settings(config)
        upstreams = described_upstreams(settings)
        build_world(settings, config.absolute().parent, upstreams, utc_now())
        accounts = settings.accounts
        AccountDatabase.open(accounts.url, accounts.secret, create=accounts.anonymous)
        node = f"{settings.audit.node}-app"
        worker = Worker(
            config.absolute(), settings, upstreams, MOST_PROCESSES, node, keeps_accounts=False
        )
        worker.begin()
        return cls(worker, limits_of(settings), settings.quotas.storage)

    def pipeline(self) -> Pipeline:
        """Give the pipeline. Raises ``Unavailable`` while there is none."""
        return self._worker.pipeline()

    def style(self) -> Refusal:
        """Say how the policy in force words a refusal."""
        return self._worker.style()

    def record(self, event: Mapping[str, Any]) -> None:
        """Record a refusal that came before any judgement."""
        self._worker.record(event)

    def close(self) -> None:
        """Stop following, write what is queued."""
        self._worker.close()
