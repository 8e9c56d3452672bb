"""Catalogue files written in tests, and the one that is shipped."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bailiwick.catalog import Catalog, load_catalog
from bailiwick.documents import Document, parse_document
from bailiwick.errors import InvalidInput

ROOT = Path(__file__).parents[2]

SMALL = """\
catalog: 1
defaults: {source: "https://example.com/models", as_of: 2026-05-01}
providers: {acme: {country: XA}, globex: {country: DE}}
models:
  acme/one:
    family: one
    openness: restricted
    aliases: {api: [one, one-20260101], bedrock: ["acme.one-v1:0"], vertex: ["one@20260101"]}
    context_tokens: 200000
    prices: {input: 15, output: 75.50}
    scores: {humaneval: 90.1}
  globex/two:
    family: two
    openness: open
    modalities: {input: [text, image], output: [text]}
"""


@pytest.fixture
def small() -> str:
    return SMALL


@pytest.fixture
def load() -> Callable[..., Catalog]:
    """Load texts as files ``one.yaml``, ``two.yaml``, ... in that order."""

    def load_texts(*texts: str) -> Catalog:
        return load_catalog(_documents(texts))

    return load_texts


@pytest.fixture
def refuse() -> Callable[..., list[str]]:
    """Load texts that must be refused; give each problem as a terminal shows it."""

    def refuse_texts(*texts: str) -> list[str]:
        with pytest.raises(InvalidInput) as caught:
            load_catalog(_documents(texts))
        return [str(problem) for problem in caught.value.problems]

    return refuse_texts


@pytest.fixture(scope="session")
def builtin() -> Document:
    path = ROOT / "src/bailiwick/data/catalog/models.yaml"
    return parse_document(path.read_text(encoding="utf-8"), "models.yaml")


@pytest.fixture(scope="session")
def reported() -> Document:
    path = ROOT / "examples/reported_catalog.yaml"
    return parse_document(path.read_text(encoding="utf-8"), "reported_catalog.yaml")


def _documents(texts: tuple[str, ...]) -> list[Document]:
    names = ("one.yaml", "two.yaml", "three.yaml")
    return [parse_document(text, name) for text, name in zip(texts, names, strict=False)]
