"""Ask the table for every model and every place, now and at each date that a rule names."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from bailiwick.availability.values import Availability, Coming, LevelGroup, Offer, RuleNote
from bailiwick.catalog import Catalog
from bailiwick.decision import (
    Access,
    DecisionTable,
    Level,
    condition_in_words,
    levels,
    obligations_in_words,
    reason_in_words,
    rule_in_words,
)
from bailiwick.places import name_of
from bailiwick.policy import Rule, RuleEffect

MOST_DATES = 24
"""Coming dates of one model that are looked at."""

Levels = Mapping[str, Level]


def gather(table: DecisionTable, catalog: Catalog, at: datetime) -> Availability:
    """Find the level of every offered model in every place."""
    offered = [model for model in sorted(table.policy.models) if table.governing(model)]
    asking = _Asking(table)
    offers = tuple(_offer(asking, catalog, model, at) for model in offered)
    policy = table.policy
    return Availability(
        name=policy.name,
        about=policy.about,
        source=policy.source,
        as_of=policy.as_of,
        revision=table.revision,
        at=at,
        offers=offers,
        not_offered=len(policy.models) - len(offered),
        places=_names(place for one in offers for place in one.levels),
        appeal=policy.refusal.appeal,
        exemption=policy.refusal.exemption,
    )


class _Asking:
    """Asks once for all models that the policy treats alike."""

    def __init__(self, table: DecisionTable) -> None:
        self.table = table
        self.rules = {rule.id: rule for rule in table.rules}
        self._known: dict[tuple[int, frozenset[str], frozenset[str]], Levels] = {}

    def about(self, model: str) -> list[Rule]:
        """List the rules about a model, whenever they are in force."""
        return [rule for rule in self.table.rules if model in rule.models]

    def levels(self, model: str, at: datetime) -> Levels:
        """Give the level in each place."""
        about = frozenset(rule.id for rule in self.about(model))
        key = (self.table.row(model, at), self.table.governing(model), about)
        if key not in self._known:
            self._known[key] = levels(self.table, model, at)
        return self._known[key]


def _offer(asking: _Asking, catalog: Catalog, model: str, at: datetime) -> Offer:
    known = catalog.models[model]
    return Offer(
        model=model,
        provider=known.provider,
        family=known.family,
        openness=known.openness.value,
        authorities=tuple(sorted(asking.table.governing(model))),
        groups=_groups(asking, asking.levels(model, at)),
        coming=tuple(_coming(asking, model, at)),
    )


def _groups(asking: _Asking, found: Levels) -> tuple[LevelGroup, ...]:
    alike: dict[tuple[object, ...], list[str]] = {}
    for place, level in found.items():
        said = (level.access, level.rules, level.decision.reasons, level.decision.obligations)
        alike.setdefault(said, []).append(place)
    groups = [_group(asking, found[places[0]], tuple(sorted(places))) for places in alike.values()]
    order = list(Access)
    return tuple(sorted(groups, key=lambda one: (order.index(one.access), one.places)))


def _group(asking: _Asking, level: Level, places: tuple[str, ...]) -> LevelGroup:
    rules = [asking.rules[name] for name in level.rules]
    blocked = level.access is Access.BLOCKED
    return LevelGroup(
        access=level.access,
        places=places,
        conditions=() if blocked else tuple(dict.fromkeys(_conditions(rules))),
        obligations=() if blocked else tuple(dict.fromkeys(_obligations(level, rules))),
        reasons=tuple(dict.fromkeys(map(reason_in_words, level.decision.reasons)))
        if blocked
        else (),
        rules=tuple(_note(rule) for rule in rules if rule.authority != "builtin"),
    )


def _conditions(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        if rule.effect is RuleEffect.PERMIT:
            for one in rule.where:
                yield f"{one.dimension} {condition_in_words(one)}"
            for group in rule.where_any:
                yield " and ".join(f"{one.dimension} {condition_in_words(one)}" for one in group)


def _obligations(level: Level, rules: Iterable[Rule]) -> Iterator[str]:
    yield from obligations_in_words(level.decision.obligations)
    for rule in rules:
        if rule.effect is RuleEffect.RESTRICT:
            used = [one for one in rule.where if one.dimension == "features"]
            for line in obligations_in_words(rule.obligations):
                when = " and ".join(condition_in_words(one) for one in used)
                yield f"{line}, with {when}" if when else line
        elif rule.detail is not None:
            yield f"without {rule.detail}"


def _note(rule: Rule) -> RuleNote:
    return RuleNote(
        id=rule.id,
        effect=rule.effect.value,
        authority=rule.authority,
        words=rule_in_words(rule),
        basis=rule.basis,
        from_at=rule.from_at,
        until_at=rule.until_at,
    )


def _coming(asking: _Asking, model: str, at: datetime) -> Iterator[Coming]:
    dates = {moment for rule in asking.about(model) for moment in (rule.from_at, rule.until_at)}
    before = asking.levels(model, at)
    for moment in sorted(one for one in dates if one and one > at)[:MOST_DATES]:
        after = asking.levels(model, moment)
        moved: dict[tuple[Access, Access], list[str]] = {}
        for place, level in after.items():
            was = before[place].access
            if was is not level.access:
                moved.setdefault((was, level.access), []).append(place)
        for (was, becomes), places in moved.items():
            yield Coming(moment, was, becomes, tuple(sorted(places)))
        before = after


def _names(places: Iterable[str]) -> Mapping[str, str]:
    return {place: name_of(place) for place in sorted(set(places))}
