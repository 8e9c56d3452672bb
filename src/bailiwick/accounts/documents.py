"""Documents that come with an appeal: kept like words, erasable, and never in a record.

What a document is, its first bytes say, not its name, which is not kept. The history and the audit
log have its kind, its length and a salted commitment.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from bailiwick.accounts import personal, schema
from bailiwick.accounts.change import Change
from bailiwick.errors import InvalidInput

MOST_BYTES: Final = 5 * 1024 * 1024
MOST_DOCUMENTS: Final = 3
TYPES: Final[Mapping[str, bytes]] = {
    "application/pdf": b"%PDF-",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
}
"""Media types that are taken, and how each begins."""
_WHAT: Final = "appeal.document"


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One document of a case, without its content."""

    id: str
    type: str
    bytes: int
    commitment: str
    erased: bool


def type_of(content: bytes) -> str:
    """Tell what a document is. Raises ``InvalidInput`` for what is not taken."""
    if len(content) > MOST_BYTES:
        raise InvalidInput.of("a document is too large", f"at most {MOST_BYTES >> 20} MiB each")
    found = next((kind for kind, begins in TYPES.items() if content.startswith(begins)), None)
    if found is None:
        raise InvalidInput.of("a document is of a kind that is not taken", "send PDF, PNG or JPEG")
    return found


def check(documents: Sequence[bytes]) -> list[str]:
    """Tell what documents are. Raises ``InvalidInput`` if they are too many, large, or strange."""
    if len(documents) > MOST_DOCUMENTS:
        raise InvalidInput.of("too many documents", f"at most {MOST_DOCUMENTS}")
    return [type_of(content) for content in documents]


def keep(change: Change, account: str, appeal: str, case: str, documents: Sequence[bytes]) -> None:
    """Keep the documents of an appeal."""
    for content, kind in zip(documents, check(documents), strict=True):
        text = base64.b64encode(content).decode()
        identity, commitment = personal.keep_both(change, account, "document", text)
        detail = {
            "appeal": appeal, "case": case, "document": identity, "type": kind,
            "bytes": len(content), "commitment": commitment,
        }  # fmt: skip
        change.record(account, _WHAT, detail)


def of_case(connection: Connection, account: str, case: str) -> list[DocumentRow]:
    """List the documents of a case."""
    table, kept = schema.history, schema.personal
    rows = connection.execute(
        select(table.c.detail).where((table.c.account_id == account) & (table.c.what == _WHAT))
    ).scalars()
    details = [one for one in map(json.loads, rows) if one["case"] == case]
    live = connection.execute(
        select(kept.c.id).where(
            kept.c.id.in_([one["document"] for one in details]) & kept.c.value.is_not(None)
        )
    ).scalars()
    left = set(live)
    return [
        DocumentRow(one["document"], one["type"], one["bytes"], one["commitment"],
                    one["document"] not in left)
        for one in details
    ]  # fmt: skip


def content_of(connection: Connection, identity: str) -> bytes | None:
    """Read a document; ``None``: it was erased."""
    text = personal.read_words(connection, identity)
    return None if text is None else base64.b64decode(text)


def decoded(texts: Sequence[str]) -> list[bytes]:
    """Read documents that come as Base64."""
    try:
        return [base64.b64decode(text, validate=True) for text in texts]
    except (binascii.Error, ValueError):
        raise InvalidInput.of("a document is not Base64") from None
