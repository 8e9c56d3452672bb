"""From one model to another: which requests do not fit, and what the rest costs there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bailiwick.alternatives import Migration, Needs, dialect_notes, fit
from bailiwick.catalog import Catalog
from bailiwick.continuity.costs import DAYS, Prices
from bailiwick.continuity.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Misfit:
    """One reason why requests do not fit."""

    why: str
    requests: int
    tokens: int
    accounts: int
    known: bool
    """``False``: the catalogue does not say, so they may fit."""


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What moving the traffic of one model to another takes."""

    before: str
    after: str
    requests: int
    fit: int
    may_fit: int
    misfits: tuple[Misfit, ...]
    """A request that lacks two things is in two of them."""
    cost_before: float | None
    """USD a month, for the requests that fit or may fit."""
    cost_after: float | None
    notes: tuple[Migration, ...]
    longest_context: int
    longest_output: int
    sized: int


def migrate(
    catalog: Catalog, traffic: Traffic, prices: Prices, before: str, after: str
) -> MigrationReport:
    """Compare every class of requests for ``before`` with what ``after`` can do."""
    old, new = catalog.models[before], catalog.models[after]
    number = traffic.names.index(before) if before in traffic.names else -1
    mine = traffic.models == number
    fits: list[bool | None] = []
    lacking: dict[tuple[str, bool], list[int]] = {}
    for at in np.flatnonzero(mine):
        found = fit(new, _needs(traffic, int(at)))
        fits.append(found.fits)
        for known, whats in ((True, found.lacking), (False, found.unknown)):
            for what in whats:
                lacking.setdefault((what.partition(":")[0], known), []).append(int(at))
    numbers = np.flatnonzero(mine)
    answers = np.array([{True: 1, None: 0, False: -1}[one] for one in fits], np.int64)
    moving = np.zeros(len(mine), np.bool_)
    moving[numbers[answers >= 0]] = True
    counted = traffic.requests[numbers]
    return MigrationReport(
        before, after, int(counted.sum()), int(counted[answers == 1].sum()),
        int(counted[answers == 0].sum()),
        tuple(_misfit(traffic, what, known, rows) for (what, known), rows in lacking.items()),
        _cost(traffic, prices, before, moving), _cost(traffic, prices, after, moving),
        dialect_notes(old, new),
        int(traffic.context[mine].max(initial=0)), int(traffic.output[mine].max(initial=0)),
        traffic.sized,
    )  # fmt: skip


def _needs(traffic: Traffic, number: int) -> Needs:
    features = traffic.values[traffic.facts[number]].get("features")
    return Needs(
        int(traffic.context[number]),
        int(traffic.output[number]),
        features if isinstance(features, frozenset) else frozenset(),
    )


def _misfit(traffic: Traffic, what: str, known: bool, rows: Sequence[int]) -> Misfit:
    mask = np.zeros(len(traffic.models), np.bool_)
    mask[rows] = True
    tokens = traffic.tokens_in[mask].sum() + traffic.tokens_out[mask].sum()
    accounts = traffic.accounts_in(mask)
    return Misfit(what, int(traffic.requests[mask].sum()), int(tokens), accounts, known)


def _cost(
    traffic: Traffic, prices: Prices, model: str, mask: npt.NDArray[np.bool_]
) -> float | None:
    months = (traffic.days or DAYS) / DAYS
    return prices.per_month(
        model,
        float(traffic.tokens_in[mask].sum()) / months,
        float(traffic.tokens_out[mask].sum()) / months,
    )
