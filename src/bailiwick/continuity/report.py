"""Assess every loss: who loses service, what can stand in, what it costs, and what does not fit.

Shares are of what is served now: requests that the policy permits today. Requests that it denies
already are counted once, and no loss is blamed for them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from bailiwick.alternatives import fit
from bailiwick.continuity.costs import DAYS
from bailiwick.continuity.judge import Mask, Portfolio
from bailiwick.continuity.losses import Loss
from bailiwick.continuity.propose import Proposal, propose
from bailiwick.continuity.scenario import Scenario
from bailiwick.decision import DecisionTable

SCHEMA = "bailiwick-continuity/1"
Compile = Callable[[str], DecisionTable]
"""Reads the policy that a scenario names."""


@dataclass(frozen=True, slots=True)
class Count:
    """How much of something."""

    requests: int
    tokens: int
    accounts: int


@dataclass(frozen=True, slots=True)
class Impact:
    """What one loss or scenario does."""

    name: str
    kind: str
    hit: Count
    """Loses the model it uses."""
    kept: Count
    """Of these, a permitted model that fits stands in."""
    may_keep: Count
    """Of these, a permitted model may fit: the catalogue does not say enough."""
    lost: Count
    """Of these, nothing stands in."""
    by_model: Mapping[str, int]
    """Model that stands in to requests; the best one takes all."""
    cost_before: float | None
    """USD a month for what is hit and kept, as it is now; ``None``: a price is not known."""
    cost_after: float | None
    quality_change: float | None
    """Mean change of the benchmark over the requests for which both scores are known."""
    quality_known: int
    """Requests for which they are."""
    reasons: Mapping[str, int]
    """Why nothing stands in, to requests."""
    from_at: datetime | None = None
    until_at: datetime | None = None

    @property
    def strength(self) -> tuple[int, int]:
        """How bad it is: what is lost, then what is hit."""
        return self.lost.requests, self.hit.requests


@dataclass(frozen=True, slots=True)
class Report:
    """The whole assessment, the weakest points first."""

    served: Count
    denied: Count
    """Denied by the policy already."""
    unknown_models: int
    """Requests for models that the catalogue does not know."""
    sized: int
    """Requests of which the logs say the tokens; of the others no context is known."""
    days: float | None
    losses: tuple[Impact, ...]
    scenarios: tuple[Impact, ...]
    proposal: Proposal
    target: float
    quality: str | None
    models: tuple[str, ...]
    """The candidates, in the order in which they are preferred."""
    in_use: tuple[str, ...]


def assess(
    portfolio: Portfolio,
    table: DecisionTable,
    at: datetime,
    losses: Iterable[Loss],
    scenarios: Iterable[Scenario] = (),
    *,
    compiled: Callable[[str], DecisionTable] | None = None,
    target: float = 0.99,
) -> Report:
    """Assess losses and scenarios; ``compiled`` gives the table of a policy that one names."""
    work = _Assessment(portfolio, portfolio.permitted(table, at))
    impacts, open_ = [], {}
    for loss in losses:
        impact, groups = work.impact(loss.name, loss.kind, work.after([loss]), with_groups=True)
        if impact.hit.requests:
            impacts.append(impact)
            open_[loss.name] = groups
    stated = tuple(work.scenario(one, table, at, compiled) for one in scenarios)
    served = work.served
    traffic = portfolio.traffic
    proposal = propose(open_, work.extras, int(traffic.requests[served].sum()), target)
    unknown = portfolio.own < 0
    return Report(
        work.count(served),
        work.count(~served),
        int(traffic.requests[unknown].sum()),
        traffic.sized,
        traffic.days,
        tuple(sorted(impacts, key=lambda one: one.strength, reverse=True)),
        stated,
        proposal,
        target,
        portfolio.wishes.quality,
        tuple(portfolio.models),
        tuple(one for one, used in zip(portfolio.models, portfolio.in_use, strict=True) if used),
    )


class _Assessment:
    """Works on masks over classes and models."""

    def __init__(self, portfolio: Portfolio, permitted: Mask) -> None:
        self.portfolio, self.permitted = portfolio, permitted
        self.traffic = portfolio.traffic
        self.served = portfolio.own_of(permitted)
        self.extras = [
            one for one, used in zip(portfolio.models, portfolio.in_use, strict=True) if not used
        ]

    def after(self, losses: Sequence[Loss], permitted: Mask | None = None) -> Mask:
        """Give what is permitted once some losses have happened."""
        left = self.permitted if permitted is None else permitted
        for loss in losses:
            left = left & ~self.portfolio.hit(loss)
        return left

    def scenario(
        self,
        scenario: Scenario,
        table: DecisionTable,
        at: datetime,
        compiled: Callable[[str], DecisionTable] | None,
    ) -> Impact:
        """Assess one stated scenario, as of its own date."""
        when = max(scenario.from_at or at, at)
        other = compiled(scenario.policy) if scenario.policy and compiled else table
        unchanged = other is table and when == at
        permitted = self.permitted if unchanged else self.portfolio.permitted(other, when)
        impact, _ = self.impact(
            scenario.name, "scenario", self.after(scenario.losses, permitted),
            span=(scenario.from_at, scenario.until_at),
        )  # fmt: skip
        return impact

    def impact(
        self,
        name: str,
        kind: str,
        left: Mask,
        *,
        with_groups: bool = False,
        span: tuple[datetime | None, datetime | None] = (None, None),
    ) -> tuple[Impact, dict[int, int]]:
        """Assess what is left of the permitted models."""
        hit = self.served & ~self.portfolio.own_of(left)
        usable = left & self.portfolio.fits
        possible = left & self.portfolio.may_fit
        kept = hit & usable.any(1)
        may = hit & ~kept & possible.any(1)
        lost = hit & ~kept & ~may
        chosen = np.where(kept, usable.argmax(1), -1)
        quality, known = self._quality(kept, chosen)
        impact = Impact(
            name, kind, self.count(hit), self.count(kept), self.count(may), self.count(lost),
            self._by_model(kept, chosen), self._cost(kept, self.portfolio.own),
            self._cost(kept, chosen), quality, known, self._reasons(lost, left), *span,
        )  # fmt: skip
        return impact, self._groups(hit, usable) if with_groups else {}

    def count(self, classes: Mask) -> Count:
        """Count requests, tokens and accounts of some classes."""
        tokens = self.traffic.tokens_in[classes].sum() + self.traffic.tokens_out[classes].sum()
        requests = int(self.traffic.requests[classes].sum())
        return Count(requests, int(tokens), self.traffic.accounts_in(classes))

    def _by_model(self, kept: Mask, chosen: Any) -> dict[str, int]:
        found: dict[str, int] = {}
        for number in np.unique(chosen[kept]):
            mine = kept & (chosen == number)
            found[self.portfolio.models[number]] = int(self.traffic.requests[mine].sum())
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    def _cost(self, classes: Mask, models: Any) -> float | None:
        """Give the cost a month, each model's tokens together; ``None``: a price is not known."""
        months = (self.traffic.days or DAYS) / DAYS
        total = 0.0
        for number in np.unique(models[classes]):
            mine = classes & (models == number)
            cost = self.portfolio.prices.per_month(
                self.portfolio.models[number],
                float(self.traffic.tokens_in[mine].sum()) / months,
                float(self.traffic.tokens_out[mine].sum()) / months,
            )
            if cost is None:
                return None
            total += cost
        return total if classes.any() else None

    def _quality(self, kept: Mask, chosen: Any) -> tuple[float | None, int]:
        scores = np.array([self.portfolio.score(one) for one in self.portfolio.models])
        if not len(scores):
            return None, 0
        change = scores[np.maximum(chosen, 0)] - scores[np.maximum(self.portfolio.own, 0)]
        known = kept & np.isfinite(scores[np.maximum(chosen, 0)])
        known &= np.isfinite(scores[np.maximum(self.portfolio.own, 0)])
        weight = self.traffic.requests[known]
        count = int(weight.sum())
        return (float((change[known] * weight).sum() / count) if count else None), count

    def _groups(self, hit: Mask, usable: Mask) -> dict[int, int]:
        """Group what the models in use leave open by the extra models that could answer it."""
        in_use = self.portfolio.in_use
        open_ = hit & ~usable[:, in_use].any(1)
        extras = usable[:, ~in_use]
        groups: dict[int, int] = {}
        for at in np.flatnonzero(open_):
            mask = sum(1 << int(number) for number in np.flatnonzero(extras[at]))
            groups[mask] = groups.get(mask, 0) + int(self.traffic.requests[at])
        return groups

    def _reasons(self, lost: Mask, left: Mask) -> dict[str, int]:
        found: dict[str, int] = {}
        for at in np.flatnonzero(lost):
            why = self._reason(int(at), left[at] & self.portfolio.alike[at])
            found[why] = found.get(why, 0) + int(self.traffic.requests[at])
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    def _reason(self, number: int, left: Any) -> str:
        """Say why nothing stands in: what every permitted model lacks."""
        models = [self.portfolio.models[at] for at in np.flatnonzero(left)]
        if not models:
            return "no model is permitted there any more"
        needs = self.portfolio.needs(number)
        catalog = self.portfolio.catalog.models
        lacking = [
            {one.partition(":")[0] for one in fit(catalog[model], needs).lacking}
            for model in models
        ]
        shared = set.intersection(*lacking)
        if shared:
            return "no permitted model has enough: " + ", ".join(sorted(shared))
        every = sorted(set().union(*lacking))
        return "no one permitted model has all: " + ", ".join(every)


def report_as_dict(report: Report) -> dict[str, Any]:
    """Give the report for ``--json``."""
    total = report.served.requests
    return {
        "schema": SCHEMA,
        "served": _count(report.served),
        "denied_already": _count(report.denied),
        "unknown_models": report.unknown_models,
        "requests_with_known_tokens": report.sized,
        "days": report.days,
        "target": report.target,
        "quality": report.quality,
        "models_in_use": report.in_use,
        "candidates": report.models,
        "losses": [_impact(one, report.served) for one in report.losses],
        "scenarios": [_impact(one, report.served) for one in report.scenarios],
        "proposal": {
            "models": report.proposal.models,
            "method": "exact" if report.proposal.exact else "greedy",
            "at_least": report.proposal.at_least,
            "worst_kept": min(report.proposal.kept.values(), default=1.0),
            "kept": report.proposal.kept,
            "cannot_be_met": report.proposal.beyond,
        },
    } | ({} if total else {"empty": True})


def _impact(one: Impact, served: Count) -> dict[str, Any]:
    change = None
    if one.cost_before is not None and one.cost_after is not None:
        change = one.cost_after - one.cost_before
    return {
        "name": one.name,
        "kind": one.kind,
        "from": one.from_at,
        "until": one.until_at,
        "hit": _share(one.hit, served),
        "kept": _share(one.kept, served),
        "may_be_kept": _share(one.may_keep, served),
        "lost": _share(one.lost, served),
        "stands_in": one.by_model,
        "cost_per_month_before": one.cost_before,
        "cost_per_month_after": one.cost_after,
        "cost_change": change,
        "cost_change_share": change / one.cost_before if change and one.cost_before else None,
        "quality_change": one.quality_change,
        "quality_known_requests": one.quality_known,
        "does_not_fit": one.reasons,
    }


def _count(one: Count) -> dict[str, int]:
    return {"requests": one.requests, "tokens": one.tokens, "accounts": one.accounts}


def _share(one: Count, served: Count) -> dict[str, float]:
    counts, whole = _count(one), _count(served)
    shares = {
        f"{name}_share": counts[name] / whole[name] if whole[name] else 0.0 for name in counts
    }
    return counts | shares
