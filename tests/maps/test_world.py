"""The map is well-formed, complete, and draws disputed areas as disputed."""

import re
from xml.etree import ElementTree as ET

import pycountry
import pytest

from bailiwick.maps import Shade, source, world_map

SVG = ET.fromstring(
    world_map(
        {"DE": Shade("full", 'Germany: "full" & fine'), "UA-43": Shade("blocked", "denied")},
        "Who may",
        "one",
    )
)


def drawn(code: str) -> list[ET.Element]:
    return [one for one in SVG.iter() if one.get("data-place") == code]


def test_every_country_of_iso_3166_can_be_seen() -> None:
    missing = [one.alpha_2 for one in pycountry.countries if not drawn(one.alpha_2)]

    assert missing == []


def test_a_place_has_the_shade_and_the_title_that_it_was_given() -> None:
    (germany,) = drawn("DE")

    assert germany.get("class") == "place full"
    assert germany[0].text == 'Germany: "full" & fine'


def test_a_place_without_a_shade_says_so() -> None:
    assert {one.get("class") for one in drawn("FR")} == {"place unshaded"}


def test_crimea_is_nobodys_and_hatched() -> None:
    (crimea,) = drawn("UA-43")

    assert crimea.get("class") == "disputed"
    assert crimea[0].text == "Crimea: disputed (UA, RU). denied"
    assert [one.get("class") or one.get("fill") for one in crimea[1:]] == [
        "place blocked",
        "url(#one-hatch)",
    ]


@pytest.mark.parametrize("code", ["MT", "SG", "MV", "NR", "VA", "GI"])
def test_a_small_place_is_a_dot(code: str) -> None:
    assert any(one.tag.endswith("circle") for one in drawn(code))


def test_the_map_says_what_it_shows() -> None:
    assert SVG.get("role") == "img"
    assert SVG[0].text == "Who may"
    assert SVG[0].get("id") == SVG.get("aria-labelledby")


def test_the_source_is_named() -> None:
    assert "Natural Earth" in source()
    assert "Equal Earth" in source()


def test_every_path_is_one_that_browsers_draw() -> None:
    step = r"-?[\d.]+,-?[\d.]+"
    ring = rf"M{step}l{step}( {step})+z"
    paths = [one.get("d", "") for one in SVG.iter() if one.get("d") is not None]

    assert [path[:60] for path in paths if not re.fullmatch(f"({ring})+", path)] == []
