"""Rooms whose modules are imported when something of theirs is first asked for.

So a start waits for nothing that it does not use.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def later(room: str, where: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a room. ``where``: some of its modules, and what each gives.

    Nothing may be called as its module is: whoever imports the module would put it in its place.
    """
    module_of = {name: module for module, names in where.items() for name in names}
    assert module_of.keys().isdisjoint(where)  # noqa: S101 - see above

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module `{room}` has no attribute `{name}`")
        given = import_module(f"{room}.{module_of[name]}")
        for one in where[module_of[name]]:
            setattr(sys.modules[room], one, getattr(given, one))
        return getattr(given, name)

    return find
