"""Which models there are: one id for each, all its names, and dated, sourced figures.

No I/O: files arrive as documents that ``bailiwick.documents`` has parsed.
"""

from bailiwick.catalog.load import load_catalog
from bailiwick.catalog.model import (
    Catalog,
    Change,
    Features,
    Modalities,
    Model,
    Openness,
    Source,
    Sourced,
    Status,
)
from bailiwick.catalog.schema import catalog_schema

__all__ = [
    "Catalog",
    "Change",
    "Features",
    "Modalities",
    "Model",
    "Openness",
    "Source",
    "Sourced",
    "Status",
    "catalog_schema",
    "load_catalog",
]
