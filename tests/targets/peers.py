"""Independent programs from npm, each asked in a process of its own. `make test-deps` installs them."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PEERS = Path(__file__).parent.parent / "peers"


def needs(package: str) -> pytest.MarkDecorator:
    """Skip where a program is not installed, and say so."""
    missing = shutil.which("node") is None or not (PEERS / "node_modules" / package).is_dir()
    return pytest.mark.skipif(
        missing, reason=f"{package} is not installed: `make test-deps` does it"
    )


def ask(script: str, value: Any) -> list[Any]:
    """Give a script JSON, and get its answers: one for each thing that was asked."""
    done = subprocess.run(
        ["node", script],
        cwd=PEERS,
        input=json.dumps(value),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found
