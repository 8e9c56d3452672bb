"""Draw the world with every place in the shade that the caller gives it.

The shapes are Natural Earth's in the Equal Earth projection, drawn beforehand by
``tools/build_map.py``. A disputed area belongs to no place's shape: it is drawn by itself, hatched,
and its title says who claims it. Small places are dots as well, so that they can be seen.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Shade:
    """How a place is drawn."""

    css: str
    """Classes that the page's style sheet colours (``fill``)."""
    title: str
    """What is said of the place when it is pointed at."""


@cache
def _world() -> Mapping[str, Any]:
    text = files("bailiwick").joinpath("data/map/world.json").read_text("utf-8")
    world: Mapping[str, Any] = json.loads(text)
    return world


def world_map(shades: Mapping[str, Shade], label: str, id_: str = "map") -> str:
    """Give an ``<svg>`` element; ``shades`` by ISO 3166 code, others get the class ``unshaded``.

    ``label`` says in words what the map shows; ``id_`` tells two maps of a page apart. A
    subdivision has a shape only where it is a disputed area (``UA-43``).
    """
    world, id_ = _world(), escape(id_)
    size = f"0 0 {world['width']:g} {world['height']:g}"
    return "".join(
        [
            f'<svg class="map" viewBox="{size}" role="img" aria-labelledby="{id_}-label">',
            f'<title id="{id_}-label">{escape(label)}</title>',
            f'<defs><pattern id="{id_}-hatch" width="4" height="4" patternUnits="userSpaceOnUse"',
            ' patternTransform="rotate(45)"><line class="hatch" y2="4"/></pattern></defs>',
            *(_shape(code, path, shades) for code, path in world["places"].items()),
            *_disputed(world["disputed"], shades, id_),
            *(_dot(code, x, y, shades) for code, (x, y) in world["dots"].items()),
            "</svg>",
        ]
    )


def source() -> str:
    """Say where the shapes come from and how they are projected."""
    world = _world()
    return f"{world['source']}; {world['projection']}"


def _shape(code: str, path: str, shades: Mapping[str, Shade]) -> str:
    css, title = _drawn(code, shades)
    return f'<path class="{css}" data-place="{code}" d="{path}">{title}</path>'


def _dot(code: str, x: float, y: float, shades: Mapping[str, Shade]) -> str:
    css, title = _drawn(code, shades)
    return f'<circle class="{css}" data-place="{code}" cx="{x:g}" cy="{y:g}" r="2">{title}</circle>'


def _drawn(code: str, shades: Mapping[str, Shade]) -> tuple[str, str]:
    shade = shades.get(code)
    if shade is None:
        return "place unshaded", ""
    return escape(f"place {shade.css}"), f"<title>{escape(shade.title)}</title>"


def _disputed(
    areas: list[Mapping[str, Any]], shades: Mapping[str, Shade], id_: str
) -> Iterator[str]:
    for area in areas:
        shade = shades.get(area["place"] or "")
        css = escape(f"place {shade.css if shade else 'unshaded'}")
        said = f"{area['name']}: disputed ({', '.join(area['claims'])})"
        title = escape(f"{said}. {shade.title}" if shade else said)
        yield f'<g class="disputed" data-place="{area["place"] or ""}"><title>{title}</title>'
        yield f'<path class="{css}" d="{area["path"]}"/>'
        yield f'<path fill="url(#{id_}-hatch)" d="{area["path"]}"/>'
        if "dot" in area:
            x, y = area["dot"]
            yield f'<circle class="{css}" cx="{x:g}" cy="{y:g}" r="2"/>'
        yield "</g>"
