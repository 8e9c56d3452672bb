"""Find provider packs: those of the package by name, an operator's own by file."""

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from bailiwick.bootstrap.text import read_text

if TYPE_CHECKING:
    from bailiwick.providers import Pack

_FOLDER = files("bailiwick") / "data" / "providers"


def is_pack(text: str) -> bool:
    """Tell a provider pack from a policy."""
    return re.search(r"(?m)^provider_pack:", text) is not None


def pack_names() -> tuple[str, ...]:
    """List the packs that come with the package."""
    found = (one.name for one in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


def builtin_pack(name: str) -> "Pack":
    """Read a pack of the package. Raises ``FileNotFoundError`` if there is none of that name."""
    from bailiwick.providers import read_pack  # most policies name no pack

    if name not in pack_names():
        raise FileNotFoundError(
            f"no provider pack is called so; known are {', '.join(pack_names())}"
        )
    file = f"provider/{name}"
    return read_pack((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), file)


def find_pack(name: str) -> "Pack":
    """Read a pack by its name, or from a file of that path."""
    from bailiwick.providers import read_pack

    if name.endswith((".yaml", ".yml")):
        return read_pack(read_text(Path(name)), name)
    return builtin_pack(name.removeprefix("provider/"))
