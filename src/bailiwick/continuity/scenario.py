"""Scenarios: what may happen, stated in a file with dates, and how own machines are paid for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bailiwick.catalog import Catalog
from bailiwick.continuity.costs import Hosting
from bailiwick.continuity.losses import Loss
from bailiwick.documents import Document, Path, Value
from bailiwick.errors import BailiwickError, InvalidInput, Problem
from bailiwick.facts import read_time
from bailiwick.places import PlaceSet, canonical, group, suggestions
from bailiwick.shapes import did_you_mean

KEYS = {"scenarios", "list", "hosting"}
SCENARIO = {"name", "from", "until", "lose", "policy", "note", "source"}
LOSE = {"provider", "models", "places", "proof", "embargo"}
HOSTING = {"fixed_per_month", "unit_per_month", "unit_tokens_per_second", "peak"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """Several losses at once, or another policy, from a date."""

    name: str
    losses: tuple[Loss, ...]
    from_at: datetime | None
    until_at: datetime | None
    policy: str | None
    """File of the policy that holds then, relative to the scenario file."""
    note: str | None


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """All scenarios of a file."""

    scenarios: tuple[Scenario, ...]
    hosting: Mapping[str, Hosting]


def read_scenarios(
    document: Document, catalog: Catalog, controlled: frozenset[str]
) -> ScenarioFile:
    """Read a scenario file. Raises ``InvalidInput`` with every problem in it."""
    return _Reader(document, catalog, controlled).read()


class _Reader:
    def __init__(self, document: Document, catalog: Catalog, controlled: frozenset[str]) -> None:
        self.document, self.catalog, self.controlled = document, catalog, controlled
        self.problems: list[Problem] = []

    def read(self) -> ScenarioFile:
        value = self.document.value
        if not isinstance(value, dict) or value.get("scenarios") != "1":
            self._wrong((), "not a scenario file", "begin it with `scenarios: 1`")
            raise InvalidInput(self.problems)
        self._keys(value, KEYS, ())
        scenarios = tuple(self._scenarios(value.get("list", [])))
        hosting = dict(self._hosting(value.get("hosting", {})))
        if not scenarios and not hosting and not self.problems:
            self._wrong((), "the file states nothing", "give `list` or `hosting`")
        if self.problems:
            raise InvalidInput(self.problems)
        return ScenarioFile(scenarios, hosting)

    def _scenarios(self, given: Value) -> Iterator[Scenario]:
        if not isinstance(given, list):
            self._wrong(("list",), "`list` is a list of scenarios")
            return
        for index, one in enumerate(given):
            path: Path = ("list", index)
            if not isinstance(one, dict) or not isinstance(one.get("name"), str):
                self._wrong(path, "a scenario has a `name`")
                continue
            self._keys(one, SCENARIO, path)
            if "lose" not in one and "policy" not in one:
                self._wrong(path, f"scenario `{one['name']}` changes nothing", "`lose` or `policy`")
            yield self._scenario(one, path)

    def _scenario(self, one: dict[str, Value], path: Path) -> Scenario:
        lose = one.get("lose", [])
        parts = lose if isinstance(lose, list) else [lose]
        losses = [
            loss
            for index, part in enumerate(parts)
            if (loss := self._loss(part, str(one["name"]), (*path, "lose", index)))
        ]
        return Scenario(
            str(one["name"]),
            tuple(losses),
            self._time(one, "from", path),
            self._time(one, "until", path),
            str(one["policy"]) if "policy" in one else None,
            str(one["note"]) if "note" in one else None,
        )

    def _loss(self, part: Value, name: str, path: Path) -> Loss | None:
        if not isinstance(part, dict):
            self._wrong(path, "a loss names `provider`, `models`, `proof` or `embargo`")
            return None
        self._keys(part, LOSE, path)
        kinds = [key for key in ("provider", "models", "proof", "embargo") if key in part]
        if len(kinds) != 1:
            self._wrong(path, "a loss has exactly one of `provider`, `models`, `proof`, `embargo`")
            return None
        kind = kinds[0]
        if kind == "embargo":
            where = self._places(part["embargo"], (*path, "embargo"))
            return Loss(name, "scenario", self.controlled, where)
        models = self._models(part[kind], kind, (*path, kind))
        places = self._places(part["places"], (*path, "places")) if "places" in part else None
        return Loss(name, "scenario", models, places, needs_proof=kind == "proof")

    def _models(self, given: Value, kind: str, path: Path) -> frozenset[str]:
        found: set[str] = set()
        providers = {one.provider for one in self.catalog.models.values()}
        for text in _texts(given):
            if kind == "models":
                id_ = self.catalog.resolve(text)
                found |= {id_} if id_ else set()
                if id_ is None:
                    hint = did_you_mean(text, self.catalog.models)
                    self._wrong(path, f"unknown model `{text}`", hint)
            elif text in providers:
                found |= {m.id for m in self.catalog.models.values() if m.provider == text}
            else:
                self._wrong(path, f"unknown provider `{text}`", did_you_mean(text, providers))
        return frozenset(found)

    def _places(self, given: Value, path: Path) -> PlaceSet:
        found: set[str] = set()
        for text in _texts(given):
            built_in, place = group(text), canonical(text)
            if built_in:
                found |= built_in.members
            elif place:
                found.add(place)
            else:
                near = " or ".join(f"`{one}`" for one in suggestions(text))
                hint = f"did you mean {near}?" if near else None
                self._wrong(path, f"unknown place `{text}`", hint)
        if not found and not self.problems:
            self._wrong(path, "no place is named", 'an empty list is never "anywhere"')
        return PlaceSet(frozenset(found), if_subdivision_unknown=False)

    def _time(self, one: dict[str, Value], key: str, path: Path) -> datetime | None:
        if key not in one:
            return None
        try:
            return read_time(str(one[key]))
        except BailiwickError as error:
            self._wrong((*path, key), error.message.splitlines()[0])
            return None

    def _hosting(self, given: Value) -> Iterator[tuple[str, Hosting]]:
        if not isinstance(given, dict):
            self._wrong(("hosting",), "`hosting` names models")
            return
        for name, one in given.items():
            path: Path = ("hosting", name)
            id_ = self.catalog.resolve(name)
            if id_ is None:
                hint = did_you_mean(name, self.catalog.models)
                self._wrong(path, f"unknown model `{name}`", hint)
            if not isinstance(one, dict):
                self._wrong(path, "`hosting` of a model has keys")
                continue
            self._keys(one, HOSTING, path)
            numbers = {key: self._number(one, key, path) for key in HOSTING if key in one}
            missing = sorted(HOSTING - {"peak"} - one.keys())
            if missing:
                self._wrong(path, f"missing key `{missing[0]}`")
            elif id_ is not None and None not in numbers.values():
                yield id_, Hosting(**numbers)  # type: ignore[arg-type]  # none is None

    def _number(self, one: dict[str, Value], key: str, path: Path) -> float | None:
        try:
            number = float(str(one[key]))
        except ValueError:
            number = -1
        least = 0.0 if key in {"fixed_per_month", "unit_per_month"} else 1e-9
        if not least <= number < float("inf"):
            self._wrong((*path, key), f"`{one[key]}` is not a number that can stand here")
            return None
        return number

    def _keys(self, given: dict[str, Value], known: set[str], path: Path) -> None:
        for key in given.keys() - known:
            here = self.document.key_position((*path, key))
            self.problems.append(Problem(f"unknown key `{key}`", did_you_mean(key, known), here))

    def _wrong(self, path: Path, message: str, help: str | None = None) -> None:  # noqa: A002
        self.problems.append(Problem(message, help, self.document.position(path)))


def _texts(given: Value) -> list[str]:
    return [str(one) for one in given] if isinstance(given, list) else [str(given)]
