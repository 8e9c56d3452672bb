"""The page of errors names messages that exist, and every code of the policy reader."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/errors.md").read_text("utf-8")
FILES = [
    *(ROOT / "src/bailiwick/policy").glob("*.py"),
    *(ROOT / "src/bailiwick/facts").glob("*.py"),
]
FILES += [ROOT / "src/bailiwick/documents/yaml.py", ROOT / "src/bailiwick/shapes.py"]
JOINED = re.sub(r'"\s*\n\s*f?"', "", " ".join(path.read_text() for path in FILES))
SOURCES = " ".join(re.sub(r"[\"`]", " ", JOINED).split())
CLASSES = PAGE.partition("## Classes of errors")[2]


def fragments() -> list[str]:
    """Take the words of each message that are not somebody's input."""
    cells = [line.split("|")[1] for line in CLASSES.splitlines() if line.startswith("| `")]
    spans = [span for cell in cells for span in re.findall(r"``(.*?)``(?!`)|`([^`]+)`", cell)]
    texts = [first or second for first, second in spans]
    pieces = [piece for text in texts for piece in re.split(r"`\w+`|\.\.\.|[`:,]|\bE\b", text)]
    return sorted({" ".join(piece.split()) for piece in pieces if len(piece.strip()) > 6})


def test_there_are_messages_to_look_for() -> None:
    assert len(fragments()) > 50


@pytest.mark.parametrize("fragment", fragments())
def test_a_message_on_the_page_is_one_that_the_reader_gives(fragment: str) -> None:
    assert fragment in SOURCES


def test_every_code_of_the_reader_is_on_the_page() -> None:
    text = " ".join(path.read_text() for path in FILES if path.name != "builtin.py")
    codes = set(re.findall(r'\bcode(?:: str)? ?= ?"([a-z._]+)"', text)) - {"rule.denied"}

    assert codes >= {"warning", "note", "unfinished", "territories", "models.none"}
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
