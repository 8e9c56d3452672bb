"""What ``docs/catalog.md`` says is what the catalogue does."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bailiwick.catalog import Catalog, Status, catalog_schema, load_catalog
from bailiwick.documents import Document, parse_document

TEXT = (Path(__file__).parents[2] / "docs/catalog.md").read_text(encoding="utf-8")


def test_the_example_extends_the_shipped_catalogue(builtin: Document) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)

    catalog = load_catalog([builtin, parse_document(example, "docs/catalog.md")])

    assert catalog.resolve("us.acme.sage-2-v1:0") == "acme/sage-2"
    assert catalog.resolve("prod-gpt5") == "openai/gpt-5"
    assert catalog.models["acme/sage-2"].scores["mmlu_pro"].status is Status.VERIFIED
    assert [change.field for change in catalog.changes] == ["aliases.azure", "prices.input"]


def words_of(schema: Any) -> set[str]:
    """Collect every key and every choice of a JSON Schema."""
    if isinstance(schema, list):
        return set().union(*map(words_of, schema))
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", ())) | set(schema.get("enum", ()))
    return own.union(*map(words_of, schema.values()))


def test_every_key_and_every_choice_is_in_the_reference() -> None:
    words = words_of(catalog_schema())

    assert {"openness", "value", "openrouter", "verified", "open-weight"} <= words
    assert {word for word in words if f"`{word}`" not in TEXT and f"{word}:" not in TEXT} == set()


def test_every_prefix_that_is_documented_works(small: str, load: Callable[..., Catalog]) -> None:
    (line,) = [line for line in TEXT.splitlines() if line.startswith("- **Bedrock.**")]
    prefixes = re.findall(r"`([a-z-]+\.)`", line)

    assert len(prefixes) == 7
    assert {load(small).resolve(f"{prefix}acme.one-v1:0") for prefix in prefixes} == {"acme/one"}
