"""Where a request comes from, and whether it hides it.

``client_address`` finds the address, a ``Locator`` finds the places and the network class; both are
values with their reasons. Only ``loading`` and ``manage`` touch files; nothing reads a clock.
"""

from typing import TYPE_CHECKING

from bailiwick.later import later
from bailiwick.location.addresses import Nat64Prefix, pack, show
from bailiwick.location.answers import Answer
from bailiwick.location.cells import Cell, apart_km
from bailiwick.location.client import ClientAddress, Invalid, TrustedProxies, client_address
from bailiwick.location.lists import LIST_KINDS
from bailiwick.location.loading import load_locator
from bailiwick.location.locator import Located, Locator, SourceAnswer
from bailiwick.location.proxy_protocol import (
    Incomplete,
    ProxyHeader,
    peer_behind,
    read_proxy_header,
    still_missing,
)
from bailiwick.location.runs import Runs
from bailiwick.location.settings import AnonymizerSource, LocatedSource, LocationSettings
from bailiwick.location.sources import Freshness, Source, SourceStatus
from bailiwick.location.special import is_routable, purpose_of
from bailiwick.location.storage import DamagedFile, Description
from bailiwick.location.table import AddressTable

if TYPE_CHECKING:
    from bailiwick.location.bulk import BulkLocator
    from bailiwick.location.embedded import Built, build_embedded, embedded_path, load_embedded
    from bailiwick.location.everywhere import Everywhere, Said
    from bailiwick.location.manage import IMPORT_KINDS, Imported, data_status, import_source
    from bailiwick.location.mmdb import Progress
    from bailiwick.location.mmdb_write import MmdbWriter, Uint16, Uint64, country_mmdb
    from bailiwick.location.schemas import SCHEMAS

__all__ = [
    "ClientAddress", "Invalid", "TrustedProxies", "client_address",
    "Incomplete", "ProxyHeader", "peer_behind", "read_proxy_header", "still_missing",
    "BulkLocator", "Located", "Locator", "SourceAnswer", "Answer", "Freshness", "Source",
    "SourceStatus", "Everywhere", "Runs", "Said",
    "LocationSettings", "LocatedSource", "AnonymizerSource", "load_locator", "Progress",
    "IMPORT_KINDS", "LIST_KINDS", "SCHEMAS", "Imported", "data_status", "import_source",
    "Built", "build_embedded", "embedded_path", "load_embedded",
    "AddressTable", "Description", "DamagedFile", "MmdbWriter", "Uint16", "Uint64", "country_mmdb",
    "Cell", "apart_km", "Nat64Prefix", "pack", "show", "is_routable", "purpose_of",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = later(
        __name__,
        {
            "bulk": ("BulkLocator",),
            "embedded": ("Built", "build_embedded", "embedded_path", "load_embedded"),
            "everywhere": ("Everywhere", "Said"),
            "manage": ("IMPORT_KINDS", "Imported", "data_status", "import_source"),
            "mmdb": ("Progress",),
            "mmdb_write": ("MmdbWriter", "Uint16", "Uint64", "country_mmdb"),
            "schemas": ("SCHEMAS",),
        },
    )
