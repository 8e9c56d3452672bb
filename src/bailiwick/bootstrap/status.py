"""What ``/readyz`` shows of a worker (``docs/operations.md``)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bailiwick.accounts import AccountStore
from bailiwick.audit import AuditLog
from bailiwick.bootstrap.reload import ReloadStatus
from bailiwick.errors import Problem
from bailiwick.pipeline import World


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker has."""

    world: World | None
    accounts: AccountStore | None
    audit: AuditLog | None
    reload: ReloadStatus
    lacking: dict[str, str]
    """What could not be opened, and why."""


def status_of(parts: Parts, now: datetime) -> dict[str, Any]:
    """Describe a worker in JSON values.

    It is ready when it can answer. Stale accounts or an audit log that cannot write do not change
    that: models that are not controlled are still served.
    """
    return {
        "ready": parts.world is not None and not parts.lacking and parts.audit is not None,
        "lacking": _lacking(parts),
        "policy": _policy(parts.world),
        "reload": _reload(parts.reload),
        "data": _data(parts.world, now),
        "accounts": _accounts(parts.accounts),
        "audit": _audit(parts.audit),
    }


def _lacking(parts: Parts) -> dict[str, str]:
    if parts.world is None:
        return {"policy": parts.reload.reason or "not read yet", **parts.lacking}
    return dict(parts.lacking)


def _policy(world: World | None) -> dict[str, Any] | None:
    if world is None:
        return None
    return {"name": world.table.policy.name, "revision": world.revision}


def _reload(status: ReloadStatus) -> dict[str, Any]:
    return {
        "built_at": _time(status.built_at),
        "refused_at": _time(status.failed_at),
        "reason": status.reason,
        "warnings": [_problem(one) for one in status.problems],
        "needs_restart": list(status.needs_restart),
    }


def _data(world: World | None, now: datetime) -> list[dict[str, Any]]:
    rows = world.locator.status(now) if world else ()
    return [
        {
            "name": row.name,
            "kind": row.kind,
            "built_at": _time(row.built_at),
            "freshness": row.freshness.value,
        }
        for row in rows
    ]


def _accounts(store: AccountStore | None) -> dict[str, Any] | None:
    if store is None:
        return None
    status = store.status()
    return {
        "accounts": status.accounts,
        "keys": status.keys,
        "sequence": status.sequence,
        "age_s": round(status.age.total_seconds(), 3),
        "fresh": status.fresh,
        "error": status.error,
    }


def _audit(audit: AuditLog | None) -> dict[str, Any] | None:
    if audit is None:
        return None
    status = audit.status()
    return {
        "available": status.available,
        "reason": status.reason,
        "segment": status.segment,
        "records": status.records,
        "queued": status.queued,
        "checkpoint_problem": status.checkpoint_problem,
        "outside": [{"place": one.place, "reason": one.reason} for one in status.outside],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    where = str(problem.position) if problem.position else None
    return {"code": problem.code, "message": problem.message, "at": where}


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
