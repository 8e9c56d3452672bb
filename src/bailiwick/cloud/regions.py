"""Where a cloud's regions are: a dated table for each cloud, as its provider reports it.

A place is what a policy names; a cloud region is the provider's name. What the table does not list
is unknown, never "somewhere harmless".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

from bailiwick.facts import UNKNOWN, Fact


class Cloud(StrEnum):
    """The clouds that a policy can be compiled for."""

    AWS = "aws"
    GCP = "gcp"
    AZURE = "azure"


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of one cloud that are open to everybody (its commercial partition)."""

    cloud: Cloud
    as_of: date
    source: str
    places: Mapping[str, str]
    """Cloud region to the country it is in."""

    def place(self, region: str) -> Fact:
        """Where ``region`` is; ``UNKNOWN`` if the table does not list it."""
        place = self.places.get(region)
        return UNKNOWN if place is None else frozenset({place})

    @property
    def everywhere(self) -> frozenset[str]:
        """Every place that a call without a fixed region may be processed in."""
        return frozenset(self.places.values())


@cache
def regions_of(cloud: Cloud) -> Regions:
    """Read the table of one cloud."""
    path = files("bailiwick") / "data" / "cloud" / f"regions_{cloud.value}.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    return Regions(cloud, date.fromisoformat(value["as_of"]), value["source"], value["regions"])
