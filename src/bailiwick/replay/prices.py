"""What a model costs: the list prices of a catalogue, each with its source.

``bootstrap.with_prices`` fills a catalogue in, in the same order for every command.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bailiwick.catalog import Catalog, Model


@dataclass(frozen=True, slots=True)
class Price:
    """USD for one million tokens."""

    input: float
    output: float
    """Where a source gives no price for output, the price of input."""
    source: str
    as_of: str


def list_prices(catalog: Catalog) -> dict[str, Price]:
    """Find the list price of every model that has one, by id."""
    found = ((id_, _price(model)) for id_, model in catalog.models.items())
    return {id_: price for id_, price in found if price is not None}


def _price(model: Model) -> Price | None:
    given = model.prices.get("input")
    if given is None:
        return None
    output = model.prices.get("output") or given
    note = "" if "output" in model.prices else "; output taken as input"
    return Price(float(given.value), float(output.value), f"{given.source}{note}", str(given.as_of))


def sources(prices: Mapping[str, Price]) -> list[dict[str, str]]:
    """List where prices come from, each source once."""
    every = {(price.source, price.as_of) for price in prices.values()}
    return [{"source": source, "as_of": as_of} for source, as_of in sorted(every)]
