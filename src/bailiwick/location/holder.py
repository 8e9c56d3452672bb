"""Who holds the block an address is in: the registries' delegations, as ``iptocc`` carries them.

Advisory. The country of a registration is not where the address is used.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from typing import Final

from iptocc import country_code

from bailiwick.places import canonical

HOLDER_SOURCE: Final = "iptocc"


def holder_of(address: str) -> str | None:
    """Look up the country that holds an address's block; ``None`` if nobody says."""
    code = country_code(address)
    return canonical(code) if code else None


@dataclass(frozen=True, slots=True)
class HolderData:
    """Which data answer ``holder_of``."""

    version: str
    built_at: datetime | None
    """When the package was built, which is the date of its data; ``None``: it does not say."""


def holder_data() -> HolderData:
    """Describe the installed data. The package is rebuilt for each release of its data."""
    package = metadata.distribution("iptocc")
    bills = [file for file in package.files or () if file.name.endswith(".cyclonedx.json")]
    dates = [date for bill in bills if (date := _built_at(str(bill.locate())))]
    return HolderData(package.version, min(dates, default=None))


def _built_at(path: str) -> datetime | None:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path of another package
            stamp = json.load(file)["metadata"]["timestamp"]
        return datetime.fromisoformat(stamp[:19] + "+00:00")
    except (OSError, ValueError, KeyError, TypeError):
        return None
