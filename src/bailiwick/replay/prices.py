"""What a model costs: list prices with their source, from ``genai-prices`` or the catalogue.

``genai-prices`` counts where it is installed and knows the model, else the catalogue does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bailiwick.catalog import Catalog, Model


@dataclass(frozen=True, slots=True)
class Price:
    """USD for one million tokens."""

    input: float
    output: float
    """Where a source gives no price for output, the price of input."""
    source: str
    as_of: str


def list_prices(catalog: Catalog, at: datetime) -> dict[str, Price]:
    """Find the list price of every model of the catalogue that has one, by id."""
    genai = _genai()
    found = {}
    for id_, model in catalog.models.items():
        own = _of_catalog(model)
        price = (genai.get(model, at) if genai else None) or own
        if price:
            found[id_] = price
    return found


def _of_catalog(model: Model) -> Price | None:
    given = model.prices.get("input")
    if given is None:
        return None
    output = model.prices.get("output") or given
    note = "" if "output" in model.prices else "; output taken as input"
    return Price(
        float(given.value),
        float(output.value),
        f"catalogue: {given.source}{note}",
        str(given.as_of),
    )


def _genai() -> "_Genai | None":
    try:
        return _Genai()
    except ImportError:
        return None


class _Genai:
    """Prices of the installed ``genai-prices``; nothing is fetched."""

    def __init__(self) -> None:
        from importlib.metadata import version

        from genai_prices.data_snapshot import get_snapshot

        self._snapshot = get_snapshot()
        self._release = f"release {version('genai-prices')}"

    def get(self, model: Model, at: datetime) -> Price | None:
        """Find the price of a model at a moment; ``None``: not known, or not one simple figure."""
        for name in (model.id.partition("/")[2], *model.aliases.get("api", ())):
            try:
                _, found = self._snapshot.find_provider_model(name, None, model.provider, None)
                prices = found.get_prices(at)
            except (LookupError, ValueError):
                continue
            each = _first(prices.input_mtok), _first(prices.output_mtok)
            if each[0] is not None and each[1] is not None:
                return Price(each[0], each[1], "genai-prices", self._release)
        return None


def _first(price: Any) -> float | None:
    """Give the base price; of a tiered one that of the first tier."""
    return None if price is None else float(getattr(price, "base", price))


def sources(prices: Mapping[str, Price]) -> list[dict[str, str]]:
    """List where prices come from, each source once."""
    every = {(price.source, price.as_of) for price in prices.values()}
    return [{"source": source, "as_of": as_of} for source, as_of in sorted(every)]
