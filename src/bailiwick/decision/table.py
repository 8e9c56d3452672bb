"""The decision table: one lookup per fact, a bitwise AND, a few mask tests.

Rules, one bit per disjunct, are bits (the bit-vector scheme of packet classification, Lakshman
and Stiliadis 1998). What follows depends on the bits that are left, so each distinct result is
worked out once and remembered; the cost does not grow with the number of rules.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from math import prod
from typing import NamedTuple

from bailiwick.catalog import Catalog
from bailiwick.decision.columns import Column, Entry
from bailiwick.decision.universe import classes, facts_asked
from bailiwick.decision.values import Decision, Effect, Reason, common, deny, strictest
from bailiwick.facts import PENDING, UNKNOWN, Absent, Fact, Facts, dimension
from bailiwick.policy import Obligations, Order, Policy, Rule, RuleEffect

FORMAT = "bailiwick-table/1"
MOST_COMBINATIONS = 8
MOST_REMEMBERED = 65536
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Some facts of a request, looked up once: an account's, an upstream's, an address's.

    Valid for the table that made it. Joined with others it must cover every fact exactly once.
    """

    entry: Entry
    """The facts' masks ANDed, where each has one candidate."""
    facts: Mapping[str, Fact]
    """What it was made from."""
    plain: bool
    """No fact has several candidates and none is pending."""
    features: frozenset[str] | None = None
    """Features in use, if this is the part that knows them."""
    unknown: frozenset[str] = NONE
    """Facts of this part that are unknown."""


class _State(NamedTuple):
    """All that a decision depends on, but for the wording of an authority's silence."""

    hit: int
    """Bits whose conditions hold."""
    missing: int
    """Of these, the ones that hold only because required evidence is absent."""
    features: frozenset[str] | None
    absent: frozenset[str]
    """Unknown facts, as far as ``missing`` makes them matter."""


class DecisionTable:
    """A compiled policy. Immutable but for its caches, which any thread may fill."""

    def __init__(self, policy: Policy, revision: str, orders: Iterable[Order], approvals: Iterable[str]) -> None:
        self.policy = policy
        self.revision = revision
        self.orders = tuple(orders)
        self.approvals = frozenset(approvals)
        self.rules = (*policy.rules, *(order.as_rule() for order in self.orders))
        self.asked = facts_asked(self.rules)
        self._bits = [(rule, disjunct) for rule in self.rules for disjunct in rule.disjuncts]
        self._every = (1 << len(self._bits)) - 1
        self._columns = self._build_columns()
        self._models = self._build_models()
        self._governing = self._build_governing()
        self._effects = {effect: self._mask(lambda rule, e=effect: rule.effect is e) for effect in RuleEffect}
        self._absolute = self._mask(lambda rule: rule.absolute)
        self._lifts = self._build_lifts()
        self._times, self._windows = self._build_windows()
        self._memo: dict[tuple[str, _State], Decision] = {}
        self._silences: dict[tuple[int, int, int, str, frozenset[str]], Decision] = {}
        self._unknown_model = self._stamped(deny([Reason("model.unknown")]))

    # -- questions -----------------------------------------------------------------------------

    def decide(self, facts: Facts) -> Decision:
        """Decide one request, whatever is known, contested or pending."""
        return self.decide_prepared(facts.model, facts.at, self.prepare(facts.values))

    def prepare(self, values: Mapping[str, Fact], only: Iterable[str] | None = None) -> Prepared:
        """Look facts up once. ``only`` names the facts this part covers; default: all of them.

        Facts that no rule asks about cost nothing and are dropped.
        """
        names = self.asked if only is None else self.asked.intersection(only)
        facts = {name: values.get(name, UNKNOWN) for name in sorted(names)}
        plain = not any(self._several(name, fact) for name, fact in facts.items())
        entry = self._join(facts) if plain else Entry(self._every)
        features = facts.get("features")
        return Prepared(
            entry,
            facts,
            plain,
            features if isinstance(features, frozenset) else None,
            frozenset(name for name, fact in facts.items() if fact is UNKNOWN),
        )

    def decide_prepared(self, model: str | None, at: datetime, *parts: Prepared) -> Decision:
        """Decide from parts that together cover every fact. The hot path."""
        hit = self._models.get(model) if model is not None else None
        if hit is None:
            return self._unknown_model
        hit &= self._windows[bisect_right(self._times, at)]
        missing, features, absent = 0, None, NONE
        for part in parts:
            if not part.plain:
                return self._decide_several(model, at, parts)
            hit &= part.entry.mask
            missing |= part.entry.missing
            if part.features is not None:
                features = part.features
        missing &= hit
        if missing:
            absent = NONE.union(*(part.unknown for part in parts))
        state = _State(hit, missing, features, absent)
        found = self._memo.get((model, state))
        return found if found is not None else self._first(model, at, state, parts)

    def controlled(self, model: str) -> bool:
        """Whether a model may be served only while records can be kept."""
        return model in self.policy.controlled

    def governing(self, model: str) -> frozenset[str]:
        """Name the authorities with any permit for the model."""
        return self._governing[model]

    # -- deciding ------------------------------------------------------------------------------

    def _first(self, model: str, at: datetime, state: _State, parts: Sequence[Prepared]) -> Decision:
        """Work a result out and remember it, unless its reasons depend on more than the state."""
        found = self._from_state(model, state)
        if found is not None:
            if len(self._memo) >= MOST_REMEMBERED:
                self._memo.clear()
            self._memo[model, state] = found
            return found
        base = self._models[model] & self._windows[bisect_right(self._times, at)]
        joined = Entry(base, 0, base, base)
        for part in parts:
            joined = joined.joined(part.entry)
        unknown = NONE.union(*(part.unknown for part in parts))
        return self._silence(state.hit, joined.open, joined.bare, model, unknown)

    def _from_state(self, model: str, state: _State) -> Decision | None:
        """Decide from the bits that hold; ``None`` for a deny because an authority is silent."""
        hit = state.hit
        standing = hit & ~(self._lifted(hit) & ~self._absolute)
        denies = standing & self._effects[RuleEffect.DENY]
        if denies:
            return self._deny(denies, state)
        if not self._governing[model]:
            return self._stamped(deny([Reason("authority.none")]))
        permits = standing & self._effects[RuleEffect.PERMIT]
        if self._governing[model] - {rule.authority for rule in self._rules_of(permits)}:
            return None
        return self._permit(permits, standing & self._effects[RuleEffect.RESTRICT], state.features or NONE)

    def _deny(self, denies: int, state: _State) -> Decision:
        sure = self._rules_of(denies & ~state.missing)
        certain = {rule.id for rule in sure}
        reasons = [Reason(rule.code, rule.id, rule.authority) for rule in sure]
        for name in state.absent:
            lacking = denies & state.missing & self._columns[name].entry(UNKNOWN).missing
            reasons += [
                Reason("evidence.missing", rule.id, rule.authority, name)
                for rule in self._rules_of(lacking)
                if rule.id not in certain
            ]
        return self._stamped(deny(reasons, (rule.id for rule in self._rules_of(denies))))

    def _permit(self, permits: int, restricts: int, features: frozenset[str]) -> Decision:
        obligations, refused = Obligations(), []
        for rule in self._rules_of(restricts):
            obligations = obligations.plus(rule.obligations)
            if rule.obligations.denied_features & features:
                refused.append(rule)
        if refused:
            reasons = (
                Reason("feature.denied", rule.id, rule.authority, "features", name)
                for rule in refused
                for name in rule.obligations.denied_features & features
            )
            return self._stamped(deny(reasons, (rule.id for rule in refused)))
        determining = sorted({rule.id for rule in self._rules_of(permits | restricts)})
        return Decision(Effect.PERMIT, tuple(determining), obligations=obligations, revision=self.revision)

    def _silence(self, hit: int, open_: int, bare: int, model: str, unknown: frozenset[str]) -> Decision:
        """Word a deny for want of a permit: what each silent authority's permits lacked."""
        permits = self._effects[RuleEffect.PERMIT]
        key = (hit & permits, open_ & permits, bare & permits, model, unknown)
        found = self._silences.get(key)
        if found is None:
            if len(self._silences) >= MOST_REMEMBERED:
                self._silences.clear()
            found = self._silences[key] = self._stamped(deny(self._silence_reasons(*key)))
        return found

    def _silence_reasons(self, hit: int, open_: int, bare: int, model: str, unknown: frozenset[str]) -> Iterator[Reason]:
        speaking = {rule.authority for rule in self._rules_of(hit)}
        for authority in self._governing[model] - speaking:
            lacking = [(bit, rule) for bit, rule in self._bits_of(open_) if rule.authority == authority]
            hidden = [rule for _, rule in self._bits_of(bare) if rule.authority == authority]
            for bit, rule in lacking:
                for name in unknown:
                    if not self._columns[name].entry(UNKNOWN).mask & bit:
                        yield Reason("evidence.missing", rule.id, authority, name)
            if not lacking:
                yield from (Reason("location.hidden", rule.id, authority, "network") for rule in hidden)
            if not lacking and not hidden:
                yield Reason("permit.none", None, authority)

    def _decide_several(self, model: str, at: datetime, parts: Sequence[Prepared]) -> Decision:
        facts = {name: fact for part in parts for name, fact in part.facts.items()}
        pending = [name for name, fact in facts.items() if fact is PENDING]
        if pending:
            return self._partial(model, at, facts, pending)
        several = {name: fact for name, fact in facts.items() if self._several(name, fact)}
        if prod(len(fact) for fact in self._counted(facts)) > MOST_COMBINATIONS:
            return self._stamped(deny([Reason("contested")]))
        chosen = product(*(sorted(fact) for fact in several.values() if isinstance(fact, frozenset)))
        decisions = [
            self._decide_plain(model, at, {**facts, **{name: frozenset({one}) for name, one in zip(several, combination, strict=True)}})
            for combination in chosen
        ]
        return self._stamped(strictest(decisions))

    def _decide_plain(self, model: str, at: datetime, facts: Mapping[str, Fact]) -> Decision:
        return self.decide_prepared(model, at, self.prepare(facts))

    def _partial(self, model: str, at: datetime, facts: Mapping[str, Fact], pending: list[str]) -> Decision:
        """Decide what every completion agrees on, keeping each reachable mask once."""
        known = {name: fact for name, fact in facts.items() if fact is not PENDING}
        several = [(name, sorted(fact)) for name, fact in known.items() if self._several(name, fact) and isinstance(fact, frozenset)]
        if prod(len(values) for _, values in several) > MOST_COMBINATIONS:
            return self._stamped(deny([Reason("contested")]))
        base = self._models[model] & self._windows[bisect_right(self._times, at)]
        results = []
        for state in self._reach(base, pending):
            chosen = product(*(values for _, values in several))
            results.append(strictest(self._complete(state, known, several, one, model) for one in chosen))
        return self._stamped(common(results))

    def _complete(self, state: _State, known: Mapping[str, Fact], several: list[tuple[str, list[str]]], chosen: tuple[str, ...], model: str) -> Decision:
        singles = {name: frozenset({one}) for (name, _), one in zip(several, chosen, strict=True)}
        part = self.prepare({**known, **singles}, known)
        hit = state.hit & part.entry.mask
        missing = (state.missing | part.entry.missing) & hit
        features = part.features if "features" in known else state.features
        absent = state.absent | part.unknown if missing else NONE
        found = self._from_state(model, _State(hit, missing, features, absent))
        if found is not None:
            return found
        speaking = {rule.authority for rule in self._rules_of(hit & self._effects[RuleEffect.PERMIT])}
        return deny(Reason("permit.none", None, one) for one in self._governing[model] - speaking)

    def _reach(self, base: int, pending: Iterable[str]) -> Iterable[_State]:
        """Fold the pending facts one by one; each reachable state is kept once."""
        states = {_State(base, 0, None, NONE)}
        for name in pending:
            column = self._columns[name]
            options = [(one, column.entry(one)) for one in (*classes(self.rules, name), UNKNOWN)]
            states = {
                _folded(state, name, fact, entry) for state in states for fact, entry in options
            }
        return states

    # -- looking up ----------------------------------------------------------------------------

    def _join(self, facts: Mapping[str, Fact]) -> Entry:
        joined = Entry(self._every)
        for name, fact in facts.items():
            joined = joined.joined(self._columns[name].entry(fact))
        return joined

    def _several(self, name: str, fact: Fact) -> bool:
        if isinstance(fact, Absent):
            return fact is PENDING
        known = dimension(name)
        return len(fact) > 1 and known is not None and not known.is_set

    def _counted(self, facts: Mapping[str, Fact]) -> Iterator[frozenset[str]]:
        for name, fact in facts.items():
            if isinstance(fact, frozenset) and self._several(name, fact):
                yield fact

    def _lifted(self, hit: int) -> int:
        lifted = 0
        exempting = hit & self._effects[RuleEffect.EXEMPT]
        if exempting:
            for bit, mask in self._lifts:
                if exempting & bit:
                    lifted |= mask
        return lifted

    def _bits_of(self, mask: int) -> Iterator[tuple[int, Rule]]:
        while mask > 0:
            lowest = mask & -mask
            yield lowest, self._bits[lowest.bit_length() - 1][0]
            mask ^= lowest

    def _rules_of(self, mask: int) -> list[Rule]:
        return list({rule.id: rule for _, rule in self._bits_of(mask)}.values())

    def _stamped(self, decision: Decision) -> Decision:
        return replace(decision, revision=self.revision)

    # -- building ------------------------------------------------------------------------------

    def _mask(self, test: Callable[[Rule], bool]) -> int:
        return sum(1 << index for index, (rule, _) in enumerate(self._bits) if test(rule))

    def _build_columns(self) -> dict[str, Column]:
        columns: dict[str, Column] = {}
        for name in self.asked:
            known = dimension(name)
            assert known is not None  # noqa: S101 - conditions are made from dimensions
            columns[name] = Column(name, known.kind, self._every)
        for index, (rule, disjunct) in enumerate(self._bits):
            for name in {one.fact for one in disjunct}:
                mine = tuple(one for one in disjunct if one.fact == name)
                columns[name].add(1 << index, mine, rule.effect.is_strict, name in rule.required)
        return columns

    def _build_models(self) -> dict[str, int]:
        rows = dict.fromkeys(self.policy.models, 0)
        for index, (rule, _) in enumerate(self._bits):
            if rule.effect is RuleEffect.EXEMPT and rule.id not in self.approvals:
                continue
            for model in rule.models:
                rows[model] |= 1 << index
        return rows

    def _build_governing(self) -> dict[str, frozenset[str]]:
        permits = [rule for rule in self.rules if rule.effect is RuleEffect.PERMIT]
        return {
            model: frozenset(rule.authority for rule in permits if model in rule.models)
            for model in self.policy.models
        }

    def _build_lifts(self) -> list[tuple[int, int]]:
        return [
            (1 << index, self._mask(lambda other, rule=rule: other.id in rule.lifts))
            for index, (rule, _) in enumerate(self._bits)
            if rule.effect is RuleEffect.EXEMPT
        ]

    def _build_windows(self) -> tuple[list[datetime], list[int]]:
        edges = {edge for rule in self.rules for edge in (rule.from_at, rule.until_at) if edge}
        times = sorted(edges)
        starts = [datetime.min.replace(tzinfo=UTC), *times]
        return times, [self._mask(lambda rule, at=at: rule.in_force(at)) for at in starts]


def _folded(state: _State, name: str, fact: Fact, entry: Entry) -> _State:
    hit = state.hit & entry.mask
    features = fact if name == "features" and isinstance(fact, frozenset) else state.features
    absent = state.absent | {name} if entry.missing & hit else state.absent
    return _State(hit, (state.missing | entry.missing) & hit, features, absent)


def compile_table(
    policy: Policy, catalog: Catalog, orders: Iterable[Order] = (), approvals: Iterable[str] = ()
) -> DecisionTable:
    """Compile a policy into its table.

    ``orders`` are the emergency orders in force, ``approvals`` the ids of approved exemptions;
    both are part of the revision.
    """
    orders, approvals = tuple(orders), frozenset(approvals)
    parts = (FORMAT, policy.digest, catalog.digest, *map(repr, orders), *sorted(approvals))
    revision = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return DecisionTable(policy, revision, orders, approvals)
