"""Prices from ``genai-prices`` where it is installed and knows the model.

A figure that an operator's own catalogue file gives is kept; the built-in catalogue gives way.
Nothing is fetched: the prices are those of the installed release, for the day that is asked about.
A release carries no date, so its prices are dated by the latest change that they know of.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from bailiwick.bootstrap.files import read_catalog
from bailiwick.catalog import Catalog, Model, Sourced, Status


def with_prices(catalog: Catalog, at: datetime) -> Catalog:
    """Fill in prices; the digest stays, since prices decide nothing."""
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return catalog
    ours = read_catalog().models
    snapshot = get_snapshot()
    as_of = _latest(snapshot)
    models = {
        id_: _priced(model, ours.get(id_), snapshot, at, as_of)
        for id_, model in catalog.models.items()
    }
    return replace(catalog, models=MappingProxyType(models))


def _latest(snapshot: Any) -> date:
    """Find the latest day on which a price of the release began to hold."""
    every = (
        getattr(price.constraint, "start_date", None)
        for provider in snapshot.providers
        for model in provider.models
        if isinstance(model.prices, list)
        for price in model.prices
    )
    return max((day for day in every if day is not None), default=date.min)


def _priced(
    model: Model, built_in: Model | None, snapshot: Any, at: datetime, as_of: date
) -> Model:
    if model.prices and (built_in is None or model.prices != built_in.prices):
        return model
    found = _look_up(model, snapshot, at, as_of)
    return replace(model, prices=MappingProxyType({**model.prices, **found})) if found else model


def _look_up(
    model: Model, snapshot: Any, at: datetime, as_of: date
) -> Mapping[str, Sourced[Decimal]]:
    source = f"genai-prices {version('genai-prices')}"
    for name in (model.id.partition("/")[2], *model.aliases.get("api", ())):
        try:
            _, known = snapshot.find_provider_model(name, None, model.provider, None)
            prices = known.get_prices(at)
        except (LookupError, ValueError):
            continue
        figures = {"input": _base(prices.input_mtok), "output": _base(prices.output_mtok)}
        return {
            side: Sourced(figure, source, as_of, Status.REPORTED)
            for side, figure in figures.items()
            if figure is not None
        }
    return {}


def _base(price: Any) -> Decimal | None:
    """Give a price as one figure; of a tiered one, the first tier."""
    return None if price is None else Decimal(str(getattr(price, "base", price)))
