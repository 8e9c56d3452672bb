"""Where a logged call may have run: not where it happened to run, but where it was free to.

A guardrail judges a call by every region it may be sent to, so what clouds log is judged alike.
``None``: the log does not say, and nothing may be concluded.
"""

from collections.abc import Iterable

from bailiwick.cloud.logs import CloudRecord
from bailiwick.cloud.regions import Cloud, Regions, regions_of
from bailiwick.cloud.watch.inventory import Served
from bailiwick.cloud.zones import zone_of_location, zone_of_sku

Places = frozenset[str]


def processing_places(record: CloudRecord, served: Served) -> Places | None:
    """Give the places a call may run in."""
    regions = regions_of(record.cloud)
    if record.cloud is Cloud.AWS:
        return _aws(record, served, regions)
    if record.cloud is Cloud.GCP:
        return zone_of_location(record.endpoint or "", regions)
    return zone_of_sku(record.sku or served.sku or "", record.endpoint or "", regions)


def _aws(record: CloudRecord, served: Served, regions: Regions) -> Places | None:
    kind, _, name = (record.through or "").partition("/")
    if name.startswith("global.") or (served.regions and "" in served.regions):
        return regions.everywhere
    if served.regions:
        return _all(served.regions, regions)
    if kind in {"inference-profile", "application-inference-profile"}:
        return _all([record.processing], regions) if record.processing else None
    return _all([record.processing or record.endpoint or ""], regions)


def _all(names: Iterable[str], regions: Regions) -> Places | None:
    """Give the places of all these regions; ``None`` if one is not in the table."""
    places = {regions.places.get(name) for name in names}
    return frozenset(place for place in places if place) if None not in places else None
