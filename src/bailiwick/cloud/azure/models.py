"""Azure's names of the catalogue's models: ``FORMAT/NAME``, as a deployment's model says them."""

from collections import defaultdict
from dataclasses import dataclass

from bailiwick.catalog import Catalog

CHANNEL = "azure"
FORMATS = {
    "alibaba": "Alibaba", "amazon": "Amazon", "anthropic": "Anthropic", "cohere": "Cohere",
    "deepseek": "DeepSeek", "google": "Google", "meta": "Meta", "mistral": "Mistral AI",
    "openai": "OpenAI", "xai": "xAI",
}  # fmt: skip
"""The catalogue's provider to ``model.format``. A provider that is not here is denied."""


@dataclass(frozen=True, slots=True, order=True)
class AzureModel:
    """One model as an Azure deployment names it."""

    name: str
    """``FORMAT/NAME``; Azure compares it without regard to case."""
    models: tuple[str, ...]
    """Ids of the catalogue with this name: nearly always one. All must be permitted."""


def azure_models(catalog: Catalog) -> list[AzureModel]:
    """List every name that a model of the catalogue has on Azure, sorted."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for model in catalog.models.values():
        if model.provider in FORMATS:
            for alias in model.aliases.get(CHANNEL, ()):
                found[f"{FORMATS[model.provider]}/{alias}"].add(model.id)
    return sorted(AzureModel(name, tuple(sorted(ids))) for name, ids in found.items())
