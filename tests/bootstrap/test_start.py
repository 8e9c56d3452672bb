"""A start imports what it needs and no more."""

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

WAITS = ("alembic", "granian", "limits", "maxminddb", "pycountry", "rich", "bailiwick.service",
         "bailiwick.providers", "bailiwick.accounts.sweeping", "bailiwick.decision.batch")  # fmt: skip


@pytest.mark.parametrize(
    ("module", "waits"),
    [
        ("bailiwick.bootstrap.run", WAITS),
        ("bailiwick.cli", ("pydantic", "numpy", "sqlalchemy", "ruamel", "rich")),
    ],
)
def test_what_a_plain_start_does_not_use_is_not_imported(
    module: str, waits: tuple[str, ...]
) -> None:
    program = f"import sys, {module}; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert not set(waits) & set(done.stdout.decode().split())


@pytest.mark.parametrize("room", ["accounts", "decision", "location"])
def test_every_name_of_a_room_is_there_when_it_is_asked_for(room: str) -> None:
    found = import_module(f"bailiwick.{room}")

    values = [getattr(found, name) for name in found.__all__]

    assert not [one for one in values if isinstance(one, ModuleType)]
    with pytest.raises(AttributeError, match="no attribute `nothing`"):
        _ = found.nothing
