"""Vertex AI's names of the catalogue's models, as Model Garden's policy writes them."""

from collections import defaultdict
from dataclasses import dataclass

from bailiwick.catalog import Catalog

CHANNEL = "vertex"
PUBLISHERS = {"mistral": "mistralai"}
"""Publishers whose name is not the catalogue's, where the alias does not say it."""
COUNT_TOKENS = "publishers/google/models/count-tokens"
"""Counting tokens is checked as this model; without it clients break."""


@dataclass(frozen=True, slots=True, order=True)
class VertexModel:
    """One model as Vertex AI calls it; its versions (``@...``) share the name."""

    name: str
    """``publishers/PUBLISHER/models/MODEL``."""
    models: tuple[str, ...]
    """Ids of the catalogue with this name: nearly always one. All must be permitted."""


def vertex_models(catalog: Catalog) -> list[VertexModel]:
    """List every name that a model of the catalogue has on Vertex AI, sorted."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for model in catalog.models.values():
        for alias in model.aliases.get(CHANNEL, ()):
            publisher, slash, name = alias.partition("/")
            if not slash:
                publisher, name = PUBLISHERS.get(model.provider, model.provider), alias
            found[f"publishers/{publisher}/models/{name.partition('@')[0]}"].add(model.id)
    return sorted(VertexModel(name, tuple(sorted(ids))) for name, ids in found.items())
