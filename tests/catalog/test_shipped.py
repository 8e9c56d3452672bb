"""The catalogue that is shipped, the one of the examples, and the schema for editors."""

import re
from datetime import date
from decimal import Decimal

import jsonschema
import pytest
from ruamel.yaml import YAML

from bailiwick.catalog import Catalog, Status, catalog_schema, load_catalog
from bailiwick.documents import Document

STORY = "news story, June 2026, unverified"


@pytest.fixture(scope="module")
def catalog(builtin: Document) -> Catalog:
    return load_catalog([builtin])


@pytest.fixture(scope="module")
def extended(builtin: Document, reported: Document) -> Catalog:
    return load_catalog([builtin, reported])


def figures(catalog: Catalog) -> list[tuple[str, object]]:
    return [
        (model.id, figure)
        for model in catalog.models.values()
        for figure in (
            model.origin,
            model.context_tokens,
            model.output_tokens,
            model.modalities,
            *model.prices.values(),
            *model.scores.values(),
        )
        if figure is not None
    ]


def test_the_shipped_catalogue_knows_the_well_known_providers(catalog: Catalog) -> None:
    countries = {model.provider: model.provider_country for model in catalog.models.values()}

    assert len(catalog.models) >= 60
    assert countries == {
        "alibaba": "CN",
        "amazon": "US",
        "anthropic": "US",
        "cohere": "CA",
        "deepseek": "CN",
        "google": "US",
        "meta": "US",
        "mistral": "FR",
        "openai": "US",
        "tii": "AE",
        "xai": "US",
    }


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("claude-opus-4-1", "anthropic/claude-opus-4-1"),
        ("claude-opus-4-1-20250805", "anthropic/claude-opus-4-1"),
        ("anthropic.claude-opus-4-1-20250805-v1:0", "anthropic/claude-opus-4-1"),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "anthropic/claude-opus-4-1"),
        ("global.anthropic.claude-opus-4-1-20250805-v1:0", "anthropic/claude-opus-4-1"),
        ("claude-opus-4-1@20250805", "anthropic/claude-opus-4-1"),
        ("anthropic/claude-opus-4.1", "anthropic/claude-opus-4-1"),
        ("gpt-35-turbo", "openai/gpt-3.5-turbo"),
        ("gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("eu.amazon.nova-pro-v1:0", "amazon/nova-pro"),
        ("meta-llama/llama-3.3-70b-instruct", "meta/llama-3.3-70b"),
        ("claude-opus-4-1-latest", None),
        ("Claude-Opus-4-1", None),
    ],
)
def test_the_channels_names_of_one_model_are_one_id(
    name: str, id_: str | None, catalog: Catalog
) -> None:
    assert catalog.resolve(name) == id_


def test_no_name_moves_from_model_to_model(catalog: Catalog) -> None:
    names = [n for model in catalog.models.values() for c in model.aliases.values() for n in c]

    assert names
    assert not [name for name in names if "latest" in name]


def test_every_shipped_figure_has_a_page_and_a_date_and_claims_no_verification(
    catalog: Catalog,
) -> None:
    for id_, figure in figures(catalog):
        assert re.match(r"https://[a-z.]+/", figure.source), id_  # type: ignore[attr-defined]
        assert date(2023, 1, 1) < figure.as_of <= date(2026, 11, 22), id_  # type: ignore[attr-defined]
        assert figure.status is Status.REPORTED, id_  # type: ignore[attr-defined]


def test_shipped_figures_are_plausible(catalog: Catalog) -> None:
    for model in catalog.models.values():
        assert model.context_tokens is not None, model.id
        assert 500 < model.context_tokens.value <= 10_000_000, model.id
        if model.output_tokens:
            assert model.output_tokens.value <= model.context_tokens.value, model.id
        assert all(0 < price.value < 200 for price in model.prices.values()), model.id
        assert all(0 < score.value <= 100 for score in model.scores.values()), model.id


def test_nothing_of_the_story_is_in_the_shipped_catalogue(catalog: Catalog) -> None:
    for id_ in ("anthropic/claude-3.5-opus", "google/gemini-ultra", "tii/falcon-2-180b"):
        assert id_ not in catalog.models

    assert not [id_ for id_, figure in figures(catalog) if "news story" in str(figure)]


def test_the_example_extends_the_shipped_catalogue_and_is_marked_unverified(
    catalog: Catalog, extended: Catalog
) -> None:
    added = extended.models.keys() - catalog.models.keys()

    assert added == {"anthropic/claude-3.5-opus", "google/gemini-ultra", "tii/falcon-2-180b"}
    assert {change.subject for change in extended.changes} == {
        "meta/llama-3.1-405b",
        "mistral/mistral-large-2",
        "openai/gpt-4o",
    }
    for id_, figure in figures(extended):
        if "news story" in str(figure):
            assert figure.source.startswith(STORY), id_  # type: ignore[attr-defined]
            assert figure.as_of == date(2026, 6, 1)  # type: ignore[attr-defined]
            assert figure.status is Status.REPORTED  # type: ignore[attr-defined]


def test_the_storys_figures_are_those_it_reported(extended: Catalog) -> None:
    reported = {
        "anthropic/claude-3.5-opus": ("15.00", "89.2", "92.1", "99.3"),
        "meta/llama-3.1-405b": ("2.50", "85.6", "84.2", "95.1"),
        "mistral/mistral-large-2": ("4.00", "84.1", "80.5", "93.8"),
        "openai/gpt-4o": ("5.00", "88.7", "90.2", "98.7"),
    }

    for id_, (price, *scores) in reported.items():
        model = extended.models[id_]
        names = ("mmlu_pro", "humaneval", "needle_128k")
        assert model.prices["input"].value == Decimal(price)
        assert [model.scores[name].value for name in names] == [*map(Decimal, scores)]
    assert extended.models["anthropic/claude-3.5-opus"].context_tokens.value == 200000  # type: ignore[union-attr]
    assert extended.models["openai/gpt-4o"].context_tokens.value == 128000  # type: ignore[union-attr]


def typed(text: str) -> object:
    """Read YAML as an editor does: numbers are numbers, and JSON knows no dates."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    yaml.constructor.yaml_constructors.pop("tag:yaml.org,2002:timestamp", None)
    yaml.constructor.add_constructor(
        "tag:yaml.org,2002:timestamp", lambda _loader, node: str(node.value)
    )
    return yaml.load(text)


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(catalog_schema())
    return jsonschema.Draft202012Validator(catalog_schema())


def test_the_schema_for_editors_accepts_what_loads(
    small: str, schema: jsonschema.Draft202012Validator
) -> None:
    assert [error.message for error in schema.iter_errors(typed(small))] == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("catalog: 1", "catalog: 2"),
        ("providers:", "provider:"),
        ("country: DE", "country: Germany"),
        ("openness: open\n", "openness: closed\n"),
        ("200000", "-5"),
        ("200000", "{value: 5, page: 3}"),
        ("input: 15,", "input: -1,"),
        ("api: [one,", "fax: [one,"),
        ("family: two", "colour: two"),
        ("acme/one:", "acme:"),
    ],
)
def test_the_schema_for_editors_refuses_what_does_not_load(
    right: str, wrong: str, small: str, schema: jsonschema.Draft202012Validator
) -> None:
    assert right in small
    assert list(schema.iter_errors(typed(small.replace(right, wrong))))
