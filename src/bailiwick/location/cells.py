"""A cell: roughly where an address is used, for telling that two places are far apart.

The middle is in whole degrees and the radius one of a few, so that a cell names a region and never
a house, and so that millions of addresses share few answers. A source that claims no radius of its
own has no cell: without one, a distance would be made up.
"""

from collections.abc import Iterable
from math import asin, cos, radians, sin, sqrt
from typing import Any, Final, TypeAlias

Cell: TypeAlias = tuple[int, int, int]
"""Latitude and longitude of the middle in degrees (WGS 84), and the radius in kilometres of the
circle around it in which the address is used, as far as the source knows."""

EARTH_KM: Final = 6371.0
ROUNDING_KM: Final = 79
"""How far whole degrees can be from the point that they stand for."""
RADII_KM: Final = (100, 200, 500, 1000)


def cell_of(latitude: Any, longitude: Any, radius_km: Any) -> Cell | None:
    """Make the cell of a point and its radius; ``None``: they are missing, or say too little.

    Raises ``ValueError`` for what is no point of the earth.
    """
    if latitude is None or longitude is None or radius_km is None:
        return None
    at, along, around = float(latitude), float(longitude), float(radius_km)
    if not (-90 <= at <= 90 and -180 <= along <= 180 and around >= 0):
        raise ValueError(f"`{latitude}, {longitude}` within {radius_km} km is nowhere")
    return _rounded(round(at), round(along), around + ROUNDING_KM)


def joined_cell(cells: Iterable[Cell | None]) -> Cell | None:
    """Give one cell around all that sources say; ``None``: none says any, or they disagree."""
    said = list(dict.fromkeys(one for one in cells if one))
    if len(said) < 2:
        return said[0] if said else None
    first = said[0]
    around = max(middles_km(first, one) + one[2] for one in said)
    return _rounded(first[0], first[1], around)


def middles_km(one: Cell, other: Cell) -> float:
    """Measure between the middles of two cells, over the great circle (haversine)."""
    lat1, lon1, lat2, lon2 = map(radians, (*one[:2], *other[:2]))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half)))


def apart_km(one: Cell, other: Cell) -> float:
    """Give the least distance between a place of one cell and a place of the other."""
    return max(0.0, middles_km(one, other) - one[2] - other[2])


def _rounded(latitude: int, longitude: int, around: float) -> Cell | None:
    radius = next((one for one in RADII_KM if one >= around), None)
    return (latitude, longitude, radius) if radius else None
