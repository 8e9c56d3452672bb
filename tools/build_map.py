"""Draw the world map that reports and pages show, from Natural Earth as the npm package has it.

    npm pack world-atlas && tar xzf world-atlas-*.tgz
    python -m tools.build_map package/countries-50m.json

Writes ``src/bailiwick/data/map/world.json``: SVG paths in the Equal Earth projection (Savric,
Patterson and Jenny 2018), one a place, and one a disputed area, which belongs to no place's path.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pycountry

OUT = Path(__file__).parents[1] / "src/bailiwick/data/map/world.json"
WIDTH = 960.0
CENTRE = 11.0
"""The longitude in the middle, so that the map's edge runs through the Bering Strait."""
LEAST_AREA = 0.35
"""Triangles smaller than this (square pixels) are simplified away."""
LEAST_ISLAND = 0.9
"""Rings smaller than this are dropped, unless a place has no larger one."""
DOT = 7.0
"""Places smaller than this are a dot as well, so that they can be seen and pointed at."""

Point = tuple[float, float]

APART = {  # rings that the source files under a country, by the box they lie in
    "250": [("GF", -55, 1, -50, 7), ("RE", 54, -23, 57, -20), ("YT", 44, -14, 46, -12),
            ("MQ", -61.4, 14, -60.5, 15), ("GP", -62, 15.7, -61, 16.7)],
    "578": [("SJ", -10, 70.5, 40, 82)],
    "528": [("BQ", -69, 11.5, -62, 18)],
    "643": [("!crimea", 32, 44, 37, 46.4), ("!kurils", 145, 43.2, 149, 45.7)],
}  # fmt: skip
NAMED = {"Kosovo": "!kosovo", "N. Cyprus": "!north-cyprus", "Somaliland": "!somaliland",
         "Siachen Glacier": "!siachen", "Indian Ocean Ter.": "CC"}  # fmt: skip
NUMBERED = {"732": "!western-sahara", "275": "!palestine", "238": "!falklands"}
DISPUTED: dict[str, tuple[str, str, list[str]]] = {  # name, the place whose colour it takes, claims
    "!crimea": ("Crimea", "UA-43", ["UA", "RU"]),
    "!kurils": ("Southern Kurils", "", ["JP", "RU"]),
    "!kosovo": ("Kosovo", "XK", ["XK", "RS"]),
    "!north-cyprus": ("Northern Cyprus", "", ["CY"]),
    "!somaliland": ("Somaliland", "", ["SO"]),
    "!siachen": ("Siachen Glacier", "", ["IN", "PK"]),
    "!western-sahara": ("Western Sahara", "EH", ["EH", "MA"]),
    "!palestine": ("Palestine", "PS", ["PS", "IL"]),
    "!falklands": ("Falkland Islands", "FK", ["FK", "AR"]),
}
POINTS = {  # places that the source does not draw: longitude, latitude
    "BV": (3.4, -54.4), "CX": (105.7, -10.5), "GI": (-5.4, 36.1), "TK": (-171.8, -9.2),
    "UM": (166.6, 19.3), "TV": (179.2, -8.5), "IO": (72.4, -7.3), "HM": (73.5, -53.1),
    "TF": (69.5, -49.3), "NF": (168.0, -29.0), "PN": (-130.1, -25.1), "AX": (20.0, 60.2),
    "BQ": (-68.3, 12.2), "SJ": (16.0, 78.5), "MQ": (-61.0, 14.7), "GP": (-61.5, 16.2),
    "RE": (55.5, -21.1), "YT": (45.2, -12.8), "GF": (-53.1, 4.0), "CC": (96.8, -12.2),
}  # fmt: skip


def project(point: Point) -> Point:
    """Equal Earth, on a sheet ``WIDTH`` wide with its origin in the upper left corner."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    root = math.sqrt(3) / 2
    longitude, latitude = math.radians(point[0]), math.radians(point[1])
    t = math.asin(root * math.sin(latitude))
    x = longitude * math.cos(t) / (root * (a1 + 3 * a2 * t**2 + t**6 * (7 * a3 + 9 * a4 * t**2)))
    y = t * (a1 + a2 * t**2 + t**6 * (a3 + a4 * t**2))
    scale = WIDTH / 5.412
    return WIDTH / 2 + x * scale, 1.3176 * scale - y * scale


def unwrapped(points: list[Point]) -> list[Point]:
    """Turn the globe to ``CENTRE`` and let longitudes run on where a line crosses the edge."""
    turned: list[Point] = []
    for longitude, latitude in points:
        x = (longitude - CENTRE + 180) % 360 - 180
        if turned:
            x += 360 * round((turned[-1][0] - x) / 360)
        turned.append((x, latitude))
    return turned


def outline(points: list[Point]) -> list[Point]:
    """Project a ring. One that crosses the edge stays whole on the side where most of it is."""
    turned = unwrapped(points)
    if abs(turned[0][0] - turned[-1][0]) > 180:  # it runs around the pole
        round_ = [(x - 360 * round(x / 360), y) for x, y in turned[:-1]]
        start = next(i for i, (x, _) in enumerate(round_) if abs(x - round_[i - 1][0]) > 180)
        coast = round_[start:] + round_[:start]
        edge = math.copysign(180, coast[-1][0])
        turned = [(-edge, -90), *coast, (edge, -90), (-edge, -90)]
    middle = sum(x for x, _ in turned) / len(turned)
    return [project((x - 360 * round(middle / 360), y)) for x, y in turned]


def simplify(points: list[Point]) -> list[Point]:
    """Drop the points that matter least (Visvalingam and Whyatt 1993); the ends stay."""
    kept = list(zip(points, map(project, unwrapped(points)), strict=True))
    while len(kept) > 3:
        areas = [
            (triangle(*(drawn for _, drawn in kept[i - 1 : i + 2])), i)
            for i in range(1, len(kept) - 1)
        ]
        least, place = min(areas)
        if least >= LEAST_AREA:
            break
        del kept[place]
    return [point for point, _ in kept]


def triangle(a: Point, b: Point, c: Point) -> float:
    """Area of a triangle."""
    return abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2


def area(ring: list[Point]) -> float:
    """Area of a ring."""
    pairs = zip(ring, ring[1:] + ring[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


class Atlas:
    """A TopoJSON file: countries share their borders as arcs."""

    def __init__(self, path: Path) -> None:
        self.data = json.loads(path.read_text("utf-8"))
        (sx, sy), (tx, ty) = (self.data["transform"][key] for key in ("scale", "translate"))
        self.arcs = []
        for arc in self.data["arcs"]:
            x = y = 0
            points = []
            for dx, dy in arc:
                x, y = x + dx, y + dy
                points.append((x * sx + tx, y * sy + ty))
            self.arcs.append(points)
        self.simple = [simplify(arc) for arc in self.arcs]

    def ring(self, numbers: list[int], arcs: list[list[Point]]) -> list[Point]:
        """Join arcs into a ring; a number's complement is its arc backwards."""
        ring: list[Point] = []
        for number in numbers:
            arc = arcs[number] if number >= 0 else arcs[~number][::-1]
            ring += arc[1:] if ring else arc
        return ring

    def shapes(self) -> dict[str, list[list[Point]]]:
        """Give each place's rings, and each disputed area's."""
        shapes: dict[str, list[list[Point]]] = {}
        for country in self.data["objects"]["countries"]["geometries"]:
            several = country["arcs"] if country["type"] == "MultiPolygon" else [country["arcs"]]
            for polygon in several:
                code = code_of(country, self.ring(polygon[0], self.arcs))
                rings = shapes.setdefault(code, []) if code else []
                rings += [outline(self.ring(part, self.simple)) for part in polygon]
        return shapes


def code_of(country: dict[str, Any], outline: list[Point]) -> str | None:
    """Name the place that a ring belongs to."""
    number = country.get("id") or ""
    x = sum(point[0] for point in outline) / len(outline)
    y = sum(point[1] for point in outline) / len(outline)
    for code, west, south, east, north in APART.get(number, []):
        if west < x < east and south < y < north:
            return code
    if not number:
        return NAMED[country["properties"]["name"]]
    return NUMBERED.get(number) or pycountry.countries.get(numeric=number).alpha_2


def path(rings: list[list[Point]]) -> str:
    """Write rings as an SVG path, in relative steps of a tenth of a pixel."""
    largest = max(area(ring) for ring in rings)
    kept = [ring for ring in rings if area(ring) >= min(LEAST_ISLAND, largest)]
    return "".join(_steps([(round(x * 10), round(y * 10)) for x, y in ring]) for ring in kept)


def _steps(ring: list[tuple[int, int]]) -> str:
    (x, y), steps = ring[0], []
    for nx, ny in ring[1:-1]:
        if (nx, ny) != (x, y):
            steps.append(f"{_tenths(nx - x)},{_tenths(ny - y)}")
            x, y = nx, ny
    if len(steps) < 2:
        return ""
    return f"M{_tenths(ring[0][0])},{_tenths(ring[0][1])}l{' '.join(steps)}z"


def _tenths(number: int) -> str:
    whole = f"{number / 10:.1f}"
    return whole.removesuffix(".0")


def dot(rings: list[list[Point]]) -> list[float] | None:
    """Give the middle of a place that is hard to see."""
    largest = max(rings, key=area)
    if sum(area(ring) for ring in rings) > DOT:
        return None
    xs, ys = [x for x, _ in largest], [y for _, y in largest]
    return [round((min(xs) + max(xs)) / 2, 1), round((min(ys) + max(ys)) / 2, 1)]


def build(source: Path) -> dict[str, Any]:
    """Draw everything."""
    shapes = Atlas(source).shapes()
    drawn = {code: path(rings) for code, rings in sorted(shapes.items()) if code[0] != "!"}
    places = {code: found for code, found in drawn.items() if found}
    dots = {code: found for code, rings in sorted(shapes.items()) if (found := dot(rings))}
    for code, point in POINTS.items():
        if code not in places or code in dots:
            x, y = project(unwrapped([point])[0])
            dots[code] = [round(x, 1), round(y, 1)]
    disputed = [
        {"name": name, "place": place or None, "claims": claims, "path": path(shapes[key])}
        for key, (name, place, claims) in DISPUTED.items()
    ]
    for area_ in disputed:
        key = next(key for key, value in DISPUTED.items() if value[0] == area_["name"])
        if found := dots.pop(key, None):
            area_["dot"] = found
    return {
        "projection": f"Equal Earth, centred on {CENTRE:g}° E",
        "source": "Natural Earth 1:50m (public domain), as packed in world-atlas 2.0.2",
        "width": WIDTH,
        "height": round(project((0, -90))[1], 1),
        "places": places,
        "dots": dict(sorted(dots.items())),
        "disputed": disputed,
    }


def main() -> None:
    """Build the file and say what is missing."""
    world = build(Path(sys.argv[1]))
    drawn = set(world["places"]) | set(world["dots"]) | {one["place"] for one in world["disputed"]}
    missing = sorted({one.alpha_2 for one in pycountry.countries} - drawn)
    print(f"{len(drawn)} places; not drawn: {', '.join(missing) or 'none'}")
    OUT.write_text(json.dumps(world, separators=(",", ":"), ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
