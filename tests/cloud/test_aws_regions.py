"""Tables of places: every region that the installed botocore knows is in ours."""

import json
from pathlib import Path

import botocore
import pytest

from bailiwick.cloud import Cloud, regions_of
from bailiwick.cloud.aws import UNSPECIFIED, default_profiles
from bailiwick.facts import UNKNOWN
from bailiwick.places import canonical


def test_every_commercial_region_of_botocore_has_a_place() -> None:
    partitions = json.loads((Path(botocore.__file__).parent / "data/partitions.json").read_text())
    (commercial,) = (one for one in partitions["partitions"] if one["id"] == "aws")

    assert set(commercial["regions"]) - {"aws-global"} == set(regions_of(Cloud.AWS).places)


@pytest.mark.parametrize("cloud", Cloud)
def test_every_table_is_dated_and_has_real_places(cloud: Cloud) -> None:
    regions = regions_of(cloud)

    assert regions.source.startswith("https://")
    assert regions.as_of.year >= 2026
    assert all(canonical(place) == place for place in regions.places.values())
    assert regions.place("nowhere-1") is UNKNOWN


def test_every_profile_runs_in_regions_that_have_a_place() -> None:
    places = regions_of(Cloud.AWS).places
    profiles = default_profiles()

    for routes in profiles.geographies.values():
        for source, destinations in routes.items():
            assert {source, *destinations} <= set(places)
    assert profiles.destinations("global.x.y", "us-east-1") == (UNSPECIFIED,)
    assert profiles.destinations("eu.x.y", "us-east-1") is None
