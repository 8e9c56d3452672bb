"""Build a world from settings: read every file, compile, prove it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from bailiwick.accounts import InForce
from bailiwick.bootstrap.checks import prove
from bailiwick.bootstrap.files import load_beside, load_policy
from bailiwick.bootstrap.orders import table_with
from bailiwick.bootstrap.upstreams import route_facts
from bailiwick.decision import compile_table
from bailiwick.errors import InvalidInput, Problem, Severity
from bailiwick.gateway import Upstream
from bailiwick.location import (
    AnonymizerSource,
    LocatedSource,
    LocationSettings,
    Locator,
    load_locator,
)
from bailiwick.pipeline import ClientRules, Route, World
from bailiwick.policy import Loader
from bailiwick.settings import Settings

AnySource = TypeVar("AnySource", LocatedSource, AnonymizerSource)
Noting = Callable[[Path], None]
"""Hears of every file that is about to be read."""


def ignore(path: Path) -> None:
    """Note nothing."""
    del path


def noting(note: Noting) -> Loader:
    """Load the files that a policy names, and note each."""

    def load(reference: str, from_file: str) -> tuple[str, str]:
        if reference.endswith((".yaml", ".yml")):
            note(Path(from_file).parent / reference)
        return load_beside(reference, from_file)

    return load


@dataclass(frozen=True, slots=True)
class Built:
    """A world that has proved itself."""

    world: World
    problems: tuple[Problem, ...]
    """Warnings: what an operator should look at."""


def build_world(
    settings: Settings,
    base: Path,
    upstreams: tuple[Upstream, ...],
    now: datetime,
    *,
    previous: World | None = None,
    note: Noting = ignore,
    in_force: InForce | None = None,
) -> Built:
    """Build and prove a world. Raises ``InvalidInput`` with everything that is wrong.

    ``base`` is the folder of the settings file, ``previous`` the world in use, whose location
    sources stay where a newer file is bad; ``note`` hears of every file, also when it is bad;
    ``in_force`` are the orders and approvals.
    """
    for path in (settings.policy, *settings.catalog, *location_files(settings.location, base)):
        note(path)
    loaded = load_policy(settings.policy, settings.catalog, noting(note))
    table = table_with(loaded.policy, loaded.catalog, in_force or InForce())
    location, unused = with_max_age(settings.location, loaded.policy.max_age_s)
    locator = load_locator(location, now, _locator(previous), base=base)
    client, route = client_rules(settings.location), route_facts(upstreams, settings)
    tried, refused = build_shadow(settings, locator, route, note)
    world = World(table, loaded.catalog, locator, client=client, route=route, shadow=tried)
    return Built(world, (*unused, *refused, *prove(world, settings, upstreams, now)))


def build_shadow(
    settings: Settings, locator: Locator, route: Route, note: Noting
) -> tuple[World | None, tuple[Problem, ...]]:
    """Build the world of the policy that is only tried. A bad one stops nothing: it is reported."""
    if settings.shadow is None:
        return None, ()
    note(settings.shadow)
    try:
        loaded = load_policy(settings.shadow, settings.catalog, noting(note))
    except (InvalidInput, OSError) as error:
        message = f"the shadow policy is refused and not tried: {str(error).splitlines()[0]}"
        problem = Problem(
            message, "see `bailiwick policy check`", None, Severity.WARNING, "shadow.refused"
        )
        return None, (problem,)
    table = compile_table(loaded.policy, loaded.catalog)
    return World(table, loaded.catalog, locator, route=route), ()


def client_rules(location: LocationSettings) -> ClientRules:
    """Read whose word about the client's address is taken."""
    return ClientRules(location.trusted(), location.client_address_header, location.nat64())


def location_files(location: LocationSettings, base: Path) -> tuple[Path, ...]:
    """List the files of the location sources."""
    sources = (*location.located, *location.subdivisions, *location.anonymizers)
    return tuple(base / source.path for source in sources if source.path is not None)


def with_max_age(
    location: LocationSettings, max_age_s: Mapping[str, int]
) -> tuple[LocationSettings, tuple[Problem, ...]]:
    """Apply the policy's ``evidence: max_age`` to the sources, the shorter age winning.

    A key is ``address``, ``network`` or the name of a source.
    """
    used: set[str] = set()

    def limited(source: AnySource, dimension: str) -> AnySource:
        found = {dimension, *_names(source)} & max_age_s.keys()
        used.update(found)
        ages = [timedelta(seconds=max_age_s[name]) for name in found]
        if source.max_age is not None:
            ages.append(source.max_age)
        return source.model_copy(update={"max_age": min(ages)}) if ages else source

    changed = location.model_copy(
        update={
            "located": tuple(limited(one, "address") for one in location.located),
            "subdivisions": tuple(limited(one, "address") for one in location.subdivisions),
            "anonymizers": tuple(limited(one, "network") for one in location.anonymizers),
        }
    )
    return changed, tuple(_unused(name) for name in sorted(max_age_s.keys() - used))


def _names(source: LocatedSource | AnonymizerSource) -> tuple[str, ...]:
    given = source.name or (Path(source.path).name if source.path else None)
    return (given or source.kind, source.kind)


def _unused(name: str) -> Problem:
    return Problem(
        f"`evidence: max_age: {name}` has no effect here",
        "it may name `address`, `network` or a location source of these settings",
        severity=Severity.WARNING,
        code="max_age.unused",
    )


def _locator(previous: World | None) -> Locator | None:
    return previous.locator if previous else None
