"""Places behind the names that are wider than one region: Google's locations, Azure's SKUs.

Sources, as reported 2026-11: Google, "Data residency" and "Locations" of Vertex AI; Microsoft,
"Deployment types" of Azure AI Foundry. An unknown name is ``None``, never a guess.
"""

from bailiwick.cloud.regions import Regions
from bailiwick.places import group

REGIONAL = frozenset({"Standard", "ProvisionedManaged"})
DATA_ZONE = frozenset({"DataZoneStandard", "DataZoneBatch", "DataZoneProvisionedManaged"})
GLOBAL = frozenset({"GlobalStandard", "GlobalBatch", "GlobalProvisionedManaged", "DeveloperTier"})
"""Azure's kinds of deployment, by where they run: the account's region, its data zone, anywhere."""
SKUS = (*sorted(REGIONAL), *sorted(DATA_ZONE), *sorted(GLOBAL))

GLOBAL_LOCATION = "global"
MULTI_REGIONS = ("us", "eu")
"""Google's locations that are neither a region nor the whole world."""


def zone(name: str, regions: Regions) -> frozenset[str]:
    """Give the places of a zone, ``us`` or ``eu``, in which the cloud has a region."""
    members = frozenset({"US"}) if name == "us" else _european_union()
    return members & regions.everywhere


def zone_of_location(location: str, regions: Regions) -> frozenset[str] | None:
    """Give the places that a Google location may process in."""
    if location == GLOBAL_LOCATION:
        return regions.everywhere
    if location in MULTI_REGIONS:
        return zone(location, regions)
    place = regions.places.get(location)
    return frozenset({place}) if place else None


def zone_of_sku(sku: str, location: str, regions: Regions) -> frozenset[str] | None:
    """Give the places that an Azure deployment of a SKU, in an account there, may process in."""
    if sku in GLOBAL:
        return regions.everywhere
    place = regions.places.get(location.replace(" ", "").lower())
    if place is None or sku not in REGIONAL | DATA_ZONE:
        return None
    if sku in REGIONAL:
        return frozenset({place})
    if place == "US":
        return zone("us", regions)
    return zone("eu", regions) if place in _european_union() else None


def _european_union() -> frozenset[str]:
    found = group("EU")
    assert found is not None  # noqa: S101 - a built-in group
    return found.members
