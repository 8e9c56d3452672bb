"""Losses: which requests they hit, by model and by what is known of the request."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bailiwick.catalog import Catalog
from bailiwick.facts import OWNERSHIP_PREFIX, Fact
from bailiwick.places import PlaceSet, country_of, name_of

WHERE = ("address", "billing", "registered")
"""Who is "in" a place here: whoever asks from it, or has the account there."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that stops, for some models, in some places."""

    name: str
    kind: str
    """``withdrawal``, ``model``, ``ownership``, ``embargo`` or ``scenario``."""
    models: frozenset[str]
    places: PlaceSet | None = None
    """``None``: everywhere."""
    needs_proof: bool = False
    """Only accounts without proof that no owner is in the way are hit."""

    def reaches(self, facts: Mapping[str, Fact]) -> bool:
        """Tell whether a request that is described so is hit, if its model is."""
        if self.places is not None and not self._inside(facts, self.places):
            return False
        return not (self.needs_proof and is_proven(facts))

    def _inside(self, facts: Mapping[str, Fact], places: PlaceSet) -> bool:
        known = (facts.get(name) for name in WHERE)
        return any(
            places.contains(place)
            for fact in known
            if isinstance(fact, frozenset)
            for place in fact
        )


def is_proven(facts: Mapping[str, Fact]) -> bool:
    """Whether an ownership test is answered with ``no``, and none otherwise."""
    answers = [fact for name, fact in facts.items() if name.startswith(OWNERSHIP_PREFIX)]
    return bool(answers) and all(fact == frozenset({"no"}) for fact in answers)


def losses_of(
    catalog: Catalog,
    used: Iterable[str],
    places: Iterable[str],
    regions: Mapping[str, PlaceSet],
    controlled: frozenset[str],
) -> Iterator[Loss]:
    """List every single loss: of a model, of a provider in a place, of proof, of a place.

    ``used`` are the models of the traffic, ``places`` where it comes from, ``regions`` larger
    places by name. An embargo stops ``controlled`` models only.
    """
    in_use = sorted(set(used) & catalog.models.keys())
    providers = sorted({catalog.models[one].provider for one in in_use})
    every = {provider: _models_of(catalog, provider) for provider in providers}
    countries = sorted(set(map(country_of, places)))
    here = {f"{name_of(one)} ({one})": PlaceSet(frozenset({one})) for one in countries}
    wheres = {**regions, **here}
    for model in in_use:
        yield Loss(f"{model} is switched off", "model", frozenset({model}))
    for provider in providers:
        yield Loss(f"{provider} withdraws from everywhere", "withdrawal", every[provider])
        name = f"{provider} asks for proof of ownership"
        yield Loss(name, "ownership", every[provider], None, needs_proof=True)
        for place, inside in wheres.items():
            name = f"{provider} withdraws from {place}"
            yield Loss(name, "withdrawal", every[provider], inside)
    for place, inside in wheres.items():
        yield Loss(f"{place} becomes embargoed", "embargo", controlled, inside)


def _models_of(catalog: Catalog, provider: str) -> frozenset[str]:
    return frozenset(one.id for one in catalog.models.values() if one.provider == provider)
