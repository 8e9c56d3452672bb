"""``bailiwick fence`` writes a folder that works for each thing that people run."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bailiwick.cli.fence import WHAT
from bailiwick.documents import parse_document
from bailiwick.settings import read_settings

POLICY = """\
bailiwick: 1
name: fence-tests
models: {open: {openness: [open, open-weight], controlled: false}}
rules:
  - {id: open, permit: open}
  - {id: embargo, deny: "*", where: {address: [IR, KP]}}
"""


def fence(folder: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "policy.yaml").write_text(POLICY)
    command = [sys.executable, "-m", "bailiwick", "fence", str(folder / "policy.yaml"),
               "--out", str(folder / "out"), *words]  # fmt: skip
    return subprocess.run(command, input=said, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("what", list(WHAT))
def test_each_folder_has_three_commands_and_a_self_test(tmp_path: Path, what: str) -> None:
    done = fence(tmp_path, "--run", what)

    out = tmp_path / "out"
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"```sh\n", (out / "README.md").read_text())) == 3
    assert (out / "selftest.py").exists() or (out / "edge" / "selftest.py").exists()
    if (out / "bailiwick.yaml").exists():
        text = (out / "bailiwick.yaml").read_text()
        assert read_settings(parse_document(text, "bailiwick.yaml"), out)
    for path in out.rglob("*"):
        if path.is_file() and b"bws_" in path.read_bytes():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_it_asks_what_you_run(tmp_path: Path) -> None:
    done = fence(tmp_path, said="nginx\n")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "edge" / "nginx.conf").exists()


def test_a_decision_in_a_program_works_at_once(tmp_path: Path) -> None:
    fence(tmp_path, "--run", "python")
    for name in ("selftest.py", "example.py"):
        done = subprocess.run(
            [sys.executable, str(tmp_path / "out" / name)], cwd=tmp_path / "out",
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_nobody_knows_and_folders_in_use_are_refused(tmp_path: Path) -> None:
    unknown = fence(tmp_path, "--run", "abacus")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    used = fence(tmp_path, "--run", "envoy")

    assert (unknown.returncode, used.returncode) == (2, 2)
    assert "known are envoy, nginx" in unknown.stderr
    assert "is not empty" in used.stderr
