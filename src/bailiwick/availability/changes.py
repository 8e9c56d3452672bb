"""What changed between two revisions, as an Atom feed (RFC 4287) that readers can follow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from bailiwick.errors import BailiwickError

ATOM = "http://www.w3.org/2005/Atom"
MOST_ENTRIES = 100
NOT_OFFERED = "not offered"


@dataclass(frozen=True, slots=True)
class Change:
    """One model whose level changed in some places."""

    model: str
    before: str
    after: str
    places: tuple[str, ...]


def changes_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Compare two documents (``availability.json``), place by place."""
    before, after = _levels(old), _levels(new)
    moved: dict[tuple[str, str, str], list[str]] = {}
    for model in sorted(before.keys() | after.keys()):
        was, now = before.get(model, {}), after.get(model, {})
        for place in sorted(was.keys() | now.keys()):
            pair = (_level(was, place), _level(now, place))
            if pair[0] != pair[1]:
                moved.setdefault((model, *pair), []).append(place)
    return tuple(Change(*key, tuple(places)) for key, places in moved.items())


def _levels(document: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {
        one["model"]: {
            place: level["access"] for level in one["levels"] for place in level["places"]
        }
        for one in document["models"]
    }


def _level(levels: Mapping[str, str], place: str) -> str:
    """Give a place's level; a subdivision that is not told apart has its country's."""
    return levels.get(place) or levels.get(place.split("-", maxsplit=1)[0], NOT_OFFERED)


def feed(
    old: Mapping[str, Any] | None, new: Mapping[str, Any], kept: str | None, url: str | None
) -> str:
    """Write the feed: an entry for each changed model, before the entries of the feed ``kept``."""
    ET.register_namespace("", ATOM)
    root = ET.Element(_tag("feed"))
    _text(root, "id", f"urn:bailiwick:availability:{new['name']}")
    _text(root, "title", f"Availability of models: {new['name']}")
    _text(root, "updated", new["at"])
    if url:
        ET.SubElement(root, _tag("link"), rel="alternate", href=url)
    author = ET.SubElement(root, _tag("author"))
    _text(author, "name", new["name"])
    found = changes_between(old, new) if old is not None else ()
    entries = [_entry(one, new, url) for one in found]
    for entry in [*entries, *_kept(kept, {one.findtext(_tag("id")) for one in entries})]:
        if len(root.findall(_tag("entry"))) < MOST_ENTRIES:
            root.append(entry)
    ET.indent(root)
    return ET.tostring(root, "unicode", xml_declaration=True) + "\n"


def _entry(change: Change, new: Mapping[str, Any], url: str | None) -> ET.Element:
    entry = ET.Element(_tag("entry"))
    key = f"{new['revision'][:16]}:{change.model}:{change.before}:{change.after}"
    _text(entry, "id", f"urn:bailiwick:change:{key.replace(' ', '-')}")
    _text(entry, "title", f"{change.model}: {change.before} → {change.after}")
    _text(entry, "updated", new["at"])
    named = [f"{new['places'].get(place, place)} ({place})" for place in change.places]
    where = ", ".join(named[:12]) + (f" and {len(named) - 12} more" if len(named) > 12 else "")
    _text(entry, "summary", f"In {where}. Revision {new['revision'][:12]}.")
    if url:
        ET.SubElement(entry, _tag("link"), rel="alternate", href=url)
    return entry


def _kept(text: str | None, known: set[str | None]) -> Iterable[ET.Element]:
    if text is None:
        return ()
    try:
        root = ET.fromstring(text)  # noqa: S314 - a file that we wrote ourselves
    except ET.ParseError as error:
        raise BailiwickError(
            f"the feed that is there is damaged: {error}", "move `changes.atom` away to begin anew"
        ) from None
    return [one for one in root.findall(_tag("entry")) if one.findtext(_tag("id")) not in known]


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, _tag(name)).text = text


def _tag(name: str) -> str:
    return f"{{{ATOM}}}{name}"
