"""Hold permitted requests to the quotas that the policy puts on them. Every quota counts by itself.

Counting is done by ``limits``, in fixed windows: in memory for one worker, in Valkey or Redis for
several. If it cannot be done, the request is refused.
"""

import hashlib
import math
import time
from functools import cached_property
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Final

from bailiwick.decision import Quota
from bailiwick.front import Refused
from bailiwick.gateway.options import MEMORY
from bailiwick.pipeline import Judged

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.storage import Storage
    from limits.aio.strategies import FixedWindowRateLimiter

_NAMESPACE: Final = "bailiwick"
_PATIENCE_S: Final = 1.0
"""How long a quota server may take."""


class Quotas:
    """Counts what is used."""

    def __init__(self, storage: str) -> None:
        self._storage = storage
        self._items: dict[tuple[Quota, str], RateLimitItem] = {}
        if storage == MEMORY:  # nothing can be wrong with it: what it needs comes beside the start
            Thread(target=import_module, args=("limits.aio.strategies",), daemon=True).start()
        else:
            _ = self._limiter  # a bad address stops the start

    @cached_property
    def _limiter(self) -> "FixedWindowRateLimiter":
        from limits.aio.strategies import FixedWindowRateLimiter

        return FixedWindowRateLimiter(_made(self._storage))

    async def admit(self, judged: Judged) -> None:
        """Count a request against each of its quotas, or refuse it (429) and count nothing."""
        quotas = judged.decision.obligations.quotas
        try:
            for quota in quotas:
                await self._test(quota, identity(quota.by, judged))
            for quota in quotas:
                if quota.requests is not None:
                    await self._count(quota, "requests", identity(quota.by, judged), 1)
        except Refused:
            raise
        except Exception as error:
            raise Refused("quotas_unavailable", "quotas cannot be counted at present") from error

    async def spend(self, judged: Judged, tokens: int) -> None:
        """Count the tokens that an answer used, once they are known."""
        for quota in judged.decision.obligations.quotas:
            if quota.tokens is not None:
                await self._count(quota, "tokens", identity(quota.by, judged), tokens)

    async def _test(self, quota: Quota, who: str) -> None:
        for kind in ("requests", "tokens"):
            item = self._item(quota, kind)
            if item is not None and not await self._limiter.test(item, quota.rule, quota.by, who):
                raise await self._used_up(quota, item, who, kind)

    async def _count(self, quota: Quota, kind: str, who: str, cost: int) -> None:
        item = self._item(quota, kind)
        if item is None:
            return
        within = await self._limiter.hit(item, quota.rule, quota.by, who, cost=cost)
        if not within and kind == "requests":
            raise await self._used_up(quota, item, who, kind)

    async def _used_up(self, quota: Quota, item: "RateLimitItem", who: str, kind: str) -> Refused:
        reset_at = (
            await self._limiter.get_window_stats(item, quota.rule, quota.by, who)
        ).reset_time
        most = quota.requests if kind == "requests" else quota.tokens
        message = f"the quota of {most} {kind} per {quota.per} is used up"
        return Refused("quota", message, None, max(1, math.ceil(reset_at - time.time())))

    def _item(self, quota: Quota, kind: str) -> "RateLimitItem | None":
        most = quota.requests if kind == "requests" else quota.tokens
        if most is None:
            return None
        found = self._items.get((quota, kind))
        if found is None:
            found = _item_per(quota.per)(most, 1, f"{_NAMESPACE}-{kind}")
            self._items[quota, kind] = found
        return found


def identity(by: str, judged: Judged) -> str:
    """Name whose use is added up. What is not known is added up together, never left out."""
    match by:
        case "account":
            return judged.account.id if judged.account is not None else ""
        case "key":
            return judged.account.key_id if judged.account is not None else ""
        case "address":
            address = judged.located.address if judged.located is not None else ""
            return hashlib.sha256(address.encode()).hexdigest()[:32]
        case "place":
            return "+".join(judged.located.places) if judged.located is not None else ""
        case "model":
            return judged.model or ""
        case _:
            return ""


def _item_per(unit: str) -> "type[RateLimitItem]":
    import limits

    return {
        "second": limits.RateLimitItemPerSecond,
        "minute": limits.RateLimitItemPerMinute,
        "hour": limits.RateLimitItemPerHour,
        "day": limits.RateLimitItemPerDay,
    }[unit]


def _made(uri: str) -> "Storage":
    from limits.aio.storage import MemoryStorage, Storage
    from limits.storage import storage_from_string

    if uri == MEMORY:
        return MemoryStorage()
    storage = storage_from_string(
        f"async+{uri}",
        implementation="redispy",
        socket_timeout=_PATIENCE_S,
        socket_connect_timeout=_PATIENCE_S,
    )
    assert isinstance(storage, Storage)  # noqa: S101 - ``async+`` means this kind
    return storage
