"""Rules that nobody writes: what an account's status means, what an order does, and the deny
that follows when a restrict denies a feature which is in use.

They are rules like all others, so every evaluator knows them and the revision covers them.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from bailiwick.places import PlaceSet
from bailiwick.policy.rules import Condition, Obligations, Rule, RuleEffect

AUTHORITY = "builtin"
OFF = frozenset({"suspended", "terminated", "closed"})
"""Statuses under which no model answers."""
LIMITED = frozenset({"pending", "restricted"})
"""Statuses under which controlled models do not answer."""


def status_rules(models: frozenset[str], controlled: frozenset[str]) -> tuple[Rule, ...]:
    """Make the rules on the account's status. A status that nobody knows matches both."""
    rules = [_status("builtin.account-off", OFF, models)]
    if controlled:
        rules.append(_status("builtin.account-limited", LIMITED, controlled))
    return tuple(rules)


def _status(name: str, statuses: frozenset[str], models: frozenset[str]) -> Rule:
    return Rule(
        id=name,
        effect=RuleEffect.DENY,
        models=models,
        authority=AUTHORITY,
        where=(Condition("status", choices=statuses),),
        required=frozenset({"status"}),
        absolute=True,
        code="account.status",
    )


def feature_denials(rule: Rule) -> Iterator[Rule]:
    """Make the denies of a restrict that denies features, one for each.

    They carry the restrict's id, so whatever lifts it lifts them.
    """
    for feature in sorted(rule.obligations.denied_features):
        yield replace(
            rule,
            effect=RuleEffect.DENY,
            where=(*rule.where, Condition("features", any_of=frozenset({feature}))),
            obligations=Obligations(),
            code="feature.denied",
            detail=feature,
        )


@dataclass(frozen=True, slots=True)
class Order:
    """An emergency order: these models are off, from now, but for the exceptions."""

    id: str
    models: frozenset[str]
    reason: str
    by: str
    from_at: datetime
    review_by: datetime
    """When somebody must look again. The order does not end by that."""
    until_at: datetime | None = None
    """When it ends by itself; ``None``: only when somebody lifts it."""
    places: PlaceSet | None = None
    """Scope: addresses there; ``None``: everywhere."""
    except_principals: frozenset[str] = frozenset()
    except_labels: frozenset[str] = frozenset()
    except_places: PlaceSet | None = None

    def canonical(self) -> str:
        """Write the order as text that is the same in every process, for the revision."""
        values = asdict(self)
        for scope in filter(None, (values["places"], values["except_places"])):
            scope.pop("_subdivisions")
        return json.dumps(values, sort_keys=True, default=_plain)

    def as_rule(self) -> Rule:
        """Write the order as an absolute deny. What is not known never counts as an exception."""
        where = []
        if self.places is not None:
            where.append(Condition("address", places=(self.places,)))
        if self.except_places is not None:
            where.append(Condition("address", places=(self.except_places,), negated=True))
        if self.except_principals:
            where.append(Condition("principal", none_of=self.except_principals))
        if self.except_labels:
            where.append(Condition("labels", none_of=self.except_labels))
        return Rule(
            id=f"order:{self.id}",
            effect=RuleEffect.DENY,
            models=self.models,
            authority=AUTHORITY,
            where=tuple(where),
            required=frozenset({"address", "principal", "labels"}),
            from_at=self.from_at,
            until_at=self.until_at,
            absolute=True,
            code="order.off",
            basis=self.reason,
        )


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)
