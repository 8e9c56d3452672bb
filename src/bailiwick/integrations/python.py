"""A decision in your own process: a policy file, facts, an answer.

    from bailiwick import Bailiwick

    bailiwick = Bailiwick.from_policy("policy.yaml")
    answer = bailiwick.decide("claude-opus-4-1", address="8.8.8.8", billing="US")
    if not answer:
        raise PermissionError(answer.why)

Nothing is recorded and nobody is looked up: the caller brings the facts and keeps the obligations.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from bailiwick.bootstrap import LoadedPolicy, load_policy
from bailiwick.catalog import Catalog
from bailiwick.decision import (
    Decision,
    DecisionTable,
    Effect,
    Obligations,
    Reason,
    alternatives,
    compile_table,
    decision_as_dict,
)
from bailiwick.errors import InvalidInput
from bailiwick.facts import Facts, read_facts
from bailiwick.location import Located, LocationSettings, Locator, load_locator, pack
from bailiwick.pipeline import location_facts

Said: TypeAlias = str | Iterable[str]
"""One value or several candidates (of ``labels`` and the like: the elements)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision, and what it was taken on. True if and only if it is a permit."""

    decision: Decision
    facts: Facts
    located: Located | None
    """Where the address is used; ``None``: none was given, or a place instead of one."""
    alternatives: tuple[str, ...]
    """Catalogue ids that the same caller may use instead; empty for a permit."""

    def __bool__(self) -> bool:
        return self.permitted

    @property
    def permitted(self) -> bool:
        """Whether the request may go on. ``undetermined`` is not a permit."""
        return self.decision.permitted

    @property
    def effect(self) -> Effect:
        """``permit``, ``deny``, or ``undetermined`` while a fact is pending."""
        return self.decision.effect

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why not, by code (``docs/reasons.md``)."""
        return self.decision.reasons

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that decided."""
        return self.decision.determining

    @property
    def obligations(self) -> Obligations:
        """What the caller must hold a permitted request to."""
        return self.decision.obligations

    @property
    def why(self) -> str:
        """The reasons in one line, for a log."""
        said = [" ".join(part for part in (one.code, one.rule, one.dimension) if part)
                for one in self.reasons]  # fmt: skip
        return "; ".join(said) or ", ".join(self.rules)

    def as_dict(self) -> dict[str, Any]:
        """Give JSON values (``docs/decision.md``)."""
        return {**decision_as_dict(self.decision), "alternatives": list(self.alternatives)}


class Bailiwick:
    """A policy, ready to decide. Safe to share between threads; nothing in it changes."""

    def __init__(self, table: DecisionTable, catalog: Catalog, locator: Locator | None) -> None:
        self.table = table
        self.catalog = catalog
        self.locator = locator

    @classmethod
    def from_policy(
        cls,
        policy: str | Path,
        *,
        catalog: Iterable[str | Path] = (),
        location: Mapping[str, Any] | None = None,
    ) -> "Bailiwick":
        """Read a policy file with everything it names.

        ``catalog``: files that extend the built-in catalogue. ``location``: as in the settings
        (``docs/settings.md``), paths from the current folder; default: the embedded data.
        Raises ``InvalidInput`` with every problem found.
        """
        loaded = load_policy(Path(policy), [Path(one) for one in catalog])
        settings = LocationSettings.model_validate(location or {})
        return cls._of(loaded, load_locator(settings, datetime.now(UTC), base=Path.cwd()))

    @classmethod
    def _of(cls, loaded: LoadedPolicy, locator: Locator | None) -> "Bailiwick":
        return cls(compile_table(loaded.policy, loaded.catalog), loaded.catalog, locator)

    @property
    def revision(self) -> str:
        """The revision that decides: a hash of policy and catalogue."""
        return self.table.revision

    def decide(
        self,
        model: str,
        *,
        address: Said | None = None,
        at: datetime | None = None,
        facts: Mapping[str, Any] | None = None,
        **more: Said,
    ) -> Outcome:
        """Decide about one request.

        ``model`` is any name that the catalogue knows. ``address`` is an IP address, which is
        located, or the place where it is used. Other facts go by their names (``billing="US"``,
        ``labels=["research"]``, ``action="deploy"``), or in ``facts`` where a name has a dot. A
        fact that is not given is unknown, ``"pending"`` leaves the answer open; as everywhere
        facts are written, ``action`` is ``infer``, ``features`` none and ``status`` ``active``
        unless said otherwise. ``at`` (aware) is now by default.

        Raises ``InvalidInput`` for names and values that do not exist.
        """
        now = at or datetime.now(UTC)
        given = {"model": model, **dict(facts or {}), **more}
        spelled = {name: _spelled(value) for name, value in given.items()}
        located = self._located(address, now)
        if address is not None and located is None:
            spelled["address"] = _spelled(address)
        read = read_facts(spelled, self.catalog, now)
        if located is not None:
            network = {"network": read.values["network"]} if "network" in read.values else {}
            read = Facts(read.model, read.at, {**read.values, **location_facts(located), **network})
        decision = self.table.decide(read)
        others = () if decision.permitted else alternatives(self.table, read)
        return Outcome(decision, read, located, others)

    def permitted_models(self, **facts: Any) -> tuple[str, ...]:
        """List the models that somebody may use; facts as for ``decide``."""
        models = sorted(self.table.policy.models)
        return tuple(model for model in models if self.decide(model, **facts))

    def _located(self, address: Said | None, at: datetime) -> Located | None:
        if not isinstance(address, str) or pack(address) is None:
            return None
        if self.locator is None:
            raise InvalidInput.of("there are no location data", "give the place instead")
        return self.locator.locate(address, at)


def _spelled(value: Any) -> Any:
    if isinstance(value, str | Mapping):
        return dict(value) if isinstance(value, Mapping) else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Iterable):
        return [str(one) for one in value]
    return str(value)
