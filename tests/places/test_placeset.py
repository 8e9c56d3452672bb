"""Membership where country and subdivision meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.places import PlaceSet, around

PLACES = [f"X{letter}{part}" for letter in "ABC" for part in ("", "-01", "-02", "-03")]
NESTED = ["GB", "GB-SCT", "GB-EDH", "GB-ENG", "GB-LND"]
some_places = st.frozensets(st.sampled_from(PLACES + NESTED), max_size=5)
place_sets = st.builds(PlaceSet, some_places, some_places, st.booleans())
any_place = st.sampled_from(PLACES + NESTED)


def place_set(include: str, exclude: str = "", *, unknown: bool | None = None) -> PlaceSet:
    return PlaceSet(frozenset(include.split()), frozenset(exclude.split()), unknown)


def test_a_country_brings_its_subdivisions() -> None:
    places = place_set("XA")

    assert places.contains("XA")
    assert places.contains("XA-01")
    assert not places.contains("XB")
    assert not places.contains("XB-01")


def test_a_subdivision_does_not_bring_its_country() -> None:
    places = place_set("XA-01", unknown=False)

    assert places.contains("XA-01")
    assert not places.contains("XA-02")
    assert not places.contains("XA")


def test_an_excluded_subdivision_is_out_of_an_included_country() -> None:
    places = place_set("XA XB", "XA-01", unknown=False)

    assert not places.contains("XA-01")
    assert places.contains("XA-02")
    assert places.contains("XB")


def test_an_included_subdivision_is_in_although_its_country_is_excluded() -> None:
    places = place_set("XB XA-01", "XA", unknown=False)

    assert places.contains("XA-01")
    assert not places.contains("XA-02")


def test_excluding_wins_over_including_the_same_place() -> None:
    assert not place_set("XA", "XA").contains("XA")
    assert not place_set("XA XA-01", "XA-01", unknown=True).contains("XA-01")


@pytest.mark.parametrize("unknown", [True, False])
@pytest.mark.parametrize(("include", "exclude"), [("XA", "XA-01"), ("XA-01", ""), ("XA-01", "XA")])
def test_the_author_says_what_a_country_without_a_known_subdivision_is(
    include: str, exclude: str, unknown: bool
) -> None:
    places = place_set(include, exclude, unknown=unknown)

    assert places.contains("XA") is unknown
    assert not places.contains("XB")


def test_no_doubt_arises_where_every_named_subdivision_agrees_with_its_country() -> None:
    assert place_set("XA XA-01", unknown=False).contains("XA")
    assert not place_set("XB", "XA XA-01", unknown=True).contains("XA")


def test_the_subdivision_around_a_subdivision_counts() -> None:
    scotland = place_set("GB-SCT", unknown=False)
    without_edinburgh = place_set("GB-SCT", "GB-EDH", unknown=True)

    assert scotland.contains("GB-EDH")
    assert not scotland.contains("GB-LND")
    assert not without_edinburgh.contains("GB-EDH")
    assert without_edinburgh.contains("GB-SCT")


def test_a_set_that_names_a_subdivision_must_say_what_unknown_means() -> None:
    with pytest.raises(ValueError, match="if_subdivision_unknown"):
        place_set("XA-01")
    with pytest.raises(ValueError, match="if_subdivision_unknown"):
        place_set("XA", "XA-01")


@pytest.mark.parametrize("code", ["US-PR", "UK", "EU", "de", ""])
def test_a_set_is_made_of_canonical_places_only(code: str) -> None:
    with pytest.raises(ValueError, match="not canonical"):
        PlaceSet(frozenset({code}), frozenset(), None)


def test_an_empty_set_is_nowhere_and_never_anywhere() -> None:
    assert not place_set("").contains("XA")


def test_equal_sets_are_equal_and_can_be_keys() -> None:
    assert place_set("XA XB") == place_set("XB XA")
    assert len({place_set("XA"), place_set("XA")}) == 1


@given(place_sets, any_place)
def test_the_most_specific_mention_decides_what_is_known_exactly(
    places: PlaceSet, place: str
) -> None:
    named = places.include | places.exclude
    finer = any(other != place and place in around(other) for other in named)
    mentioned = next((outer for outer in around(place) if outer in named), None)

    if not finer:
        expected = mentioned is not None and mentioned not in places.exclude
        assert places.contains(place) is expected


@given(place_sets, any_place)
def test_only_named_subdivisions_can_bring_doubt(places: PlaceSet, place: str) -> None:
    other = PlaceSet(places.include, places.exclude, not places.if_subdivision_unknown)

    if places.contains(place) is not other.contains(place):
        assert places.contains(place) is places.if_subdivision_unknown
        named = places.include | places.exclude
        assert any(part != place and place in around(part) for part in named)


@given(some_places, some_places, st.booleans(), any_place)
def test_including_more_never_takes_a_place_out(
    include: frozenset[str], more: frozenset[str], unknown: bool, place: str
) -> None:
    fewer = PlaceSet(include, frozenset(), unknown)
    wider = PlaceSet(include | more, frozenset(), unknown)

    if place in include:
        assert wider.contains(place)
    if unknown and fewer.contains(place):
        assert wider.contains(place)


@given(place_sets, any_place)
def test_an_excluded_place_is_out_whatever_is_included_unless_doubt_is_in(
    places: PlaceSet, place: str
) -> None:
    stricter = PlaceSet(places.include, places.exclude | {place}, False)

    assert not stricter.contains(place)
