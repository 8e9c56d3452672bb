"""Ask the decision table what a cloud must do: the policy as far as a cloud can know the facts.

A cloud knows the account (from the organisation file), the cloud region that is called, the ones
that may process, the model and the action. All else (client address, features, end user) belongs
to another layer and is ``PENDING`` here, so an answer is deny, permit, or undetermined: another
point must decide. This is the intermediate form that every target compiles from.

Facts that no rule tells apart share a class, and each combination of classes is decided once, so
the cost does not grow with accounts, cloud regions or models (``DecisionTable.signature``).
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bailiwick.cloud.organisation import ACCOUNT_FACTS, Account
from bailiwick.cloud.regions import Regions
from bailiwick.decision import Decision, DecisionTable, Effect, Prepared
from bailiwick.facts import PENDING, UNKNOWN, Fact

GLOBAL = "global"
"""In place of processing regions: anywhere the cloud has any."""
CLOUD_FACTS = frozenset({"action", "endpoint", "processing"})


@dataclass(frozen=True, slots=True)
class Where:
    """The place facts of a call: where it is called, and where it may run."""

    endpoint: Fact
    processing: Fact


class Questions:
    """Answers for one policy, cloud and moment. Immutable but for what it remembers."""

    def __init__(self, table: DecisionTable, regions: Regions, at: datetime) -> None:
        self.table = table
        self.regions = regions
        self.at = at
        own = frozenset(one for one in table.asked if is_account_fact(one))
        self._account_facts = sorted(own)
        self._rest = table.prepare(
            dict.fromkeys(table.asked - own - CLOUD_FACTS, PENDING), table.asked - own - CLOUD_FACTS
        )
        self._ids: dict[Hashable, int] = {}
        self._accounts: dict[int, Prepared] = {}
        self._places: dict[tuple[int, str], Prepared] = {}
        self._wheres: dict[int, Where] = {}
        self._where_of: dict[tuple[str | None, tuple[str, ...] | str], Where] = {}
        self._where_classes: dict[Where, int] = {}
        self._account_of: dict[tuple[str, tuple[str, ...]], int] = {}
        self._model_of: dict[str, int] = {}
        self._answers: dict[tuple[int, int, int, str], Decision] = {}

    # -- classes -------------------------------------------------------------------------------

    def account_class(self, account: Account) -> int:
        """Give the number of an account's class: equal numbers are always decided alike."""
        key = (account.id, account.path)
        found = self._account_of.get(key)
        if found is None:
            facts = {name: account.facts.get(name, UNKNOWN) for name in self._account_facts}
            signature = tuple(self.table.signature(name, fact) for name, fact in facts.items())
            found = self._account_of[key] = self._number(("account", signature))
            if found not in self._accounts:
                self._accounts[found] = self.table.prepare(facts, self._account_facts)
        return found

    def where(self, endpoint: str | None, processing: Iterable[str] | str | None) -> Where:
        """Give the place facts of a call to the region ``endpoint`` that may run in others.

        ``processing`` is the list of regions, or ``GLOBAL``. A region that the table does not list
        is unknown, and so are its companions.
        """
        key = (endpoint, processing if isinstance(processing, str) else tuple(processing or ()))
        found = self._where_of.get(key)
        if found is None:
            found = self._where_of[key] = self._where(*key)
        return found

    def _where(self, endpoint: str | None, processing: tuple[str, ...] | str) -> Where:
        if processing == GLOBAL:
            return Where(self._place(endpoint), frozenset(self.regions.everywhere))
        places = [self._place(region) for region in processing]
        known = [place for place in places if isinstance(place, frozenset)]
        whole = frozenset().union(*known) if known and len(known) == len(places) else UNKNOWN
        return Where(self._place(endpoint), whole)

    def _place(self, region: str | None) -> Fact:
        return UNKNOWN if region is None else self.regions.place(region)

    def where_class(self, where: Where) -> int:
        """Give the number of the class of place facts."""
        found = self._where_classes.get(where)
        if found is None:
            signature = (
                self.table.signature("endpoint", where.endpoint),
                self.table.signature("processing", where.processing),
            )
            found = self._where_classes[where] = self._number(("where", signature))
            self._wheres.setdefault(found, where)
        return found

    def model_class(self, model: str) -> int:
        """Give the number of the class of a model of the catalogue."""
        found = self._model_of.get(model)
        if found is None:
            key = ("model", self.table.row(model, self.at), self.table.governing(model))
            found = self._model_of[model] = self._number(key)
        return found

    # -- answers -------------------------------------------------------------------------------

    def decide(
        self, account: Account, where: Where, model: str | None, action: str = "infer"
    ) -> Decision:
        """Decide one cell. ``None`` or a name the catalogue does not know: no known model."""
        if model is None or model not in self.table.policy.models:
            return self.table.decide_prepared(None, self.at)
        key = (
            self.account_class(account),
            self.where_class(where),
            self.model_class(model),
            action,
        )
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = self._decide(key, model)
        return found

    def decide_with(
        self, account: Account, where: Where, model: str, more: Mapping[str, Fact]
    ) -> Decision:
        """Decide a call as a layer does that knows ``more``, such as the client's address."""
        facts: dict[str, Fact] = {
            name: account.facts.get(name, UNKNOWN) if is_account_fact(name) else PENDING
            for name in self.table.asked
        }
        facts |= {
            "action": frozenset({"infer"}),
            "endpoint": where.endpoint,
            "processing": where.processing,
            **more,
        }
        return self.table.decide_prepared(model, self.at, self.table.prepare(facts))

    def permits(
        self, account: Account, where: Where, model: str | None, action: str = "infer"
    ) -> bool:
        """Whether the cloud must let this pass: the account is exempt, or nothing it knows denies.

        An undetermined cell passes; ``coverage`` reports who else must then enforce the rule.
        """
        if account.exempt is not None:
            return True
        return self.decide(account, where, model, action).effect is not Effect.DENY

    def _decide(self, key: tuple[int, int, int, str], model: str) -> Decision:
        account, where, _, action = key
        return self.table.decide_prepared(
            model, self.at, self._accounts[account], self._placed(where, action), self._rest
        )

    def _placed(self, where: int, action: str) -> Prepared:
        found = self._places.get((where, action))
        if found is None:
            given = self._wheres[where]
            facts: Mapping[str, Fact] = {
                "action": frozenset({action}),
                "endpoint": given.endpoint,
                "processing": given.processing,
            }
            found = self._places[where, action] = self.table.prepare(facts, CLOUD_FACTS)
        return found

    def _number(self, key: Hashable) -> int:
        return self._ids.setdefault(key, len(self._ids))


def is_account_fact(name: str) -> bool:
    """Whether the organisation file can know this fact."""
    return name in ACCOUNT_FACTS or name.startswith("ownership.")
