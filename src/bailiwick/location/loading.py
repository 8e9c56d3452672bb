"""Load the sources that the settings name, keeping the last good one where a new file is bad.

The only place of this room that reads files for a running program. It may take seconds (a city
database) and is safe in a thread; ``progress`` hears how far it is. The caller gives the moment.
"""

import ctypes
import hashlib
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bailiwick.errors import InvalidInput, Problem
from bailiwick.location.addresses import pack, unmapped
from bailiwick.location.embedded import EMBEDDED, embedded_path
from bailiwick.location.holder import holder_data
from bailiwick.location.lists import LIST_KINDS, compile_list
from bailiwick.location.locator import Locator
from bailiwick.location.settings import AnonymizerSource, LocatedSource, LocationSettings
from bailiwick.location.sources import Source
from bailiwick.location.storage import DamagedFile, Description, read_stable, unpack_table
from bailiwick.location.table import AddressTable
from bailiwick.places import canonical, is_subdivision

if TYPE_CHECKING:
    from bailiwick.location.mmdb import Progress

Setting = LocatedSource | AnonymizerSource

_CLOCKS_DIFFER: Final = timedelta(days=2)
_DATABASE_AGE: Final = timedelta(days=45)
"""After this an anonymizer database says nothing, unless the settings say otherwise."""
_ROLES: Final = {
    "located": ("located", "geofeed"),
    "subdivisions": ("located",),
    "anonymizers": ("network", "relay"),
}


def load_locator(
    settings: LocationSettings,
    now: datetime,
    previous: Locator | None = None,
    *,
    base: Path = Path(),
    progress: "Progress | None" = None,
) -> Locator:
    """Load every source. A bad file is refused; the good one in ``previous`` stays in use.

    Without a good one there is no locator: ``InvalidInput`` names every source that is bad.
    ``base`` is the folder that relative paths start from.
    """
    loader = _Loader(now, previous, base, progress)
    groups = (
        ("located", settings.located),
        ("subdivisions", settings.subdivisions),
        ("anonymizers", settings.anonymizers),
    )
    sources = [loader.source(setting, group) for group, several in groups for setting in several]
    kept = [source for source in sources if source]
    loader.problems += _repeated(kept)
    if loader.problems:
        raise InvalidInput(loader.problems)
    _give_memory_back()
    return Locator(
        kept,
        now,
        holder=holder_data() if settings.holder == "iptocc" else None,
        nat64=settings.nat64(),
        cache_size=settings.cache_size,
        refused=loader.refused,
    )


def _give_memory_back() -> None:
    """Hand freed memory to the system: building tables leaves tens of MiB in glibc's pools."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _repeated(sources: Sequence[Source]) -> list[Problem]:
    names = [source.name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [Problem(f"two location sources are called `{n}`", "give one a `name`") for n in twice]


class _Loader:
    """Loads sources one by one and collects what is wrong."""

    def __init__(
        self, now: datetime, previous: Locator | None, base: Path, progress: "Progress | None"
    ) -> None:
        self._now, self._base, self._progress = now, base, progress
        self._previous = {source.name: source for source in previous.sources} if previous else {}
        self.problems: list[Problem] = []
        self.refused: list[tuple[str, str]] = []

    def source(self, setting: Setting, group: str) -> Source | None:
        """Load one source, or keep the one of before, or note why there is none."""
        path = _path(setting, self._base)
        name = setting.name or (EMBEDDED if setting.kind == "embedded" else path.name)
        before = self._previous.get(name)
        try:
            origin = (setting, group, *_stamp(path))
            if before and before.origin == origin:
                return before
            return self._load(setting, group, path, name, origin)
        except DamagedFile as error:
            if before is None or before.role not in _ROLES[group]:
                self.problems.append(Problem(error.message, error.help))
                return None
            self.refused.append((name, error.message))
            return before

    def _load(
        self, setting: Setting, group: str, path: Path, name: str, origin: tuple[Any, ...]
    ) -> Source:
        data = read_stable(path)
        digest = hashlib.sha256(data).hexdigest()
        if setting.sha256 not in (None, digest):
            raise DamagedFile(f"`{path}` has SHA-256 {digest}, not the one the settings give")
        modified = datetime.fromtimestamp(origin[-1] / 1e9, UTC)
        table, description = compile_source(setting, data, str(path), modified, self._progress)
        check_source(table, description, setting, group, path, self._now)
        stale_at, expires_at = _ages(setting, description)
        return Source(
            name, setting.kind, description, table, digest, str(path), stale_at, expires_at, origin
        )


def _path(setting: Setting, base: Path) -> Path:
    return base / setting.path if setting.path else embedded_path()


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        state = path.stat()
    except OSError as error:
        raise DamagedFile(f"`{path}` cannot be read: {error.strerror}") from error
    return state.st_ino, state.st_size, state.st_mtime_ns


def compile_source(
    setting: Setting, data: bytes, name: str, modified: datetime, progress: "Progress | None" = None
) -> tuple[AddressTable, Description]:
    """Compile the bytes of a file of the kind that ``setting`` says."""
    if setting.kind in ("embedded", "imported"):
        return unpack_table(data, name)
    if setting.kind == "mmdb":
        confidence = setting.min_confidence if isinstance(setting, AnonymizerSource) else 1
        return _mmdb(progress)(data, name, min_confidence=confidence)
    network = setting.network if isinstance(setting, AnonymizerSource) else None
    return compile_list(setting.kind, data, name, modified, network)


def _mmdb(progress: "Progress | None") -> Callable[..., tuple[AddressTable, Description]]:
    from bailiwick.location.mmdb import compile_mmdb  # the embedded data need none of it

    return partial(compile_mmdb, progress=progress) if progress else compile_mmdb


def check_source(
    table: AddressTable,
    description: Description,
    setting: Setting,
    group: str,
    path: Path,
    now: datetime,
) -> None:
    """Refuse data that are sound but not what the settings take them for."""
    if description.role not in _ROLES[group]:
        raise DamagedFile(
            f"`{path}` holds {_CONTENTS[description.role]}; it is no source of {group}"
        )
    if group != "anonymizers" and not any(table.places):
        raise DamagedFile(f"`{path}` names no place")
    if group == "subdivisions" and not _names_subdivisions(table):
        raise DamagedFile(f"`{path}` names no subdivision", "use a city database")
    if description.built_at and description.built_at > now + _CLOCKS_DIFFER:
        raise DamagedFile(f"`{path}` says that it was built in the future, {description.built_at}")
    for address, expected in setting.probes:
        _probe(table, address, expected, path)


_CONTENTS = {
    "located": "places",
    "geofeed": "places that a network gives itself",
    "network": "classes of networks",
    "relay": "a relay's addresses",
}


def _names_subdivisions(table: AddressTable) -> bool:
    return any(is_subdivision(place) for answer in table.answers for place in answer.places)


def _probe(table: AddressTable, address: str, expected: str, path: Path) -> None:
    answer = table.answer(unmapped(pack(address) or bytes(4)))
    if canonical(expected) not in answer.places and expected != answer.network:
        found = " or ".join(answer.places) or answer.network or "nothing"
        raise DamagedFile(f"`{path}` fails its probe: {address} gives {found}, not `{expected}`")


def _ages(setting: Setting, description: Description) -> tuple[datetime | None, datetime | None]:
    """Say when a source grows stale and when it expires; one without a date is stale at once."""
    max_age = setting.max_age
    if isinstance(setting, AnonymizerSource):
        known = LIST_KINDS.get(description.schema)
        max_age = max_age or (timedelta(days=known.max_age_days) if known else _DATABASE_AGE)
        stale_after = max_age
    else:
        stale_after = setting.stale_after
    built_at = description.built_at or datetime.min.replace(tzinfo=UTC)
    return built_at + stale_after, built_at + max_age if max_age else None
