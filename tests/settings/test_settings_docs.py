"""The documentation lists every key, with what it takes and its default."""

import re
from pathlib import Path

from bailiwick.documents import parse_document
from bailiwick.settings import Settings, describe, read_settings

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `([^`]+)` \| (.*?) \| (.*?) \| (.+) \|$", re.MULTILINE)


def _rows() -> dict[str, tuple[str, str, str]]:
    return {
        name: (takes, default, text) for name, takes, default, text in ROW.findall(DOCS.read_text())
    }


def test_every_key_is_documented_with_what_it_takes_and_its_default() -> None:
    keys = describe(Settings)

    rows = _rows()

    assert sorted(rows) == sorted(key.path for key in keys)
    for key in keys:
        takes, default, text = rows[key.path]
        assert takes == key.takes, key.path
        assert default == ("required" if key.default is None else f"`{key.default}`"), key.path
        assert not key.description or text == key.description.replace("|", "\\|"), key.path


def test_the_example_in_the_documentation_is_valid() -> None:
    example = re.search(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert example is not None

    settings = read_settings(parse_document(example[1], "bailiwick.yaml"), Path("/srv"))

    assert settings.upstreams
