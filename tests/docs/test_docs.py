"""Documented means tested: keys, commands, reason codes and examples of the docs are the real ones."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bailiwick.facts import DIMENSIONS, FEATURES, NETWORKS, STATUSES
from bailiwick.policy import policy_schema

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
SOURCES = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
CODE = re.compile(
    r'"((?:rule|permit|authority|evidence|feature|model|location|account|order|address)\.[a-z_]+)"'
)


def keys_of_policy() -> set[str]:
    schema = policy_schema()
    shapes = [schema, *schema["$defs"].values()]
    return {key for shape in shapes for key in shape.get("properties", {})}


@pytest.mark.parametrize("key", sorted(keys_of_policy()))
def test_every_policy_key_is_in_the_reference(key: str) -> None:
    assert f"`{key}`" in (DOCS / "policy.md").read_text()


@pytest.mark.parametrize("word", [*DIMENSIONS, *FEATURES, *NETWORKS, *STATUSES])
def test_every_dimension_and_value_is_in_the_reference(word: str) -> None:
    text = (DOCS / "policy.md").read_text()

    assert f"`{word}`" in text or f"`{word.replace('.', ': {')}" in text


def test_every_reason_code_is_documented() -> None:
    used = {code for code in CODE.findall(SOURCES) if not code.endswith((".yaml", ".html"))}
    documented = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", (DOCS / "reasons.md").read_text()))

    assert used
    assert used - documented - NOT_REASONS == set()


NOT_REASONS = {
    # codes of problems that `policy check` reports, in docs/errors.md
    "rule.expired", "rule.never", "permit.exempted_only", "permit.unreachable",
    # events in the history of accounts, in docs/accounts.md
    "account.added",
    # and one in docs/orders.md
    "order.on",
}  # fmt: skip


def test_every_problem_code_of_the_check_is_documented() -> None:
    text = (ROOT / "src/bailiwick/decision/check.py").read_text()
    codes = set(re.findall(r'"([a-z]+\.[a-z_]+)",?\s*\)', text)) | set(
        re.findall(r'code="([a-z.]+)"', text)
    )

    assert len(codes) >= 6
    assert {code for code in codes if f"`{code}`" not in (DOCS / "errors.md").read_text()} == set()


@pytest.mark.parametrize("tool", ["write_docs", "build_catalog"])
def test_what_is_generated_is_up_to_date(tool: str) -> None:
    done = subprocess.run(
        [sys.executable, f"tools/{tool}.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"


def console_blocks(page: Path) -> list[str]:
    return re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", DOCS / "tutorial.md"], ids=lambda page: page.name
)
def test_the_examples_run(page: Path, tmp_path: Path) -> None:
    """Each ``$ bailiwick`` line runs; what is printed below it in the page must be printed."""
    blocks = [block for block in console_blocks(page) if "$ bailiwick" in block]
    for name, text in re.findall(
        r"```yaml\n# ([a-z-]+\.yaml)\n(.*?)```", page.read_text(), re.DOTALL
    ):
        (tmp_path / name).write_text(text)
    (tmp_path / "examples").symlink_to(ROOT / "examples")

    assert blocks
    for block in blocks:
        for command, wanted in split(block):
            words = [sys.executable, "-m", "bailiwick", *shlex.split(command)[1:]]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
            printed = done.stdout + done.stderr
            for line in wanted:
                assert line in printed, f"{command}\n{printed}"


def split(block: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.strip() and line.strip() != "..." and found:
            found[-1][1].append(line.rstrip())
    return [(command, wanted) for command, wanted in found if command.startswith("bailiwick ")]


@pytest.mark.timeout(600)  # twenty commands, one after the other
def test_the_tutorial_of_an_appeal_runs_as_one_session(tmp_path: Path) -> None:
    """All its shell lines, in order; what is printed below them in the page must be printed."""
    page = (DOCS / "tutorial-appeal.md").read_text()
    for name, text in re.findall(r"```yaml\n# ([a-z-]+\.yaml)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text)
    pairs = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)
    script = "\necho ----\n".join(commands for commands, _ in pairs)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    for printed, (_, wanted) in zip(done.stdout.split("----\n"), pairs, strict=True):
        for line in wanted.splitlines():
            assert line in printed, f"{line}\n{printed}"
