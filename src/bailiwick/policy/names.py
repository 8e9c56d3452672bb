"""Give names their meaning: places and groups of places, models and groups of models."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache

from bailiwick.catalog import Catalog, Model, Openness
from bailiwick.documents import Path
from bailiwick.places import (
    PlaceSet,
    canonical,
    country_of,
    group,
    groups,
    is_subdivision,
    suggestions,
    territories_of,
)
from bailiwick.policy.problems import Problems
from bailiwick.policy.shape import ModelGroupShape, PlaceGroupShape
from bailiwick.shapes import did_you_mean


@dataclass(slots=True)
class Names:
    """The names one rule set has defined so far."""

    catalog: Catalog
    places: dict[str, PlaceSet] = field(default_factory=dict)
    models: dict[str, frozenset[str]] = field(default_factory=dict)
    ownership: set[str] = field(default_factory=set)
    uncontrolled: set[str] = field(default_factory=set)
    """Models that some group calls uncontrolled."""
    kept_controlled: set[str] = field(default_factory=set)
    """Models that some group keeps controlled, by saying so or by saying nothing."""


class PlaceReader:
    """Resolves names of places for one file."""

    def __init__(self, names: Names, problems: Problems) -> None:
        self.names = names
        self.problems = problems

    def define(self, name: str, shape: PlaceGroupShape) -> None:
        """Define one group; the groups that it uses are defined already."""
        path = ("places", name)
        if canonical(name) or group(name):
            self.problems.key(
                path,
                f"place group `{name}` hides a place or built-in group of that name",
                "choose another name, in lower case",
            )
        if name in self.names.places:
            self.problems.key(path, f"place group `{name}` is defined twice")
        if not shape.include and not shape.use:
            self.problems.error(
                path,
                f"place group `{name}` has no `include` and no `use`",
                'an empty group is never "anywhere"; list its places',
            )
        include = own = self._codes(shape.include or (), (*path, "include"))
        sets = [
            self._used(one, name, (*path, "use", index))
            for index, one in enumerate(shape.use or ())
        ]
        for used in sets:
            include |= used.include
        include |= self._territories(include, shape, name, path)
        exclude = self._codes(shape.exclude or (), (*path, "exclude"))
        for used in sets:
            others = [PlaceSet(own, if_subdivision_unknown=False), *sets]
            exclude |= {
                place
                for place in used.exclude
                if not any(other.contains(place) for other in others if other is not used)
            }
        self._check_excluded(exclude, include, path)
        unknown = self._subdivision_answer(shape, sets, include | exclude, name, path)
        self.names.places[name] = PlaceSet(include, exclude, unknown)

    def _used(self, used: str, name: str, path: Path) -> PlaceSet:
        own, built_in = self.names.places.get(used), group(used)
        if own is not None and used != name:
            return own
        if built_in is not None:
            return PlaceSet(built_in.members, frozenset(), None)
        self.problems.error(
            path,
            f"place group `{name}`: unknown group `{used}`",
            did_you_mean(used, {*groups(), *self.names.places}),
        )
        return PlaceSet(frozenset(), frozenset(), None)

    def _codes(self, texts: Iterable[str], path: Path) -> frozenset[str]:
        found = set()
        for index, text in enumerate(texts):
            place = canonical(text)
            here = (*path, index) if (*path, index) in self.problems.document.positions else path
            if place is None:
                self.unknown_place(text, here)
            else:
                found.add(place)
        return frozenset(found)

    def unknown_place(self, text: str, path: Path) -> None:
        """Report a name that is neither place nor group."""
        near = [
            *suggestions(text),
            *get_close_matches(text, [*self.names.places, *groups()], 2, 0.6),
        ]
        if "-" in text and canonical(text.split("-", maxsplit=1)[0]):
            country = text.split("-", maxsplit=1)[0]
            hint = f"ISO 3166-2 codes of `{country}` are listed by `bailiwick places {country}`"
            self.problems.error(path, f"unknown subdivision `{text}`", hint)
            return
        if text in groups():
            self.problems.error(path, f"`{text}` is a group, not a place", "name it under `use`")
            return
        hint = (
            f"did you mean {' or '.join(f'`{one}`' for one in near[:3])}?"
            if near
            else "places are ISO 3166 codes; groups are defined under `places`"
        )
        self.problems.error(path, f"unknown place `{text}`", hint)

    def _territories(
        self, include: frozenset[str], shape: PlaceGroupShape, name: str, path: Path
    ) -> frozenset[str]:
        more = frozenset().union(*(territories_of(place) for place in include)) - include
        if shape.territories == "inherit":
            return more
        if more and shape.territories is None:
            self.problems.warn(
                path,
                f"place group `{name}` leaves out territories: {', '.join(sorted(more))}",
                "say `territories: inherit` to take them in, or `listed-only` to leave them out",
                code="territories",
            )
        return frozenset()

    def _check_excluded(self, exclude: frozenset[str], include: frozenset[str], path: Path) -> None:
        for place in sorted(exclude):
            if place not in include and country_of(place) not in include:
                self.problems.warn(
                    (*path, "exclude"), f"`{place}` is excluded but was never included"
                )

    def _subdivision_answer(
        self,
        shape: PlaceGroupShape,
        used: list[PlaceSet],
        codes: frozenset[str],
        name: str,
        path: Path,
    ) -> bool | None:
        if shape.if_subdivision_unknown is not None:
            return shape.if_subdivision_unknown == "match"
        answers = {one.if_subdivision_unknown for one in used} - {None}
        if not any(is_subdivision(code) for code in codes):
            return None
        if len(answers) == 1 and not any(
            is_subdivision(code) for code in (*(shape.include or ()), *(shape.exclude or ()))
        ):
            return answers.pop()
        self.problems.error(
            path,
            f"place group `{name}` names a subdivision and does not say `if_subdivision_unknown`",
            "country data cannot tell subdivisions; say `match` or `no_match` for a country alone",
        )
        return False

    def resolve(self, text: str, path: Path) -> PlaceSet | None:
        """Resolve a name in a condition: own group, built-in group or code."""
        if text in self.names.places:
            return self.names.places[text]
        built_in, place = group(text), canonical(text)
        if built_in is not None:
            return PlaceSet(built_in.members, frozenset(), None)
        if place is None:
            self.unknown_place(text, path)
            return None
        if is_subdivision(place):
            self.problems.error(
                path,
                f"`{text}` is a subdivision; a condition names it through a group",
                f"define a group with `include: [{place}]` and `if_subdivision_unknown`",
            )
            return None
        missing = territories_of(place)
        if missing:
            self.problems.warn(
                path,
                f"`{text}` here is that country alone, without {', '.join(sorted(missing))}",
                "define a group under `places` and say `territories: inherit` or `listed-only`",
                code="territories",
            )
        return PlaceSet(frozenset({place}), frozenset(), None)


def define_places(parts: Iterable[tuple[PlaceReader, Mapping[str, PlaceGroupShape]]]) -> None:
    """Define the groups of all files of a rule set, whatever their order."""
    waiting = [(reader, *named) for reader, shapes in parts for named in shapes.items()]
    while waiting:
        names = {name for _, name, _ in waiting}
        ready = [one for one in waiting if not {*(one[2].use or ())} & (names - {one[1]})]
        if not ready:
            looped = ", ".join(f"`{name}`" for name in sorted(names))
            message = f"place groups {looped} use each other in a circle"
            reader, name, _ = min(waiting, key=lambda one: one[1])
            reader.problems.key(("places", name), message, "one of them must list its places")
            reader.names.places |= dict.fromkeys(names, PlaceSet(frozenset()))
            return
        for reader, name, shape in ready:
            reader.define(name, shape)
        waiting = [one for one in waiting if one not in ready]


class ModelReader:
    """Resolves names of models for one file."""

    def __init__(self, names: Names, places: PlaceReader, problems: Problems) -> None:
        self.names = names
        self.places = places
        self.problems = problems

    def define(self, shapes: Mapping[str, ModelGroupShape], path: Path) -> None:
        """Define the groups of one file."""
        for name, shape in shapes.items():
            if name in self.names.models:
                self.problems.key((*path, name), f"model group `{name}` is defined twice")
            self.names.models[name] = self.group(shape, (*path, name))

    def group(self, shape: ModelGroupShape, path: Path) -> frozenset[str]:
        """Find the models of one group; all keys given must hold."""
        asked = shape.model_fields_set - {"controlled"}
        if not asked - {"exclude"}:
            self.problems.error(
                path,
                "a model group selects nothing: give `ids`, `provider`, `openness` or `family`",
                'an empty group is never "any model"; `ids: "*"` is',
            )
            return frozenset()
        found = (
            self._ids(shape.ids, (*path, "ids"))
            if shape.ids
            else frozenset(self.names.catalog.models)
        )
        found -= self._ids(shape.exclude, (*path, "exclude")) if shape.exclude else frozenset()
        found = frozenset(one for one in found if self._has(self.names.catalog.models[one], shape))
        self._attributes_exist(shape, path)
        if not found:
            self.problems.warn(
                path,
                "this matches no model of the catalogue",
                "see `bailiwick catalog list`",
                code="models.none",
            )
        target = (
            self.names.uncontrolled if shape.controlled is False else self.names.kept_controlled
        )
        target.update(found)
        return found

    def _has(self, model: Model, shape: ModelGroupShape) -> bool:
        return (
            (not shape.provider or model.provider in shape.provider)
            and (not shape.openness or model.openness in shape.openness)
            and (not shape.family or model.family in shape.family)
            and (
                not shape.provider_country
                or self._from(model.provider_country, shape.provider_country)
            )
        )

    def _from(self, country: str | None, wanted: Iterable[str]) -> bool:
        if country is None:
            return False
        for name in wanted:
            known = self.names.places.get(name)
            built_in = group(name)
            if known is not None and known.contains(country):
                return True
            if country == canonical(name) or (built_in is not None and country in built_in.members):
                return True
        return False

    def _attributes_exist(self, shape: ModelGroupShape, path: Path) -> None:
        models = self.names.catalog.models.values()
        for key in ("provider", "openness", "family"):
            known = {str(getattr(model, key)) for model in models}
            known |= set(Openness) if key == "openness" else set()
            for text in getattr(shape, key) or ():
                if text not in known:
                    self.problems.error(
                        (*path, key),
                        f"no model of the catalogue has {key} `{text}`",
                        did_you_mean(text, known),
                    )
        for text in shape.provider_country or ():
            if text not in self.names.places and not group(text) and not canonical(text):
                self.places.unknown_place(text, (*path, "provider_country"))

    def select(self, texts: Iterable[str], path: Path) -> frozenset[str]:
        """Resolve what a rule is about: `*`, group names, ids and patterns."""
        found: set[str] = set()
        for text in texts:
            if text == "*":
                found.update(self.names.catalog.models)
            elif text in self.names.models:
                found.update(self.names.models[text])
            elif "/" in text:
                found.update(self._ids([text], path))
            else:
                self.problems.error(
                    path,
                    f"unknown model group `{text}`",
                    did_you_mean(text, self.names.models)
                    or "ids are written `provider/model`; groups are defined under `models`",
                )
        return frozenset(found)

    def _ids(self, texts: Iterable[str], path: Path) -> frozenset[str]:
        found: set[str] = set()
        for text in texts:
            if "*" in text or "?" in text:
                matched = matching(text, self.names.catalog)
                found.update(matched)
                if not matched:
                    self.problems.warn(
                        path,
                        f"pattern `{text}` matches no model of the catalogue",
                        "models that are added later match when the policy is read again",
                        code="models.none",
                    )
                continue
            known = self.names.catalog.resolve(text)
            if known is None:
                self.problems.error(
                    path,
                    f"unknown model `{text}`",
                    did_you_mean(text, self.names.catalog.models)
                    or "add it to a catalogue file and name that under `catalog`",
                )
            else:
                found.add(known)
        return frozenset(found)


def matching(text: str, catalog: Catalog) -> frozenset[str]:
    """Find the models that an id, another name, a pattern or `*` means; nothing may be found."""
    if "*" in text or "?" in text:
        return frozenset(one for one in catalog.models if _pattern(text).fullmatch(one))
    known = catalog.resolve(text)
    return frozenset({known}) if known else frozenset()


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in text))
