"""The lists of ISO 3166 as they come with pycountry, without an object for each of 5,000 entries.

Making those takes longer than everything else that a start does with places.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def countries() -> list[dict[str, str]]:
    """Read ISO 3166-1: ``alpha_2``, ``alpha_3``, ``name``, and sometimes other names."""
    return _entries("3166-1")


def subdivisions() -> list[dict[str, str]]:
    """Read ISO 3166-2: ``code`` and ``name``."""
    return _entries("3166-2")


def parents() -> dict[str, str]:
    """Read which subdivisions are in which other ones. The list leaves some countries out."""
    found = {one["code"]: one["parent"] for one in subdivisions() if one.get("parent")}
    return {code: outer if "-" in outer else f"{code[:2]}-{outer}" for code, outer in found.items()}


def _entries(list_: str) -> list[dict[str, str]]:
    package = find_spec("pycountry")
    assert package is not None  # noqa: S101 - we depend on it
    assert package.submodule_search_locations is not None  # noqa: S101 - it is a package
    folder = Path(package.submodule_search_locations[0]) / "databases"
    entries: dict[str, Any] = json.loads((folder / f"iso{list_}.json").read_bytes())
    found: list[dict[str, str]] = entries[list_]
    return found
