"""The shared corpus: cases a policy author would recognise, for every evaluator to run.

A case file is ``tests/cases/*.yaml``: the sentences of the design that it shows, and the cases.
A case names its policy (``policies/NAME.yaml``), facts as ``bailiwick.facts.read_facts`` takes
them, and what must follow. The models are those of ``catalog/models.yaml``.

Any evaluator runs it so::

    for case in load_cases():
        wrong = differences(case, my_decision(case.read_policy(), case.read_facts()))
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from bailiwick.catalog import Catalog, load_catalog
from bailiwick.decision import Decision
from bailiwick.documents import Document, Value, parse_document
from bailiwick.facts import Facts, read_facts, read_time
from bailiwick.places import PlaceSet
from bailiwick.policy import Obligations, Order, Policy, read_policy

FOLDER = Path(__file__).parent
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""The time of every case that gives none."""
KEYS = {"note", "policy", "facts", "want", "shows", "approved", "orders", "fails"}
WANTED = {"effect", "determining", "reasons", "contested", "obligations"}


@dataclass(frozen=True, slots=True)
class Case:
    """One case: under this policy, these facts lead to that decision."""

    note: str
    where: str
    """File and line, for messages."""
    policy: str
    """Name of a file in ``policies``, without ``.yaml``."""
    facts: Mapping[str, Value]
    want: Mapping[str, Value]
    """``effect``; the others are compared where they are given."""
    shows: tuple[str, ...]
    """Ids of the design's sentences that the case is an instance of."""
    approved: frozenset[str] = frozenset()
    """Exemptions that count as approved."""
    orders: tuple[Order, ...] = field(default=(), repr=False)
    fails: str | None = None
    """Why the case does not hold yet; it is then expected to fail."""

    def read_facts(self) -> Facts:
        """Read the facts against the corpus' catalogue."""
        return read_facts(self.facts, corpus_catalog(), NOW)

    def read_policy(self) -> Policy:
        """Read the policy; each is read once."""
        return corpus_policy(self.policy)


@cache
def load_cases() -> tuple[Case, ...]:
    """Read every case of every file, in a fixed order."""
    return tuple(case for document in _documents() for case in _cases(document))


@cache
def load_sentences() -> Mapping[str, str]:
    """Read the design's sentences by id."""
    return {
        name: text
        for document in _documents()
        for name, text in document.value["sentences"].items()
    }


@cache
def load_elsewhere() -> Mapping[str, str]:
    """Read which test shows each sentence that no single case can show."""
    return {
        name: one["test"]
        for document in _documents()
        for name, one in document.value.get("elsewhere", {}).items()
    }


@cache
def corpus_catalog() -> Catalog:
    """Read the catalogue that all corpus policies are written against."""
    return load_catalog([_parse(FOLDER / "catalog" / "models.yaml")])


@cache
def corpus_policy(name: str) -> Policy:
    """Read one policy of the corpus, with the files it names."""
    path = FOLDER / "policies" / f"{name}.yaml"
    return read_policy(path.read_text("utf-8"), path.name, corpus_catalog(), _load_beside)


def differences(case: Case, decision: Decision) -> list[str]:
    """Say in words what of a decision is not as the case wants it; empty if all is."""
    got: dict[str, Any] = {
        "effect": decision.effect.value,
        "determining": sorted(decision.determining),
        "contested": str(decision.contested).lower(),
        "obligations": plain_obligations(decision.obligations),
    }
    found = []
    for key, value in case.want.items():
        wanted = sorted(value) if key == "determining" else value
        if key != "reasons" and got[key] != wanted:
            found.append(f"{key} is {got[key]!r}, wanted {wanted!r}")
    return [*found, *_reason_differences(case.want.get("reasons"), decision)]


def plain_obligations(obligations: Obligations) -> dict[str, Any]:
    """Write obligations as a case does, leaving out what is not asked."""
    quotas = [
        {
            key: str(getattr(quota, key))
            for key in ("rule", "requests", "tokens", "per", "by")
            if getattr(quota, key)
        }
        for quota in obligations.quotas
    ]
    limits = ("max_output_tokens", "max_input_tokens", "max_body_bytes")
    plain = {
        "quotas": sorted(quotas, key=lambda quota: quota["rule"]),
        "headers": dict(obligations.headers),
        "denied_features": sorted(obligations.denied_features),
        **{key: str(getattr(obligations, key)) for key in limits if getattr(obligations, key)},
    }
    return {key: value for key, value in plain.items() if value}


def _reason_differences(wanted: Any, decision: Decision) -> Iterator[str]:
    """Each reason that is wanted is there, and none besides."""
    if wanted is None:
        return
    partial = [{"code": one} if isinstance(one, str) else one for one in wanted]
    for one in partial:
        if not any(_is_like(reason, one) for reason in decision.reasons):
            yield f"no reason is like {one}; there are {decision.reasons}"
    for reason in decision.reasons:
        if not any(_is_like(reason, one) for one in partial):
            yield f"nobody wanted {reason}"


def _is_like(reason: Any, partial: Mapping[str, str]) -> bool:
    return all(getattr(reason, key) == value for key, value in partial.items())


@cache
def _documents() -> tuple[Document, ...]:
    return tuple(_parse(path) for path in sorted(FOLDER.glob("*.yaml")))


def _parse(path: Path) -> Document:
    return parse_document(path.read_text("utf-8"), path.name)


def _load_beside(reference: str, from_file: str) -> tuple[str, str]:
    path = FOLDER / "policies" / reference
    return reference, path.read_text("utf-8")


def _cases(document: Document) -> Iterator[Case]:
    for index, given in enumerate(document.value["cases"]):
        where = str(document.position(("cases", index)))
        strange = (given.keys() - KEYS) | (given["want"].keys() - WANTED)
        if strange:
            raise ValueError(f"{where}: unknown keys {sorted(strange)}")
        yield Case(
            note=given["note"],
            where=where,
            policy=given["policy"],
            facts=given["facts"],
            want=given["want"],
            shows=tuple(given.get("shows", ())),
            approved=frozenset(given.get("approved", ())),
            orders=tuple(_order(one) for one in given.get("orders", ())),
            fails=given.get("fails"),
        )


def _order(given: Mapping[str, Any]) -> Order:
    from_at = read_time(given["from"])
    return Order(
        id=given["id"],
        models=frozenset(given["models"]),
        reason=given.get("reason", "made up for a test"),
        by="duty officer",
        from_at=from_at,
        review_by=read_time(given["review_by"]) if "review_by" in given else from_at + timedelta(7),
        until_at=read_time(given["until"]) if "until" in given else None,
        places=_places(given.get("places")),
        except_principals=frozenset(given.get("except_principals", ())),
        except_labels=frozenset(given.get("except_labels", ())),
        except_places=_places(given.get("except_places")),
    )


def _places(codes: list[str] | None) -> PlaceSet | None:
    return PlaceSet(frozenset(codes)) if codes else None
