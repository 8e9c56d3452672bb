"""Judge one record: what the policy says to the call, and whether the cloud did the same.

The same table as everywhere decides, at the time of the record. What a log cannot say (the caller's
own address behind a gateway, a card) is pending, so an answer that hangs on it is undetermined.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from bailiwick.catalog import Catalog
from bailiwick.cloud.logs import CloudRecord, DeniedBy, Outcome, names_of
from bailiwick.cloud.organisation import Account, Organisation
from bailiwick.cloud.questions import is_account_fact
from bailiwick.cloud.regions import Cloud, regions_of
from bailiwick.cloud.watch.inventory import Inventory, Served
from bailiwick.cloud.watch.processing import processing_places
from bailiwick.decision import Decision, DecisionTable, Effect, facts_asked
from bailiwick.facts import PENDING, Fact, Facts
from bailiwick.policy import BUILTIN, RuleEffect

MOST_REMEMBERED = 65536

Locate = Callable[[str], Mapping[str, Fact]]
"""Finds the facts of a client address: ``address``, ``network``, ``holder``."""


class Verdict(StrEnum):
    """What a record shows."""

    OK = "ok"
    """The cloud did what the policy says."""
    DRIFT = "drift"
    """It succeeded though denied, or a guardrail denied it though permitted."""
    UNDETERMINED = "undetermined"
    """It cannot be said; ``reason`` says why."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer to one record."""

    verdict: Verdict
    reason: str
    policy: Effect | None = None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the policy says to one class of calls."""

    effect: Effect | None
    rules: tuple[str, ...]
    why: str
    """Reason codes of a deny; what is not known, of an undetermined answer."""
    exempt: str | None = None
    near: tuple[str, ...] = ()
    """Where no rule determines a deny: the rules that permit the model, and do not match."""


class Judge:
    """Judges records. Calls that no rule can tell apart are decided once."""

    def __init__(
        self,
        table: DecisionTable,
        catalog: Catalog,
        organisation: Organisation | None = None,
        inventory: Inventory | None = None,
        locate: Locate | None = None,
    ) -> None:
        self._table, self._catalog, self._locate = table, catalog, locate
        self.inventory = inventory or Inventory()
        listed = [
            (cloud, account)
            for cloud, tree in (organisation.trees if organisation else {}).items()
            for account in tree.accounts()
            if account.is_listed
        ]
        self._accounts = {(cloud, account.id.lower()): account for cloud, account in listed}
        self.inventory.rename({one.number: one.id for _, one in listed if one.number})
        self._edges = sorted(
            {edge for rule in table.rules for edge in (rule.from_at, rule.until_at) if edge}
        )
        self._answers: dict[tuple[object, ...], Answer] = {}
        self._classes: dict[tuple[Cloud, str], Hashable] = {}

    def judge(self, record: CloudRecord) -> Judgement:
        """Judge one record."""
        self.inventory.learn(record)
        return _compare(self.answer(record), record)

    def answer(self, record: CloudRecord) -> Answer:
        """Ask the policy about the call of a record."""
        located = self._located(record)
        key = (
            record.cloud, self._alike(record), record.endpoint, record.processing, record.model,
            record.through and self.inventory.of(record), record.through, record.sku, record.action,
            self.inventory.locations.get(record.resource or ""),
            bisect_right(self._edges, record.at), tuple(located.items()),
        )  # fmt: skip
        found = self._answers.get(key)
        if found is None:
            if len(self._answers) >= MOST_REMEMBERED:
                self._answers.clear()
            found = self._answers[key] = self._ask(record, located)
        return found

    def _account(self, record: CloudRecord) -> Account | None:
        return self._accounts.get((record.cloud, (record.account or "").lower()))

    def _alike(self, record: CloudRecord) -> Hashable:
        """Give what tells the record's account from others, as far as any rule asks."""
        key = (record.cloud, record.account or "")
        found = self._classes.get(key)
        if found is None:
            account = self._account(record)
            found = self._classes[key] = account and (
                account.exempt,
                *(
                    self._table.signature(name, account.facts.get(name, PENDING))
                    for name in sorted(filter(is_account_fact, self._table.asked))
                ),
            )
        return found

    def _located(self, record: CloudRecord) -> Mapping[str, Fact]:
        return self._locate(record.address) if self._locate and record.address else {}

    def _ask(self, record: CloudRecord, located: Mapping[str, Fact]) -> Answer:
        served = self.inventory.of(record)
        named = record.model or served.model
        if named is None:
            return Answer(
                None, (), f"`{record.through or record.operation}` does not say the model"
            )
        account = self._account(record)
        values = {**self._facts(record, served, account), **located}
        model = next(filter(None, map(self._catalog.resolve, names_of(named))), None)
        decision = self._table.decide(Facts(model, record.at, values))
        exempt = account.exempt if account else None
        return Answer(
            decision.effect,
            decision.determining,
            self._why(decision, values, account, model) if model else UNKNOWN_MODEL.format(named),
            exempt,
            self._near(decision, model),
        )

    def _near(self, decision: Decision, model: str | None) -> tuple[str, ...]:
        if decision.effect is not Effect.DENY or decision.determining:
            return ()
        permits = (one for one in self._table.rules if one.effect is RuleEffect.PERMIT)
        return tuple(
            sorted(one.id for one in permits if model in one.models and one.authority != BUILTIN)
        )

    def _facts(
        self, record: CloudRecord, served: Served, account: Account | None
    ) -> dict[str, Fact]:
        facts: dict[str, Fact] = dict.fromkeys(self._table.asked, PENDING)
        for name in self._table.asked:
            if account is not None and is_account_fact(name):
                facts[name] = account.facts.get(name, PENDING)
        regions = regions_of(record.cloud)
        if record.endpoint is None:
            located = self.inventory.locations.get(record.resource or "")
            record = msgspec.structs.replace(record, endpoint=located)
        endpoint = regions.places.get(record.endpoint or "")
        processing = processing_places(record, served)
        facts["action"] = frozenset({record.action})
        facts["endpoint"] = frozenset({endpoint}) if endpoint else PENDING
        facts["processing"] = processing or PENDING
        return facts

    def _why(
        self, decision: Decision, values: Mapping[str, Fact], account: Account | None, model: str
    ) -> str:
        if decision.effect is not Effect.UNDETERMINED:
            return ", ".join(sorted({one.code for one in decision.reasons}))
        about = [rule for rule in self._table.rules if model in rule.models]
        pending = sorted(name for name in facts_asked(about) if values[name] is PENDING)
        nobody = "" if account else "the account is not in the organisation file; "
        return f"{nobody}not known here: {', '.join(pending)}"


UNKNOWN_MODEL = "the catalogue does not know `{}`"


def _compare(answer: Answer, record: CloudRecord) -> Judgement:
    """Hold what the cloud did against what the policy says."""
    verdict, reason = _outcome(answer, record)
    return Judgement(verdict, reason, answer.effect, answer.rules)


def _outcome(answer: Answer, record: CloudRecord) -> tuple[Verdict, str]:
    if answer.effect is None or answer.effect is Effect.UNDETERMINED:
        return Verdict.UNDETERMINED, answer.why
    if record.outcome is Outcome.FAILED:
        return Verdict.UNDETERMINED, f"the call failed otherwise ({record.error})"
    if answer.effect is Effect.DENY:
        return _of_denied(answer, record)
    if record.outcome is Outcome.SUCCEEDED:
        return Verdict.OK, "permitted and succeeded"
    if record.denied_by is DeniedBy.GUARDRAIL:
        return Verdict.DRIFT, "permitted, but a guardrail denied it"
    return Verdict.UNDETERMINED, REFUSED[record.denied_by]


def _of_denied(answer: Answer, record: CloudRecord) -> tuple[Verdict, str]:
    if record.outcome is Outcome.DENIED:
        return Verdict.OK, f"denied by the policy ({answer.why}) and by the cloud"
    if answer.exempt is not None:
        return Verdict.OK, f"exempt: {answer.exempt}"
    return Verdict.DRIFT, f"denied by the policy ({answer.why}), but it succeeded"


REFUSED = {
    DeniedBy.PERMISSION: "permitted, but the caller's own permissions do not allow it",
    DeniedBy.PROVIDER: "permitted, but the provider refused it",
    DeniedBy.UNSAID: "permitted, but refused, and the log does not say by what",
    None: "permitted, but refused, and the log does not say by what",
}
