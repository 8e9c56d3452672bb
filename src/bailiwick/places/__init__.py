"""Where: countries, subdivisions, territories, named groups, and sets of them.

A place is a plain ``str`` that ``canonical`` returned. No I/O of ours; the ISO lists come with
pycountry.
"""

from bailiwick.places.codes import (
    around,
    canonical,
    countries,
    country_of,
    is_subdivision,
    name_of,
    subdivisions_of,
    suggestions,
)
from bailiwick.places.groups import Group, group, groups
from bailiwick.places.names import place_named, subdivision_named
from bailiwick.places.placeset import PlaceSet
from bailiwick.places.territories import DUAL, NEVER_INHERIT, parent_of, territories_of

__all__ = [
    "DUAL",
    "NEVER_INHERIT",
    "Group",
    "PlaceSet",
    "around",
    "canonical",
    "countries",
    "country_of",
    "group",
    "groups",
    "is_subdivision",
    "name_of",
    "parent_of",
    "place_named",
    "subdivision_named",
    "subdivisions_of",
    "suggestions",
    "territories_of",
]
