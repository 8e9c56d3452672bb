"""What a catalogue file says is what the catalogue knows."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from bailiwick.catalog import Catalog, Modalities, Openness, Source, Sourced, Status, load_catalog

Load = Callable[..., Catalog]
PAGE = "https://example.com/models"


def test_a_model_has_its_attributes(small: str, load: Load) -> None:
    model = load(small).models["acme/one"]

    assert (model.id, model.provider, model.provider_country) == ("acme/one", "acme", "XA")
    assert (model.family, model.openness) == ("one", Openness.RESTRICTED)
    assert model.openness == "restricted"
    assert model.aliases["api"] == ("one", "one-20260101")


def test_every_figure_says_where_it_comes_from(small: str, load: Load) -> None:
    model = load(small).models["acme/one"]

    origin = (PAGE, date(2026, 5, 1), Status.REPORTED)
    assert model.origin == Source(*origin)
    assert model.context_tokens == Sourced(200000, *origin)
    assert model.prices == {
        "input": Sourced(Decimal(15), *origin),
        "output": Sourced(Decimal("75.5"), *origin),
    }
    assert model.scores == {"humaneval": Sourced(Decimal("90.1"), *origin)}


def test_what_nobody_stated_is_none_and_not_zero(small: str, load: Load) -> None:
    model = load(small).models["globex/two"]

    assert model.context_tokens is None
    assert model.output_tokens is None
    assert model.prices == {}
    assert model.modalities is not None
    assert model.modalities.value == Modalities(("image", "text"), ("text",))


def test_the_nearest_source_wins(load: Load) -> None:
    text = """\
catalog: 1
sources: {paper: {url: "https://example.com/paper", as_of: 2026-02-03, status: verified}}
defaults: {source: "https://example.com/list", as_of: 2026-01}
providers: {acme: {country: XA}}
models:
  acme/one:
    family: one
    openness: open
    source: a talk in May
    as_of: 2026-05-06
    context_tokens: 1000
    output_tokens: {value: 10, source: paper}
    scores: {mmlu: {value: 70, status: verified}, humaneval: {value: 60, as_of: 2026-05-07}}
  acme/two: {family: two, openness: open, context_tokens: 2000}
"""

    one, two = load(text).models.values()

    talk = ("a talk in May", date(2026, 5, 6))
    assert one.context_tokens == Sourced(1000, *talk, Status.REPORTED)
    assert one.output_tokens == Sourced(
        10, "https://example.com/paper", date(2026, 2, 3), Status.VERIFIED
    )
    assert one.scores["mmlu"] == Sourced(Decimal(70), *talk, Status.VERIFIED)
    assert one.scores["humaneval"].as_of == date(2026, 5, 7)
    assert two.context_tokens == Sourced(
        2000, "https://example.com/list", date(2026, 1, 1), Status.REPORTED
    )


def test_no_files_are_an_empty_catalogue() -> None:
    catalog = load_catalog([])

    assert catalog.models == {}
    assert catalog.resolve("anything") is None
    assert len(catalog.digest) == 64


def test_a_later_file_wins_field_by_field_and_says_what_changed(small: str, load: Load) -> None:
    later = """\
catalog: 1
defaults: {source: "our contract", as_of: 2026-06-01, status: verified}
providers: {globex: {country: FR}}
models:
  acme/one:
    prices: {input: 12}
    aliases: {other: [cheap-one], api: [one-latest]}
"""

    catalog = load(small, later)

    model = catalog.models["acme/one"]
    assert model.prices["input"] == Sourced(
        Decimal(12), "our contract", date(2026, 6, 1), Status.VERIFIED
    )
    assert model.prices["output"].value == Decimal("75.5")
    assert model.origin.source == PAGE
    assert catalog.resolve("cheap-one") == catalog.resolve("one-latest") == "acme/one"
    assert catalog.models["globex/two"].provider_country == "FR"
    assert [str(change) for change in catalog.changes] == [
        "two.yaml:3:31: provider globex: country: DE -> FR",
        "two.yaml:7:40: acme/one: aliases.api: one, one-20260101 -> one, one-20260101, one-latest",
        (
            "two.yaml:6:21: acme/one: prices.input: 15 (reported, 2026-05-01, https://example.com/models)"
            " -> 12 (verified, 2026-06-01, our contract)"
        ),
    ]


def test_saying_the_same_again_is_no_change(small: str, load: Load) -> None:
    catalog = load(small, small)

    assert catalog.changes == ()
    assert catalog.digest == load(small).digest


def test_a_later_file_can_add_models_and_providers(small: str, load: Load) -> None:
    later = """\
catalog: 1
defaults: {source: our own, as_of: 2026-06}
providers: {initech: {country: US}}
models:
  initech/three: {family: three, openness: restricted}
  acme/four: {family: one, openness: open-weight}
"""

    catalog = load(small, later)

    assert list(catalog.models) == ["acme/four", "acme/one", "globex/two", "initech/three"]
    assert catalog.models["acme/four"].provider_country == "XA"
    assert catalog.changes == ()


def test_a_changed_openness_is_a_change_and_so_is_its_source(small: str, load: Load) -> None:
    later = (
        'catalog: 1\nmodels: {acme/one: {openness: open, source: "a licence", as_of: 2026-07-01}}'
    )

    catalog = load(small, later)

    assert catalog.models["acme/one"].openness == "open"
    assert [change.field for change in catalog.changes] == ["openness", "origin"]


def test_the_digest_ignores_order_comments_and_spelling(small: str, load: Load) -> None:
    shuffled = """\
# the same, written by somebody else
models:
  globex/two:
    modalities: {output: [text], input: [image, text]}
    openness: "open"   # quoted
    family: two
  acme/one:
    scores: {humaneval: 90.10}
    prices:
      output: {value: 75.5}
      input: 15.00
    context_tokens: 200000
    aliases: {vertex: ["one@20260101"], bedrock: ["acme.one-v1:0"], api: [one-20260101, one]}
    openness: restricted
    family: one
providers:
  globex: {country: DE}
  acme: {country: XA}
sources: {page: {url: "https://example.com/models", as_of: 2026-05-01}}
defaults: {source: page}
catalog: 1
"""

    assert load(shuffled).digest == load(small).digest


def test_the_digest_follows_the_content(small: str, load: Load) -> None:
    edits = [
        ("country: XA", "country: XB"),
        ("family: one", "family: uno"),
        ("input: 15,", "input: 16,"),
        ("2026-05-01", "2026-05-02"),
        ("example.com", "example.org"),
        ("one-20260101]", "one-20260102]"),
        ("openness: open\n", "openness: open-weight\n"),
    ]

    digests = {load(small).digest} | {load(small.replace(*edit)).digest for edit in edits}

    assert len(digests) == len(edits) + 1
