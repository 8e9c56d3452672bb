"""Read a provider's page, text or HTML, as a list of places; what is not understood is refused.

The list runs from the first line that names a place to the last one. Every line between them must
name a place, or be a heading or a single letter; what stands before and after is set aside and
reported.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.places import name_of, place_named, subdivision_named, suggestions

_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6", "th"}
_BLOCKS = {
    *("li", "td", "p", "div", "br", "tr", "option", "dt", "dd", "section", "ul", "ol", "table"),
    *_HEADINGS,
}
_SILENT = {"script", "style", "template", "noscript", "head"}
_NOTE = re.compile(r"(\s*[*†‡§]+|\s*\[\d+\])+$")
_BULLET = re.compile("^\\s*(?:[-*\u2022\u00b7\u2013]|\\d{1,3}[.)])\\s+")
_EXCEPT = re.compile(
    r"(?i)^(.*?)\s*\((?:except|excluding|with the exception of|not including)\s+(.*)\)$"
)
_SOME = re.compile(r"(?i)^(.*?)\s*\((with certain exceptions|certain exceptions apply)\)$")


@dataclass(frozen=True, slots=True)
class PageItem:
    """One line of a page."""

    text: str
    line: int
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """The places that a page lists."""

    served: frozenset[str]
    excluded: tuple[tuple[str, str], ...]
    """Subdivisions taken out: code, and the name on the page."""
    unnamed: tuple[tuple[str, str], ...]
    """Countries with exceptions that the page does not name: code, and its words."""
    names: tuple[tuple[str, str], ...]
    """Every name on the page and the place it was read as, in order."""
    aside: tuple[str, ...]
    """Lines before and after the list that were not read."""


@dataclass(slots=True)
class _Reading:
    file: str
    served: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    unnamed: dict[str, str] = field(default_factory=dict)
    names: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def item(self, item: PageItem) -> None:
        """Read one line: a place, a place with exceptions, or several places."""
        if _is_heading(item):
            return
        parts = [item.text] if _understood(item.text) else _parts(item.text)
        for part in parts:
            self._place(part, item.line)

    def _place(self, text: str, line: int) -> None:
        name, without, words = _split(text)
        place = place_named(name)
        if place is None:
            self._unknown(name, line)
            return
        if place in self.served:
            message = f"`{name}` is listed twice, first as `{self.served[place]}`"
            self.problems.append(Problem(message, None, Position(self.file, line)))
        self.served[place] = name
        self.names.append((text, place))
        if words:
            self.unnamed[place] = words
        for one in without:
            self._without(one, place, line)

    def _without(self, name: str, country: str, line: int) -> None:
        place = subdivision_named(name, country)
        if place is None:
            hint = f"ISO 3166-2 codes of `{country}` are listed by `bailiwick places {country}`"
            message = f"unknown subdivision `{name}` of {name_of(country)}"
            self.problems.append(Problem(message, hint, Position(self.file, line)))
        else:
            self.excluded[place] = name

    def _unknown(self, name: str, line: int) -> None:
        near = suggestions(name)
        meant = " or ".join(f"{name_of(one)} (`{one}`)" for one in near)
        hint = f"did the page mean {meant}?" if near else "correct the line, or cut it out"
        message = f"unknown place name `{name[:80]}`"
        self.problems.append(Problem(message, hint, Position(self.file, line)))


def read_page(text: str, file: str) -> Page:
    """Read the list of a page. Raises ``InvalidInput`` with every name that is not understood."""
    items = list(_html(text) if _is_html(text) else _text(text))
    known = [number for number, one in enumerate(items) if _names_any(one.text)]
    if not known:
        raise InvalidInput.of(
            "no place is named on this page", "give the page's text, one place a line",
            Position(file),
        )  # fmt: skip
    first, last = known[0], known[-1]
    reading = _Reading(file)
    for one in items[first : last + 1]:
        reading.item(one)
    if reading.problems:
        raise InvalidInput(reading.problems)
    aside = [one.text for one in (*items[:first], *items[last + 1 :])]
    return Page(
        frozenset(reading.served),
        tuple(sorted(reading.excluded.items())),
        tuple(sorted(reading.unnamed.items())),
        tuple(reading.names),
        tuple(aside),
    )


def _is_heading(item: PageItem) -> bool:
    if place_named(item.text):
        return False
    return item.heading or len(item.text) == 1


def _understood(text: str) -> bool:
    return place_named(_split(text)[0]) is not None


def _names_any(text: str) -> bool:
    return _understood(text) or any(_understood(part) for part in _parts(text))


def _split(text: str) -> tuple[str, list[str], str | None]:
    """Take a line apart: the country, the subdivisions without, the words of vague exceptions."""
    if found := _EXCEPT.match(text):
        inner = re.sub(r"(?i)\b(the|regions?|oblasts?)\b", " ", found[2])
        names = re.split(r",|;|\band\b", inner)
        return found[1], [name.strip() for name in names if name.strip()], None
    if found := _SOME.match(text):
        return found[1], [], found[2]
    return text, [], None


def _parts(text: str) -> list[str]:
    """Split a line of several places; commas and semicolons inside brackets do not count."""
    parts = [one.strip() for one in re.split(r"[;,](?![^(]*\))", text)]
    return [one for one in parts if one]


def _text(text: str) -> Iterator[PageItem]:
    for number, line in enumerate(text.splitlines(), 1):
        bare = _NOTE.sub("", _BULLET.sub("", line)).strip()
        heading = line.lstrip().startswith("#") or bare.endswith(":")
        if bare:
            yield PageItem(bare.lstrip("# ").rstrip(":"), number, heading)


def _is_html(text: str) -> bool:
    return re.search(r"(?i)<(html|body|ul|ol|li|table|td|p|div)\b", text) is not None


def _html(text: str) -> Iterator[PageItem]:
    reader = _Html()
    reader.feed(text)
    reader.close()
    reader.flush()
    yield from reader.items


class _Html(HTMLParser):
    """Cuts a page into the texts of its blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.items: list[PageItem] = []
        self._words: list[str] = []
        self._line = 1
        self._heading = False
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a new text with each block."""
        del attrs
        self._silent += tag in _SILENT
        if tag in _BLOCKS:
            self.flush()
            self._heading = tag in _HEADINGS

    def handle_endtag(self, tag: str) -> None:
        """End the text of a block."""
        self._silent -= tag in _SILENT and self._silent > 0
        if tag in _BLOCKS:
            self.flush()
            self._heading = False

    def handle_data(self, data: str) -> None:
        """Collect text."""
        if not self._silent and data.strip():
            if not self._words:
                self._line = self.getpos()[0]
            self._words.append(data)

    def flush(self) -> None:
        """End the text so far."""
        text = _NOTE.sub("", " ".join(" ".join(self._words).split()))
        self._words = []
        if text:
            self.items.append(PageItem(text, self._line, self._heading))
