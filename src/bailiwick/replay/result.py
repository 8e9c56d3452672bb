"""From what was counted to the result: one JSON document, which the report is drawn from.

``docs/replay.md`` describes it. Every group of figures adds up to the totals.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bailiwick.decision import (
    Combination,
    Decision,
    DecisionTable,
    diff_policies,
    explain,
    fact_in_words,
)
from bailiwick.errors import BailiwickError
from bailiwick.facts import UNKNOWN, Facts
from bailiwick.pipeline import Layers
from bailiwick.replay.judge import (
    LOCATION,
    NEWLY_DENIED,
    NEWLY_PERMITTED,
    REQUEST,
    SAME_DENY,
    SAME_PERMIT,
    Setting,
)
from bailiwick.replay.prices import Price, sources
from bailiwick.replay.rows import line_of
from bailiwick.replay.run import Finished
from bailiwick.replay.tally import CHANGES, MEASURES, Sums, Totals

SCHEMA = "bailiwick.replay/1"
MOST_ACCOUNTS = 50
MOST_EXAMPLES = 8
NAMES = {NEWLY_DENIED: "newly_denied", NEWLY_PERMITTED: "newly_permitted"}
ROUTE = ("processing", "egress", "endpoint")


@dataclass(frozen=True, slots=True)
class About:
    """What the result says of its making."""

    policy: str
    baseline: str | None
    files: Sequence[str]
    sources: Sequence[Mapping[str, Any]]
    """Status of the location sources."""
    engine: str
    made_at: datetime
    accounts: str | None = None
    """Where the evidence of accounts came from."""


def result(
    finished: Finished, setting: Setting, prices: Mapping[str, Price], about: About
) -> dict[str, Any]:
    """Write the result."""
    totals = finished.totals
    changed = _Changed(totals, setting)
    return {
        "schema": SCHEMA,
        "partial": finished.partial,
        "summary": figures(totals),
        "rows": _rows(totals),
        "period": {"first": _time(totals.first_us), "last": _time(totals.last_us)},
        "totals": _totals(totals),
        "by_country": _grouped(totals.by_pair, lambda key: key[0]),
        "by_model": _grouped(totals.by_pair, lambda key: _model(setting, key[1])),
        "by_layer": changed.by_layer(),
        "by_reason": changed.by_reason(),
        "by_day": _by_day(totals),
        "accounts": _accounts(totals),
        "examples": changed.examples(),
        "confidence": changed.confidence(),
        "evidence": changed.evidence(),
        "beyond_diff": changed.beyond_diff(),
        "dates": changed.dates(),
        "unknown_models": _unknown_models(totals, setting),
        "method": _method(finished, setting, prices, about),
    }


def figures(totals: Totals) -> dict[str, float]:
    """Give the figures that ``--fail-if`` may ask about."""
    sums = _sum(sums for _, sums, _ in totals.by_combination)
    found: dict[str, float] = {"rows_read": totals.rows + totals.skipped.total}
    found["rows_judged"], found["rows_skipped"] = totals.rows, totals.skipped.total
    found["requests"] = float(sums[:, 0].sum())
    for change, name in NAMES.items():
        for at, measure in enumerate(MEASURES):
            found[f"{measure}_{name}"] = float(sums[change, at])
        found[f"accounts_{name}"] = _affected(totals, change)
        whole = found["requests"]
        found[f"share_{name}"] = found[f"requests_{name}"] / whole if whole else 0.0
    found["cost_usd"] = float(sums[:, 3].sum())
    return {name: round(value, 6) for name, value in found.items()}


def _affected(totals: Totals, change: int) -> int:
    return sum(
        1 for account, sums in totals.by_account.items() if account is not None and sums[change, 0]
    )


def _sum(every: Iterable[Sums]) -> Sums:
    return sum(every, np.zeros((len(CHANGES), len(MEASURES))))


NO_FIGURES = figures(Totals())
"""Every name that ``figures`` has."""


def _rows(totals: Totals) -> dict[str, Any]:
    return {
        "read": totals.rows + totals.skipped.total,
        "judged": totals.rows,
        "skipped": totals.skipped.total,
        "skipped_by_reason": [
            {
                "reason": reason,
                "rows": count,
                "examples": [line_of(one) for one in totals.skipped.examples[reason]],
            }
            for reason, count in sorted(totals.skipped.counts.items(), key=lambda one: -one[1])
        ],
        "notes": list(totals.skipped.notes),
    }


def _totals(totals: Totals) -> dict[str, Any]:
    sums = _sum(sums for _, sums, _ in totals.by_combination)
    found: dict[str, Any] = {name: _measures(sums[at]) for at, name in enumerate(CHANGES)}
    for change, name in NAMES.items():
        found[name]["accounts"] = _affected(totals, change)
    found["all"] = _measures(sums.sum(axis=0))
    found["all"]["accounts"] = sum(1 for account in totals.by_account if account is not None)
    return found


def _measures(sums: Sums) -> dict[str, float]:
    whole = {name: int(sums[at]) for at, name in enumerate(MEASURES[:3])}
    return {**whole, "cost_usd": round(float(sums[3]), 2)}


def _grouped(sums: Mapping[Any, Sums], key: Callable[[Any], str | None]) -> list[dict[str, Any]]:
    grouped: dict[str | None, Sums] = defaultdict(lambda: _sum(()))
    for each, values in sums.items():
        grouped[key(each)] = grouped[key(each)] + values
    ordered = sorted(
        grouped.items(), key=lambda one: (-one[1][1:3, 0].sum(), -one[1][:, 0].sum(), one[0] or "")
    )
    return [_line(name, values) for name, values in ordered]


def _line(name: str | None, sums: Sums) -> dict[str, Any]:
    return {
        "name": name,
        "requests": int(sums[:, 0].sum()),
        "denied_before": int(sums[NEWLY_PERMITTED, 0] + sums[SAME_DENY, 0]),
        "denied_after": int(sums[NEWLY_DENIED, 0] + sums[SAME_DENY, 0]),
        "newly_denied": _measures(sums[NEWLY_DENIED]),
        "newly_permitted": _measures(sums[NEWLY_PERMITTED]),
    }


def _model(setting: Setting, name: str | None) -> str | None:
    return setting.catalog.resolve(name) or name if name else None


def _by_day(totals: Totals) -> list[dict[str, Any]]:
    days: dict[int, Sums] = defaultdict(lambda: _sum(()))
    for (day, _), sums in totals.by_day.items():
        days[day] = days[day] + sums
    return [{**_line(None, sums), "name": _day(day)} for day, sums in sorted(days.items())]


def _day(day: int) -> str | None:
    return None if day < 0 else f"{datetime.fromtimestamp(day * 86400, UTC):%Y-%m-%d}"


def _time(us: int | None) -> str | None:
    return None if us is None or us < 0 else datetime.fromtimestamp(us / 1e6, UTC).isoformat()


def _accounts(totals: Totals) -> dict[str, Any]:
    named = [
        (account, sums)
        for account, sums in totals.by_account.items()
        if account is not None and sums[1:3, 0].any()
    ]
    named.sort(key=lambda one: (-one[1][1:3, 3].sum(), -one[1][1:3, 0].sum(), one[0]))
    rows = []
    for account, sums in named[:MOST_ACCOUNTS]:
        places, models = totals.used.get(account, (set(), set()))
        rows.append(
            {
                **_line(account, sums),
                "places": sorted(place or "unknown" for place in places),
                "models": sorted(model or "unknown" for model in models),
            }
        )
    nobody = totals.by_account.get(None)
    return {
        "affected": len(named),
        "without_account": int(nobody[1:3, 0].sum()) if nobody is not None else 0,
        "top": rows,
    }


def _unknown_models(totals: Totals, setting: Setting) -> list[dict[str, Any]]:
    counts: dict[str, int] = defaultdict(int)
    for (_, name), sums in totals.by_pair.items():
        if name and setting.catalog.resolve(name) is None:
            counts[name] += int(sums[:, 0].sum())
    ordered = sorted(counts.items(), key=lambda one: -one[1])
    return [{"name": name, "requests": count} for name, count in ordered[:20]]


def _method(
    finished: Finished, setting: Setting, prices: Mapping[str, Price], about: About
) -> dict[str, Any]:
    totals = finished.totals
    used = {_model(setting, name) for _, name in totals.by_pair}
    return {
        "policy": {
            "file": about.policy,
            "name": setting.new.policy.name,
            "revision": setting.new.revision,
        },
        "baseline": (
            {
                "file": about.baseline,
                "name": setting.old.policy.name,
                "revision": setting.old.revision,
            }
            if setting.old
            else None
        ),
        "recorded": {"rows": totals.recorded[0], "denied": totals.recorded[1]},
        "judged_at": "each row's own time" if setting.at_recorded else setting.at.isoformat(),
        "assumed": {name: fact_in_words(fact) for name, fact in setting.assumed.items()},
        "accounts": about.accounts,
        "files": list(about.files),
        "chunks": {"all": finished.chunks, "read": finished.done},
        "engine": about.engine,
        "made_at": about.made_at.isoformat(),
        "location": [
            {key: one[key] for key in ("name", "built_at", "freshness", "licence", "credit")}
            for one in about.sources
        ],
        "prices": sources({id_: price for id_, price in prices.items() if id_ in used}),
        "rows_without_price": totals.unpriced,
        "about": [
            {
                "what": what,
                "source": policy.source or "not given",
                "as_of": str(policy.as_of or "unknown"),
                "about": policy.about or "",
            }
            for what, policy in (
                ("policy", setting.new.policy),
                ("baseline", setting.old and setting.old.policy),
            )
            if policy and (policy.source or policy.as_of)
        ],
    }


class _Changed:
    """What changes, by the combinations of facts that met the traffic."""

    def __init__(self, totals: Totals, setting: Setting) -> None:
        self.setting, self.new, self.old = setting, setting.new, setting.old
        self.combinations = totals.by_combination
        self._layers = {id(table): Layers(table) for table in (self.new, self.old) if table}

    def _changes(self) -> Iterable[tuple[int, Combination, Sums, str | None]]:
        for combination, sums, examples in self.combinations:
            for change in NAMES:
                if sums[change, 0]:
                    yield change, combination, sums[change], examples[change]

    def _denial(self, change: int, one: Combination) -> tuple[DecisionTable, Decision] | None:
        """Give the decision that denies, or denied; ``None``: it was only recorded."""
        if change == NEWLY_DENIED:
            return self.new, one.decisions[-1]
        return (self.old, one.decisions[0]) if self.old else None

    def by_layer(self) -> list[dict[str, Any]]:
        """Add up by the layer that denies, or denied."""
        return self._by(lambda change, one: [self._layer(change, one)], "layer")

    def by_reason(self) -> list[dict[str, Any]]:
        """Add up by rule and reason; a request with several counts under its first."""
        return self._by(lambda change, one: [self._reason(change, one)], "reason")

    def _by(
        self, names: Callable[[int, Combination], Sequence[str]], title: str
    ) -> list[dict[str, Any]]:
        grouped: dict[str, Sums] = defaultdict(lambda: _sum(()))
        for change, one, sums, _ in self._changes():
            for name in names(change, one):
                whole = _sum(())
                whole[change] = sums
                grouped[name] = grouped[name] + whole
        ordered = sorted(grouped.items(), key=lambda one: (-one[1][:, 0].sum(), one[0]))
        return [
            {
                title: name,
                "newly_denied": _measures(sums[NEWLY_DENIED]),
                "newly_permitted": _measures(sums[NEWLY_PERMITTED]),
            }
            for name, sums in ordered
        ]

    def _layer(self, change: int, one: Combination) -> str:
        found = self._denial(change, one)
        if found is None:
            return "as recorded"
        table, decision = found
        values = one.facts.values
        parts = [
            ("edge", table.prepare(values, LOCATION)),
            ("edge", table.prepare(values, [name for name in REQUEST if name not in ROUTE])),
            ("settings", table.prepare(values, ROUTE)),
        ]
        return self._layers[id(table)].of_deny(
            one.facts.model, one.facts.at, decision.reasons, parts
        )

    def _reason(self, change: int, one: Combination) -> str:
        found = self._denial(change, one)
        if found is None:
            return "as recorded"
        for reason in found[1].reasons:
            about = [reason.rule, reason.dimension, None if reason.rule else reason.authority]
            return " ".join([reason.code, *(text for text in about if text)])
        return "unsaid"

    def examples(self) -> list[dict[str, Any]]:
        """Show the most frequent changes of each kind, with what would have to be otherwise."""
        alike: dict[Any, tuple[float, int, Combination, str | None]] = {}
        for change, one, sums, place in self._changes():
            key = (change, one.facts.model, _words(one.facts), self._reason(change, one))
            before = alike.get(key)
            count = sums[0] + (before[0] if before else 0)
            alike[key] = (count, change, one, before[3] if before else place)
        ordered = sorted(alike.items(), key=lambda item: (-item[1][0], str(item[0])))
        chosen = [one for _, one in ordered if one[1] == NEWLY_DENIED][:MOST_EXAMPLES]
        chosen += [one for _, one in ordered if one[1] == NEWLY_PERMITTED][: MOST_EXAMPLES // 2]
        return [self._example(*one) for one in chosen]

    def _example(
        self, count: float, change: int, one: Combination, place: str | None
    ) -> dict[str, Any]:
        found = explain(self.new, one.facts)
        before = one.decisions[0] if self.old else None
        return {
            "change": NAMES[change],
            "requests": int(count),
            "at": line_of(place) if place else None,
            "model": one.facts.model,
            "facts": {name: fact_in_words(fact) for name, fact in sorted(one.facts.values.items())},
            "before": _said(before) if before else "as recorded",
            "after": _said(one.decisions[-1]),
            "would_be_permitted_if": [
                " and ".join(
                    f"{name} were {_some(values) or fact_in_words(fact)}"
                    for name, fact, values in each.facts
                )
                for each in found.changes[:2]
            ],
        }

    def confidence(self) -> dict[str, Any]:
        """Say how far what changes rests on evidence that is contested or missing."""
        counts: dict[str, float] = {"firm": 0, "contested": 0, "unknown": 0}
        for change, one, sums, _ in self._changes():
            found = self._denial(change, one)
            decisions = one.decisions if found else ()
            if any(decision.contested for decision in decisions):
                counts["contested"] += sums[0]
            elif found and any(r.code == "evidence.missing" for r in found[1].reasons):
                counts["unknown"] += sums[0]
            else:
                counts["firm"] += sums[0]
        return {name: int(count) for name, count in counts.items()}

    def evidence(self) -> list[dict[str, Any]]:
        """Say for each fact that a rule asks about how many requests it is known of."""
        names = sorted(self.new.asked | (self.old.asked if self.old else frozenset()))
        known = dict.fromkeys(names, 0.0)
        whole = 0.0
        for one, sums, _ in self.combinations:
            count = sums[:, 0].sum()
            whole += count
            for name in names:
                fact = one.facts.get(name)
                known[name] += 0 if fact is UNKNOWN else count
        return [
            {"fact": name, "known": int(known[name]), "unknown": int(whole - known[name])}
            for name in names
        ]

    def beyond_diff(self) -> dict[str, Any]:
        """Say what the traffic shows that a comparison of the two policies alone would not."""
        if self.old is None:
            return {"compared": False, "why": "no baseline policy was given"}
        models = {one.facts.model for one, _, _ in self.combinations if one.facts.model}
        try:
            differences = diff_policies(self.old, self.new, self.setting.at)
        except BailiwickError as error:
            return {"compared": False, "why": str(error)}
        met = [self._met(one.models, one.old, one.new) for one in differences]
        return {
            "compared": True,
            "differences": len(differences),
            "met_by_traffic": sum(1 for count in met if count),
            "not_met": sum(1 for count in met if not count),
            "models_differing": len({model for one in differences for model in one.models}),
            "models_used": len({m for one in differences for m in one.models} & models),
            "largest": [
                {
                    "models": one.models[:5],
                    "old": _said(one.old),
                    "new": _said(one.new),
                    "requests": int(count),
                }
                for count, one in sorted(zip(met, differences, strict=True), key=lambda o: -o[0])[
                    :5
                ]
                if count
            ],
        }

    def _met(self, models: Sequence[str], old: Decision, new: Decision) -> float:
        return sum(
            float(sums[:, 0].sum())
            for one, sums, _ in self.combinations
            if one.facts.model in models
            and (
                one.decisions[0].effect,
                one.decisions[0].determining,
                one.decisions[0].obligations,
            )
            == (old.effect, old.determining, old.obligations)
            and (
                one.decisions[-1].effect,
                one.decisions[-1].determining,
                one.decisions[-1].obligations,
            )
            == (new.effect, new.determining, new.obligations)
        )

    def dates(self) -> list[dict[str, Any]]:
        """Say what else the same traffic would meet at each later date that a rule names."""
        moments = sorted(
            {
                edge
                for rule in self.new.rules
                for edge in (rule.from_at, rule.until_at)
                if edge and edge > self.setting.at
            }
        )
        return [] if self.setting.at_recorded else [self._from(moment) for moment in moments]

    def _from(self, moment: datetime) -> dict[str, Any]:
        sums = _sum(())
        for one, each, _ in self.combinations:
            facts = Facts(one.facts.model, moment, one.facts.values)
            after = self.new.decide(facts).permitted
            sums[SAME_PERMIT if after else NEWLY_DENIED] += each[SAME_PERMIT] + each[NEWLY_DENIED]
            sums[NEWLY_PERMITTED if after else SAME_DENY] += each[NEWLY_PERMITTED] + each[SAME_DENY]
        rules = [
            f"{rule.id} {'begins' if rule.from_at == moment else 'ends'}"
            for rule in self.new.rules
            if moment in {rule.from_at, rule.until_at}
        ]
        return {
            "from": moment.isoformat(),
            "rules": sorted(set(rules)),
            "newly_denied": _measures(sums[NEWLY_DENIED]),
            "newly_permitted": _measures(sums[NEWLY_PERMITTED]),
        }


def _words(facts: Facts) -> tuple[tuple[str, str], ...]:
    return tuple((name, fact_in_words(fact)) for name, fact in sorted(facts.values.items()))


def _said(decision: Decision) -> str:
    reasons = ", ".join(
        " ".join(filter(None, (one.code, one.rule, one.dimension))) for one in decision.reasons[:3]
    )
    why = reasons or ", ".join(decision.determining)
    return f"{decision.effect.value} ({why})" if why else decision.effect.value


def _some(values: Sequence[str]) -> str:
    more = f" and {len(values) - 5} more" if len(values) > 5 else ""
    return f"one of {', '.join(values[:5])}{more}" if len(values) > 1 else ""
