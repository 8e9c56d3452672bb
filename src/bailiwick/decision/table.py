"""The decision table: one lookup per fact, a bitwise AND, a few mask tests.

Rules, one bit per disjunct, are bits (the bit-vector scheme of packet classification, Lakshman
and Stiliadis 1998). What follows depends on the bits that are left, so each distinct result is
worked out once and remembered; the cost does not grow with the number of rules.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice, product
from typing import NamedTuple

from bailiwick.catalog import Catalog
from bailiwick.decision.columns import Column, Entry
from bailiwick.decision.leaks import Leak, unknown_grants
from bailiwick.decision.universe import TooManyClasses, classes, facts_asked
from bailiwick.decision.values import Decision, Effect, Reason, common, deny, strictest
from bailiwick.facts import PENDING, UNKNOWN, Fact, Facts, dimension
from bailiwick.policy import NO_OBLIGATIONS, Order, Policy, Rule, RuleEffect

_ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
FORMAT = "bailiwick-table/1"
MOST_COMBINATIONS = 8
MOST_REMEMBERED = 65536
MOST_BASES = 8192
MOST_STATES = 4096
"""States of pending facts that are worked through; with more the answer is ``undetermined``."""
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Some facts of a request, looked up once: an account's, an upstream's, an address's.

    Two are equal only if they are one, so what was decided from them can be found at once.

    Valid for the table that made it. Joined with others it must cover every fact exactly once.
    """

    mask: int
    """Bits whose conditions on these facts hold; all bits while something is not ``plain``."""
    unsure: int
    """Bits that hold only for want of required evidence; -1 while something is not ``plain``."""
    open: int
    bare: int
    """As in ``Entry``."""
    unknown: frozenset[str]
    """Facts of this part that are unknown."""
    facts: Mapping[str, Fact]
    """What it was made from."""
    plain: bool
    """No fact has several candidates and none is pending."""

    def joined(self, other: "Prepared") -> "Prepared":
        """Join two parts into one, so that the next decision has less to do."""
        return Prepared(
            self.mask & other.mask,
            self.unsure | other.unsure,
            self.open & other.open,
            self.bare & other.bare,
            self.unknown | other.unknown,
            {**self.facts, **other.facts},
            self.plain and other.plain,
        )


_BaseKey = tuple[str | None, int, Prepared, Prepared]


class _State(NamedTuple):
    """All that a decision depends on, but for the wording of an authority's silence."""

    hit: int
    """Bits whose conditions hold."""
    missing: int = 0
    """Of these, the ones that hold only because required evidence is absent."""
    absent: frozenset[str] = NONE
    """Unknown facts, as far as ``missing`` makes them matter."""


class DecisionTable:
    """A compiled policy. Immutable but for its caches, which any thread may fill."""

    def __init__(
        self, policy: Policy, revision: str, orders: Iterable[Order], approvals: Iterable[str]
    ) -> None:
        self.policy = policy
        self.revision = revision
        self.orders = tuple(orders)
        self.approvals = frozenset(approvals)
        self.rules = (*policy.rules, *(order.as_rule() for order in self.orders))
        self.asked = facts_asked(self.rules)
        self._bits = [(rule, disjunct) for rule in self.rules for disjunct in rule.disjuncts]
        self._every = (1 << len(self._bits)) - 1
        self._columns = self._build_columns()
        self._models: dict[str | None, int] = self._build_models()
        self._governing = self._build_governing()
        self._effects = {
            effect: self._mask(rule.effect is effect for rule, _ in self._bits)
            for effect in RuleEffect
        }
        self._absolute = self._mask(rule.absolute for rule, _ in self._bits)
        self._lifts = self._build_lifts()
        self._times, self._windows = self._build_windows()
        self._bases: dict[_BaseKey, tuple[int, int]] = {}
        self._memo: dict[tuple[str, int], Decision] = {}
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
        plain = not any(_several(name, fact) or fact is PENDING for name, fact in facts.items())
        entry = self._join(facts) if plain else Entry(self._every, -1)
        unknown = frozenset(name for name, fact in facts.items() if fact is UNKNOWN)
        return Prepared(entry.mask, entry.missing, entry.open, entry.bare, unknown, facts, plain)

    def decide_prepared(self, model: str | None, at: datetime, *parts: Prepared) -> Decision:
        """Decide from parts that together cover every fact. The hot path.

        Of four, the first two should be those of which there are many (locations, accounts): what
        the model and the other two give together is remembered.
        """
        if len(parts) != 4:
            hit, unsure = self._together(model, at, parts)
        else:
            one, two, three, four = parts
            key = (model, bisect_right(self._times, at) if self._times else 0, three, four)
            base = self._bases.get(key)
            if base is None:
                base = self._remember_base(key, self._together(model, at, (three, four)))
            hit = base[0] & one.mask & two.mask
            unsure = base[1] | one.unsure | two.unsure
        if unsure or model is None:
            return self._decide_unsure(model, at, hit, unsure, parts)
        found = self._memo.get((model, hit))
        return found if found is not None else self._first(model, at, hit, parts)

    def _together(
        self, model: str | None, at: datetime, parts: Iterable[Prepared]
    ) -> tuple[int, int]:
        """Give the bits that hold, and those that hold for want of evidence."""
        if model is None or model not in self._models:
            return 0, -1
        hit, unsure = self.row(model, at), 0
        for part in parts:
            hit &= part.mask
            unsure |= part.unsure
        return hit, unsure

    def _remember_base(self, key: _BaseKey, base: tuple[int, int]) -> tuple[int, int]:
        if len(self._bases) >= MOST_BASES:
            self._bases.clear()
        self._bases[key] = base
        return base

    def window(self, at: datetime) -> int:
        """Give the number of the time between two moments at which a rule begins or ends."""
        return bisect_right(self._times, at) if self._times else 0

    def span(self, at: datetime) -> tuple[datetime, datetime]:
        """Give since when (included) and until when (not) the rules of a moment are in force."""
        times, place = self._times, bisect_right(self._times, at)
        since = times[place - 1] if place else _ALWAYS[0]
        return since, times[place] if place < len(times) else _ALWAYS[1]

    def controlled(self, model: str) -> bool:
        """Whether a model may be served only while records can be kept."""
        return model in self.policy.controlled

    def governing(self, model: str) -> frozenset[str]:
        """Name the authorities with any permit for the model."""
        return self._governing[model]

    def row(self, model: str, at: datetime) -> int:
        """Give the bits of the rules about ``model`` that are in force."""
        return self._models[model] & self._windows[bisect_right(self._times, at)]

    def every_row(self, model: str) -> int:
        """Give the bits of all rules about ``model``, in force or not."""
        return self._models[model]

    def entry(self, fact: str, value: Fact) -> Entry:
        """Look up what one value of one fact satisfies; everything, if no rule asks."""
        column = self._columns.get(fact)
        return column.entry(value) if column else Entry(self._every, free=self._every)

    def signature(self, fact: str, value: Fact) -> Hashable:
        """Give what tells this value from others; equal signatures are always decided alike."""
        if value is PENDING or _several(fact, value):
            return value
        return self.entry(fact, value), value is UNKNOWN

    @property
    def absolute_denies(self) -> int:
        """Give the bits of the denies that nothing lifts."""
        return self._absolute & self._effects[RuleEffect.DENY]

    def unknown_grants(self) -> list[Leak]:
        """Name every place where unknown evidence can grant."""
        return unknown_grants(self.rules)

    # -- deciding ------------------------------------------------------------------------------

    def _first(self, model: str, at: datetime, hit: int, parts: Sequence[Prepared]) -> Decision:
        """Work a result out and remember it, unless its reasons depend on more than the bits."""
        found = self._from_state(model, _State(hit))
        if found is None:
            return self._silent(model, at, hit, parts)
        if len(self._memo) >= MOST_REMEMBERED:
            self._memo.clear()
        self._memo[model, hit] = found
        return found

    def _decide_unsure(
        self, model: str | None, at: datetime, hit: int, unsure: int, parts: Sequence[Prepared]
    ) -> Decision:
        """Decide where evidence is contested, pending, or required and absent, or nothing known."""
        if model is None or model not in self._models:
            return self._unknown_model
        if not all(part.plain for part in parts):
            return self._decide_several(model, at, parts)
        unknown = NONE.union(*(part.unknown for part in parts))
        found = self._from_state(model, _State(hit, unsure & hit, unknown))
        return found if found is not None else self._silent(model, at, hit, parts)

    def _silent(self, model: str, at: datetime, hit: int, parts: Sequence[Prepared]) -> Decision:
        open_ = bare = self.row(model, at)
        for part in parts:
            open_ &= part.open
            bare &= part.bare
        return self._silence(hit, open_, bare, model, NONE.union(*(part.unknown for part in parts)))

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
        restricts = standing & self._effects[RuleEffect.RESTRICT]
        return self._permit(permits, restricts, self._lifting(hit, hit & ~standing))

    def _deny(self, denies: int, state: _State) -> Decision:
        """Name the denies; one that holds only for want of evidence says that instead."""
        sure = self._rules_of(denies & ~state.missing)
        reasons = [Reason(rule.code, rule.id, rule.authority, detail=rule.detail) for rule in sure]
        for name in state.absent:
            lacking = denies & state.missing & self._columns[name].entry(UNKNOWN).missing
            reasons += [
                Reason("evidence.missing", rule.id, rule.authority, name)
                for rule in self._rules_of(lacking)
                if rule not in sure
            ]
        return self._stamped(deny(reasons, (rule.id for rule in self._rules_of(denies))))

    def _permit(self, permits: int, restricts: int, lifting: int) -> Decision:
        obligations = NO_OBLIGATIONS
        for rule in self._rules_of(restricts):
            obligations = obligations.plus(rule.obligations)
        determining = sorted({rule.id for rule in self._rules_of(permits | restricts | lifting)})
        return Decision(
            Effect.PERMIT, tuple(determining), obligations=obligations, revision=self.revision
        )

    def _silence(
        self, hit: int, open_: int, bare: int, model: str, unknown: frozenset[str]
    ) -> Decision:
        """Word a deny for want of a permit: what each silent authority's permits lacked."""
        permits = self._effects[RuleEffect.PERMIT]
        key = (hit & permits, open_ & permits, bare & permits, model, unknown)
        found = self._silences.get(key)
        if found is None:
            if len(self._silences) >= MOST_REMEMBERED:
                self._silences.clear()
            found = self._silences[key] = self._stamped(deny(self._silence_reasons(*key)))
        return found

    def _silence_reasons(
        self, hit: int, open_: int, bare: int, model: str, unknown: frozenset[str]
    ) -> Iterator[Reason]:
        speaking = {rule.authority for rule in self._rules_of(hit)}
        for authority in self._governing[model] - speaking:
            lacking = [
                (bit, rule) for bit, rule in self._bits_of(open_) if rule.authority == authority
            ]
            hidden = [rule for _, rule in self._bits_of(bare) if rule.authority == authority]
            for bit, rule in lacking:
                for name in unknown:
                    if not self._columns[name].entry(UNKNOWN).mask & bit:
                        yield Reason("evidence.missing", rule.id, authority, name)
            if not lacking:
                yield from (
                    Reason("location.hidden", rule.id, authority, "network") for rule in hidden
                )
            if not lacking and not hidden:
                yield Reason("permit.none", None, authority)

    def _decide_several(self, model: str, at: datetime, parts: Iterable[Prepared]) -> Decision:
        facts = {name: fact for part in parts for name, fact in part.facts.items()}
        pending = [name for name, fact in facts.items() if fact is PENDING]
        known = {name: fact for name, fact in facts.items() if fact is not PENDING}
        cases = list(_combinations(known))
        if len(cases) > MOST_COMBINATIONS:
            return self._stamped(deny([Reason("contested")]))
        if not pending:
            decisions = (self.decide_prepared(model, at, self.prepare(case)) for case in cases)
            return self._stamped(strictest(decisions))
        prepared = [self.prepare(case, known) for case in cases]
        states = self._reach(self.row(model, at), pending, prepared)
        if states is None:
            return self._stamped(Decision(Effect.UNDETERMINED, reasons=(Reason("pending.many"),)))
        return self._stamped(
            common(
                strictest(self._complete(model, state, part) for part in prepared)
                for state in states
            )
        )

    def _complete(self, model: str, state: _State, known: Prepared) -> Decision:
        hit = state.hit & known.mask
        missing = (state.missing | known.unsure) & hit
        found = self._from_state(model, _State(hit, missing, state.absent | known.unknown))
        if found is not None:
            return found
        speaking = {
            rule.authority for rule in self._rules_of(hit & self._effects[RuleEffect.PERMIT])
        }
        return deny(Reason("permit.none", None, one) for one in self._governing[model] - speaking)

    def _reach(
        self, base: int, pending: Iterable[str], known: Iterable[Prepared]
    ) -> Iterable[_State] | None:
        """Fold the pending facts one by one; each reachable state is kept once.

        Only rules that what is known leaves possible are folded. ``None``: too many states.
        """
        possible = 0
        for part in known:
            possible |= base & part.mask
        rules = self._rules_of(possible)
        states = {_State(base)}
        for name in pending:
            try:
                found = [*classes(rules, name), UNKNOWN]
            except TooManyClasses:
                return None
            options = [self._columns[name].entry(one) for one in found]
            states = {_folded(state, name, entry) for state in states for entry in options}
            if len(states) > MOST_STATES:
                return None
        return states

    # -- looking up ----------------------------------------------------------------------------

    def _join(self, facts: Mapping[str, Fact]) -> Entry:
        joined = Entry(self._every)
        for name, fact in facts.items():
            joined = joined.joined(self._columns[name].entry(fact))
        return joined

    def _lifted(self, hit: int) -> int:
        lifted = 0
        exempting = hit & self._effects[RuleEffect.EXEMPT]
        if exempting:
            for bit, mask in self._lifts:
                if exempting & bit:
                    lifted |= mask
        return lifted

    def _lifting(self, hit: int, gone: int) -> int:
        """Find the exempts to which it is owed that something does not stand."""
        if not gone:
            return 0
        return sum(bit for bit, mask in self._lifts if hit & bit and mask & gone)

    def _bits_of(self, mask: int) -> Iterator[tuple[int, Rule]]:
        while mask > 0:
            lowest = mask & -mask
            yield lowest, self._bits[lowest.bit_length() - 1][0]
            mask ^= lowest

    def _rules_of(self, mask: int) -> list[Rule]:
        return list({id(rule): rule for _, rule in self._bits_of(mask)}.values())

    def _stamped(self, decision: Decision) -> Decision:
        return replace(decision, revision=self.revision)

    # -- building ------------------------------------------------------------------------------

    def _mask(self, flags: Iterable[bool]) -> int:
        return sum(1 << index for index, flag in enumerate(flags) if flag)

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

    def _build_models(self) -> dict[str | None, int]:
        rows: dict[str | None, int] = dict.fromkeys(self.policy.models, 0)
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
            (1 << index, self._mask(other.id in rule.lifts for other, _ in self._bits))
            for index, (rule, _) in enumerate(self._bits)
            if rule.effect is RuleEffect.EXEMPT
        ]

    def _build_windows(self) -> tuple[list[datetime], list[int]]:
        edges = {edge for rule in self.rules for edge in (rule.from_at, rule.until_at) if edge}
        times = sorted(edges)
        starts = [datetime.min.replace(tzinfo=UTC), *times]
        return times, [self._mask(rule.in_force(at) for rule, _ in self._bits) for at in starts]


def _several(name: str, fact: Fact) -> bool:
    known = dimension(name)
    return isinstance(fact, frozenset) and len(fact) > 1 and known is not None and not known.is_set


def _combinations(facts: Mapping[str, Fact]) -> Iterator[Mapping[str, Fact]]:
    """Give the facts under each combination of candidates, one more than is allowed at most."""
    several = {name: fact for name, fact in facts.items() if _several(name, fact)}
    chosen = product(*(sorted(fact) for fact in several.values() if isinstance(fact, frozenset)))
    for combination in islice(chosen, MOST_COMBINATIONS + 1):
        singles = {name: frozenset({one}) for name, one in zip(several, combination, strict=True)}
        yield {**facts, **singles}


def _folded(state: _State, name: str, entry: Entry) -> _State:
    hit = state.hit & entry.mask
    absent = state.absent | {name} if entry.missing & hit else state.absent
    return _State(hit, (state.missing | entry.missing) & hit, absent)


def compile_table(
    policy: Policy, catalog: Catalog, orders: Iterable[Order] = (), approvals: Iterable[str] = ()
) -> DecisionTable:
    """Compile a policy into its table.

    ``orders`` are the emergency orders in force, ``approvals`` the ids of approved exemptions;
    both are part of the revision.
    """
    orders, approvals = tuple(orders), frozenset(approvals)
    written = sorted(order.canonical() for order in orders)
    parts = (FORMAT, policy.digest, catalog.digest, *written, *sorted(approvals))
    revision = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return DecisionTable(policy, revision, orders, approvals)
