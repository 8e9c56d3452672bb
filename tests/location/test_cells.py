"""Distances between cells are never more than they can be, and sources that differ widen a cell."""

from math import atan2, cos, degrees, radians, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.location import apart_km
from bailiwick.location.cells import EARTH_KM, cell_of, joined_cell, middles_km

LATITUDES = st.floats(-89, 89)
LONGITUDES = st.floats(-180, 180)


def exact_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Measure by the formula of Vincenty for a sphere, which is another way to the same number."""
    a, b = map(radians, one), map(radians, other)
    (lat1, lon1), (lat2, lon2) = tuple(a), tuple(b)
    step = lon2 - lon1
    over = (
        (cos(lat2) * sin(step)) ** 2
        + (cos(lat1) * sin(lat2) - sin(lat1) * cos(lat2) * cos(step)) ** 2
    ) ** 0.5
    return EARTH_KM * atan2(over, sin(lat1) * sin(lat2) + cos(lat1) * cos(lat2) * cos(step))


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES, st.floats(0, 900), st.floats(0, 900))
def test_cells_are_never_further_apart_than_the_places_can_be(
    lat1: float, lon1: float, lat2: float, lon2: float, r1: float, r2: float
) -> None:
    one, other = cell_of(lat1, lon1, r1), cell_of(lat2, lon2, r2)
    if one is not None and other is not None:
        assert (
            apart_km(one, other) <= max(0.0, exact_km((lat1, lon1), (lat2, lon2)) - r1 - r2) + 1e-6
        )
        assert middles_km(one, other) == pytest.approx(exact_km(one[:2], other[:2]), abs=0.01)


def test_two_cloud_regions_of_one_country_are_as_far_apart_as_they_are() -> None:
    ashburn, boardman = (39.04, -77.49), (45.84, -119.7)
    one, other = cell_of(*ashburn, 1), cell_of(*boardman, 1)
    assert one is not None
    assert other is not None

    assert exact_km(ashburn, boardman) == pytest.approx(3503, abs=30)
    assert 3503 - 2 * 180 < apart_km(one, other) < 3503


def test_sources_that_differ_give_a_wider_cell_or_none() -> None:
    assert joined_cell([None, (53, 13, 100), (53, 13, 100)]) == (53, 13, 100)
    assert joined_cell([(53, 13, 100), (51, 12, 100)]) == (53, 13, 500)
    assert joined_cell([(53, 13, 100), (-34, 151, 100)]) is None
    assert joined_cell([None]) is None
    assert degrees(radians(180)) == 180
