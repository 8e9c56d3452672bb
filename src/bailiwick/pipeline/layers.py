"""Which layer decided: the first whose evidence was enough.

Edge is what the request and its address say, settings what the gateway's upstreams are, account
what is known of who stands behind the key.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bailiwick.decision import DecisionTable, Prepared, Reason
from bailiwick.facts import Fact, Layer, dimension
from bailiwick.policy import Condition, Rule, RuleEffect

EDGE, SETTINGS, ACCOUNT = "edge", "settings", "account"
ORDER = (EDGE, SETTINGS, ACCOUNT)
_LAYERS = {
    Layer.EDGE: EDGE,
    Layer.SETTINGS: SETTINGS,
    Layer.CLOUD: SETTINGS,
    Layer.ACCOUNT: ACCOUNT,
}


class Layers:
    """Answers for one table."""

    def __init__(self, table: DecisionTable) -> None:
        self._table = table
        self._of_rule: dict[str, str] = {}
        self._permits: dict[str, int] = {}
        self._denies: list[tuple[int, Rule, tuple[Condition, ...]]] = []
        self._lifted = {name for rule in table.rules for name in rule.lifts}
        bit = 1
        for rule in table.rules:
            found = max((self._of_rule.get(rule.id, EDGE), layer_of_rule(rule)), key=ORDER.index)
            self._of_rule[rule.id] = found
            for disjunct in rule.disjuncts:
                if rule.effect is RuleEffect.PERMIT:
                    self._permits[rule.authority] = self._permits.get(rule.authority, 0) | bit
                elif rule.effect is RuleEffect.DENY:
                    self._denies.append((bit, rule, disjunct))
                bit <<= 1

    def is_ruled_out(self, model: str, at: datetime, known: Mapping[str, Fact]) -> bool:
        """Whether some facts alone deny a model, whatever the others are.

        True is certain. False is not: other conditions may contradict each other.
        """
        row = self._table.row(model, at)
        possible = row & self._could_hold(known)
        authorities = self._table.governing(model)
        if not authorities or any(not possible & self._permits[one] for one in authorities):
            return True
        certain = row & self._table.prepare(known, known).mask
        return any(
            certain & bit and {one.fact for one in disjunct} <= known.keys()
            for bit, rule, disjunct in self._denies
            if rule.absolute or rule.id not in self._lifted
        )

    def of_permit(self, determining: Iterable[str]) -> str:
        """Name the last layer that the rules of a permit asked."""
        return max(
            (self._of_rule.get(rule, EDGE) for rule in determining), key=ORDER.index, default=EDGE
        )

    def of_deny(
        self,
        model: str | None,
        at: datetime,
        reasons: Iterable[Reason],
        parts: Sequence[tuple[str, Prepared]],
    ) -> str:
        """Name the first layer that was enough for one of a deny's reasons.

        ``parts`` are the facts with their layers, in order, but for the account's.
        """
        layers = (self._of_reason(model, at, reason, parts) for reason in reasons)
        return min(layers, key=ORDER.index, default=EDGE)

    def _of_reason(
        self,
        model: str | None,
        at: datetime,
        reason: Reason,
        parts: Sequence[tuple[str, Prepared]],
    ) -> str:
        if reason.dimension is not None:
            return layer_of(reason.dimension)
        if reason.code == "permit.none" and model is not None and reason.authority is not None:
            possible = self._table.row(model, at) & self._permits.get(reason.authority, 0)
            for layer, part in parts:
                possible &= self._could_hold(part.facts)
                if not possible:
                    return layer
            return ACCOUNT
        return self._of_rule.get(reason.rule or "", EDGE)

    def _could_hold(self, facts: Mapping[str, Fact]) -> int:
        """Give the bits that hold for some candidate of every fact."""
        mask = -1
        for name, fact in facts.items():
            known = dimension(name)
            several = isinstance(fact, frozenset) and known is not None and not known.is_set
            mask &= self._any(name, fact) if several else self._table.entry(name, fact).mask
        return mask

    def _any(self, name: str, fact: Fact) -> int:
        mask = 0
        for one in fact if isinstance(fact, frozenset) else ():
            mask |= self._table.entry(name, frozenset({one})).mask
        return mask


def layer_of(name: str) -> str:
    """Name the layer that knows a dimension."""
    known = dimension(name)
    return _LAYERS[known.layer] if known else EDGE


def layer_of_rule(rule: Rule) -> str:
    """Name the last layer that a rule asks."""
    asked = (layer_of(one.fact) for disjunct in rule.disjuncts for one in disjunct)
    return max(asked, key=ORDER.index, default=EDGE)
