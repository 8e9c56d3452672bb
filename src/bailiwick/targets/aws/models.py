"""Bedrock's names of the catalogue's models, and patterns that tell groups of them apart."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bailiwick.catalog import Catalog

TOKEN = re.compile(r"[^.:-]+[.:-]?")
CHANNEL = "bedrock"


@dataclass(frozen=True, slots=True, order=True)
class BedrockModel:
    """One model as Bedrock calls it."""

    id: str
    """As in ``foundation-model/ID``."""
    model: str
    """The catalogue's id."""


def bedrock_models(catalog: Catalog) -> list[BedrockModel]:
    """List every name that a model of the catalogue has on Bedrock, sorted."""
    return sorted(
        BedrockModel(name, model.id)
        for model in catalog.models.values()
        for name in model.aliases.get(CHANNEL, ())
    )


def prefixes(wanted: Collection[str], others: Iterable[str]) -> list[str]:
    """Cover ``wanted`` with the shortest beginnings, cut at word ends, that no other name has.

    At least the provider stays. What cannot be told from another name by its beginning stays whole.
    """
    others = [one for one in others if one not in wanted]
    found: set[str] = set()
    for name in sorted(wanted):
        if not any(name.startswith(one.removesuffix("*")) for one in found if one.endswith("*")):
            found.add(_shortest(name, others))
    return sorted(_without_covered(found))


def _shortest(name: str, others: Collection[str]) -> str:
    end = 0
    for word in TOKEN.findall(name):
        end += len(word)
        beginning = name[:end]
        if not any(one.startswith(beginning) for one in others):
            return f"{beginning}*"
    return name


def _without_covered(patterns: Collection[str]) -> list[str]:
    starts = [one.removesuffix("*") for one in patterns if one.endswith("*")]
    return [
        one
        for one in patterns
        if not any(one.startswith(start) and one != f"{start}*" for start in starts)
    ]
