"""Write the pages: one to begin with, one for each model, one for each place. No server needed.

The pages load nothing and track nobody: styles and the little script are in each page, and a
content security policy admits nothing else.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from bailiwick.availability.changes import feed
from bailiwick.availability.document import as_dict
from bailiwick.availability.values import Availability, Offer
from bailiwick.decision import Access
from bailiwick.errors import BailiwickError
from bailiwick.maps import Shade, source, world_map

LABELS: Mapping[Access, str] = {
    Access.FULL: "available",
    Access.QUOTA: "available with quotas",
    Access.LIMITED: "limited",
    Access.BLOCKED: "not available",
}
SIGNS: Mapping[Access, str] = {
    Access.FULL: "●", Access.QUOTA: "◕", Access.LIMITED: "◑", Access.BLOCKED: "○",
}  # fmt: skip


def write_site(found: Availability, folder: Path, url: str | None = None) -> list[Path]:
    """Write the pages, ``availability.json`` and ``changes.atom``; give what was written.

    What an earlier run wrote is compared with, so that the feed says what changed since.
    """
    site = _Site(found, folder, url)
    site.write()
    return site.written


class _Site:
    def __init__(self, found: Availability, folder: Path, url: str | None) -> None:
        self.found = found
        self.folder = folder
        self.url = url
        self.written: list[Path] = []
        self.pages = _page_names(one.model for one in found.offers)
        self.environment = _environment()
        self.environment.globals |= {
            "found": found, "labels": LABELS, "signs": SIGNS, "levels": list(Access),
            "style": _trusted("style.css"), "script": _trusted("page.js"),
            "policy": _content_policy(), "map_source": source(), "model_page": self.pages.get,
            "place_page": place_page,
        }  # fmt: skip

    def write(self) -> None:
        """Write everything; ``availability.json`` last, as the mark of what the feed knows."""
        self.folder.mkdir(parents=True, exist_ok=True)
        before, feed_before = self._earlier(), self._read("changes.atom")
        document = as_dict(self.found)
        self._page("index.html", "index.html", top="", map=self._world(), data=self._data())
        for offer in self.found.offers:
            self._page(
                self.pages[offer.model], "model.html", top="../", offer=offer, map=_model_map(offer)
            )
        for place, name in self.found.places.items():
            self._page(place_page(place), "place.html", top="../", place=place, name=name)
        self._write("changes.atom", feed(before, document, feed_before, self.url))
        self._write("availability.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    def _earlier(self) -> Mapping[str, Any] | None:
        text = self._read("availability.json")
        if text is None:
            return None
        try:
            document: Mapping[str, Any] = json.loads(text)
            document["models"], document["places"]
        except (ValueError, KeyError, TypeError):
            raise BailiwickError(
                f"`{self.folder / 'availability.json'}` is no availability file",
                "name an empty folder, or move the file away",
            ) from None
        return document

    def _read(self, name: str) -> str | None:
        path = self.folder / name
        return path.read_text("utf-8") if path.exists() else None

    def _page(self, path: str, template: str, **values: Any) -> None:
        self._write(path, self.environment.get_template(template).render(values))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        self.written.append(path)

    def _world(self) -> Markup:
        """Draw how many models each place has."""
        total = len(self.found.offers)
        shades = {}
        for place, name in self.found.places.items():
            count = sum(_level(one, place) is not Access.BLOCKED for one in self.found.offers)
            share = 0 if not count else 1 + min(3, 4 * count // (total + 1))
            shades[place] = Shade(f"share-{share}", f"{name}: {count} of {total} models")
        return Markup(world_map(shades, "How many models residents of each country can use"))  # noqa: S704 - our own markup, escaped where it is made

    def _data(self) -> Markup:
        """Give the levels of every model as one letter a place, for the filters."""
        places = list(self.found.places)
        rows = [
            "".join(_level(one, place).value[0] for place in places) for one in self.found.offers
        ]
        text = json.dumps({"places": places, "rows": rows}, separators=(",", ":"))
        return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - JSON that cannot end its element


def place_page(place: str) -> str:
    """Name the page of a place."""
    return f"place/{place.lower()}.html"


def _page_names(models: Iterable[str]) -> Mapping[str, str]:
    """Name the page of each model; two ids never share one."""
    names: dict[str, str] = {}
    for model in models:
        plain = re.sub(r"[^a-z0-9._-]+", "-", model.lower())
        while f"model/{plain}.html" in names.values():
            plain += "-"
        names[model] = f"model/{plain}.html"
    return names


def _model_map(offer: Offer) -> Markup:
    shades = {
        place: Shade(f"level-{level.value}", f"{place}: {LABELS[level]}")
        for place, level in offer.levels.items()
    }
    return Markup(world_map(shades, f"Where {offer.model} is available"))  # noqa: S704 - as above


def _level(offer: Offer, place: str) -> Access:
    """Give a place's level; a subdivision that this model does not tell apart has its country's."""
    levels = offer.levels
    return levels.get(place) or levels[place.split("-", maxsplit=1)[0]]


@cache
def _part(name: str) -> str:
    return files("bailiwick.availability").joinpath("templates", name).read_text("utf-8")


def _trusted(name: str) -> Markup:
    return Markup(_part(name))  # noqa: S704 - a file of ours


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "day": lambda at: f"{at:%-d %B %Y}",
        "level_of": _level,
        "short": lambda revision: revision[:12],
    }
    return environment


@cache
def _content_policy() -> str:
    digest = hashlib.sha256(_part("page.js").encode()).digest()
    script = base64.b64encode(digest).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'"
    )
