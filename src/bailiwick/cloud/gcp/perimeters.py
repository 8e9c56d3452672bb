"""Evaluate service perimeters: from which country Vertex AI of a project may be reached.

A perimeter closes a service to everybody outside, but for those whom an access level lets in. What
an access level asks besides the country (addresses, devices, people) cannot be told offline.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bailiwick.cloud.answer import Answer
from bailiwick.cloud.gcp.calls import GLOBAL_HOST
from bailiwick.cloud.gcp.orgpolicy import Verdict
from bailiwick.errors import InvalidInput, Position

LEVELS, PERIMETERS = "/accessLevels/", "/servicePerimeters/"


@dataclass(frozen=True, slots=True)
class Perimeter:
    """One perimeter, as far as it is enforced."""

    name: str
    projects: frozenset[str]
    """Numbers of the projects in it."""
    levels: tuple[str, ...]
    """Names of the access levels that let somebody in."""
    is_open_otherwise: bool
    """Whether it has ingress rules, which let in others."""


@dataclass(frozen=True, slots=True)
class Perimeters:
    """Every perimeter around Vertex AI, and the access levels."""

    perimeters: tuple[Perimeter, ...]
    levels: Mapping[str, frozenset[str] | None]
    """Name of an access level to the countries it lets in; ``None``: it cannot be told."""

    def check(self, number: str | None, country: str) -> Verdict:
        """Say whether Vertex AI of the project with a number can be reached from a country."""
        inside = [one for one in self.perimeters if number in one.projects]
        if not inside:
            return Verdict(Answer.ALLOW, reason="no perimeter holds the project")
        (perimeter, *_) = inside  # a project is in one regular perimeter at most
        found = [self.levels.get(one) for one in perimeter.levels]
        if any(countries and country in countries for countries in found):
            return Verdict(Answer.ALLOW, perimeter.name)
        if None in found or perimeter.is_open_otherwise:
            return Verdict(Answer.UNDETERMINED, perimeter.name, "more than countries lets in")
        return Verdict(Answer.DENY, perimeter.name)


def is_perimeter(value: Any) -> bool:
    """Whether an exported value is an access level or a perimeter."""
    name = value.get("name") if isinstance(value, dict) else None
    return isinstance(name, str) and (LEVELS in name or PERIMETERS in name)


def read_perimeters(values: Iterable[tuple[Any, str]], *, dry_run: bool = False) -> Perimeters:
    """Read levels and perimeters as ``gcloud access-context-manager ... list`` prints them.

    ``dry_run`` reads what is being tried out instead of what is enforced. Raises ``InvalidInput``
    for what cannot be read.
    """
    levels: dict[str, frozenset[str] | None] = {}
    found = []
    for value, file in values:
        try:
            if LEVELS in value["name"]:
                levels[value["name"]] = _countries(value)
            elif perimeter := _perimeter(value, "spec" if dry_run else "status"):
                found.append(perimeter)
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput.of(
                f"no access level or service perimeter: {error}", None, Position(file)
            ) from None
    return Perimeters(tuple(found), levels)


def _perimeter(value: Mapping[str, Any], part: str) -> Perimeter | None:
    inside = value.get(part)
    if inside is None or GLOBAL_HOST not in inside.get("restrictedServices", ()):
        return None
    if value.get("perimeterType", "PERIMETER_TYPE_REGULAR") != "PERIMETER_TYPE_REGULAR":
        return None
    return Perimeter(
        value["name"],
        frozenset(one.removeprefix("projects/") for one in inside.get("resources", ())),
        tuple(inside.get("accessLevels", ())),
        bool(inside.get("ingressPolicies")),
    )


def _countries(value: Mapping[str, Any]) -> frozenset[str] | None:
    basic = value.get("basic") or {}
    conditions = basic.get("conditions", ())
    if not conditions or any(set(one) != {"regions"} for one in conditions):
        return None
    sets = [frozenset(one["regions"]) for one in conditions]
    joined = frozenset.union if basic.get("combiningFunction") == "OR" else frozenset.intersection
    return joined(*sets)
