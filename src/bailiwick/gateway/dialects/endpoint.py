"""One endpoint, and the way every dialect reads features: key by key, type by type, from tables.

What no table knows is ``unrecognised``: a policy can forbid that, and a new kind of content is
never taken for a harmless one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bailiwick.front import Refused

Reader: TypeAlias = Callable[[Any, set[str]], None]
"""Adds the features that a value asks for."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path that takes a JSON body and is served by an upstream."""

    path: str
    dialect: str
    action: str
    keys: Mapping[str, Reader | None]
    """Every top-level key that is known; ``None``: it asks for no feature."""
    limits: tuple[str, ...] = ()
    """Keys that limit the output; the first is set where a limit is due and none is given."""
    query: frozenset[str] = frozenset()
    """What the query may hold: ``name=value``, or ``name`` with any value."""

    def features(self, body: Mapping[str, Any]) -> frozenset[str]:
        """Read which features a body asks for."""
        found: set[str] = set()
        keys = self.keys
        for key, value in body.items():
            read = keys.get(key, unrecognised)
            if read is not None and value is not None:
                read(value, found)
        return frozenset(found) if found else _NOTHING


_NOTHING: Final[frozenset[str]] = frozenset()


def unrecognised(value: Any, found: set[str]) -> None:
    """Read what we do not know."""
    del value
    found.add("unrecognised")


def adds(*features: str) -> Reader:
    """Make a reader that adds features whatever the value, unless it is empty or off."""

    def read(value: Any, found: set[str]) -> None:
        if value not in (False, "", "none", [], {}):
            found.update(features)

    return read


def streaming(value: Any, found: set[str]) -> None:
    """Read ``stream``: true or false, nothing that an upstream could take for either."""
    if value is True:
        found.add("streaming")
    elif value is not False:
        raise Refused("body_field", "`stream` must be true or false", "stream")


def items(value: Any, found: set[str], read: Reader) -> None:
    """Read each element of a list of objects."""
    if type(value) is not list:
        found.add("unrecognised")
        return
    for item in value:
        if type(item) is dict:
            read(item, found)
        else:
            found.add("unrecognised")


UNRECOGNISED: Final = frozenset({"unrecognised"})


def table(**rows: str) -> Mapping[str, frozenset[str]]:
    """Write a table of types: ``type="feature feature"``, or an empty text for none."""
    return {name: frozenset(features.split()) for name, features in rows.items()}


def silent(names: str) -> dict[str, Reader | None]:
    """List keys that ask for no feature."""
    return dict.fromkeys(names.split())
