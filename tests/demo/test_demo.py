"""The demo does what it says, from start to end."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_demo_runs_and_every_scene_ends_as_expected() -> None:
    command = [sys.executable, "-m", "examples.demo", "--once"]
    environment = {**os.environ, "NO_COLOR": "1"}

    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "location.hidden" in done.stdout
    assert "the key `model` is given twice" in done.stdout
    assert "curl -i http://127.0.0.1:" in done.stdout
