"""What an operator does with location data: look at them, import a file, rebuild the embedded ones.

``bailiwick data status|import|build`` are thin layers over these functions.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from bailiwick.errors import InvalidInput
from bailiwick.location.lists import LIST_KINDS
from bailiwick.location.loading import check_source, compile_source
from bailiwick.location.locator import Locator
from bailiwick.location.mmdb import Progress
from bailiwick.location.settings import AnonymizerSource, LocatedSource
from bailiwick.location.sources import SourceStatus
from bailiwick.location.storage import (
    Description,
    pack_table,
    read_stable,
    unpack_table,
    write_atomically,
)

IMPORT_KINDS: Final = ("mmdb", *LIST_KINDS)
"""What ``import_source`` reads."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def data_status(locator: Locator, now: datetime) -> tuple[SourceStatus, ...]:
    """Describe every source in use at ``now``."""
    return locator.status(now)


@dataclass(frozen=True, slots=True)
class Imported:
    """A file that was imported, and how to use it."""

    path: Path
    digest: str
    """SHA-256 of the imported file; the settings may ask for it."""
    description: Description
    runs: int
    settings_group: str
    """Where it belongs in the settings: ``located`` (or ``subdivisions``) or ``anonymizers``."""

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        built_at = self.description.built_at
        return {
            "path": str(self.path),
            "sha256": self.digest,
            "schema": self.description.schema,
            "role": self.description.role,
            "built_at": built_at.isoformat() if built_at else None,
            "runs": self.runs,
            "notes": list(self.description.notes),
            "settings_group": self.settings_group,
        }


def import_source(
    kind: str,
    path: Path,
    into: Path,
    now: datetime,
    *,
    name: str | None = None,
    network: str | None = None,
    min_confidence: int = 1,
    built_at: datetime | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Walk a file once and put it into the folder ``into`` as a checked, quickly loaded one.

    ``built_at`` dates a list that has no date itself; otherwise its file's date does. The file that
    is there already is replaced only after the new one has been read back.
    """
    setting = _setting(kind, path, network, min_confidence)
    called = name or re.sub(r"[^a-z0-9._-]", "-", path.stem.lower()).lstrip("._-")
    if not _NAME.fullmatch(called):
        raise InvalidInput.of(f"`{called}` cannot name a source", "letters a-z, digits, . _ -")
    data = read_stable(path)
    dated = built_at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    table, description = compile_source(setting, data, str(path), min(dated, now), progress)
    group = "located" if description.role in ("located", "geofeed") else "anonymizers"
    check_source(table, description, setting, group, path, now)
    packed = pack_table(table, replace(description, name=called))
    target = into / f"{called}.bwl"
    unpack_table(packed, target.name)
    write_atomically(target, packed)
    digest = hashlib.sha256(packed).hexdigest()
    return Imported(target, digest, description, len(table), group)


def _setting(
    kind: str, path: Path, network: str | None, min_confidence: int
) -> AnonymizerSource | LocatedSource:
    if kind not in IMPORT_KINDS:
        raise InvalidInput.of(f"`{kind}` cannot be imported", f"one of {', '.join(IMPORT_KINDS)}")
    values: Mapping[str, Any] = {
        "kind": kind,
        "path": str(path),
        "network": network,
        "min_confidence": min_confidence,
    }
    if kind == "geofeed" and network is None:
        return LocatedSource(kind="geofeed", path=str(path))
    try:
        return AnonymizerSource.model_validate(values)
    except ValidationError as error:
        raise InvalidInput.of(error.errors()[0]["msg"]) from error
