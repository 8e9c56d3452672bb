"""Read policies and catalogues from disk, for everything that does."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from bailiwick.bootstrap.packs import builtin_pack, find_pack, is_pack
from bailiwick.bootstrap.text import read_text
from bailiwick.catalog import Catalog, load_catalog
from bailiwick.documents import Document, parse_document
from bailiwick.errors import BailiwickError, Problem, Severity
from bailiwick.policy import Loader, Policy, extended_catalog, read_policy

if TYPE_CHECKING:
    from bailiwick.cloud import Organisation
    from bailiwick.providers import Pack
    from bailiwick.settings import Settings


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy and the catalogue that it was read against."""

    policy: Policy
    catalog: Catalog


@cache
def builtin_catalog() -> Document:
    """Read the catalogue that comes with the package."""
    path = files("bailiwick") / "data" / "catalog" / "models.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    return Document("built-in catalogue", value, {}, {})


def read_catalog(extra: Iterable[Path] = ()) -> Catalog:
    """Read the built-in catalogue and ``extra`` files that extend it, in order."""
    documents = [parse_document(read_text(path), str(path)) for path in extra]
    return load_catalog([builtin_catalog(), *documents])


def load_beside(reference: str, from_file: str) -> tuple[str, str]:
    """Find a file that another one names: relative to it, or ``provider/NAME`` of the package.

    A provider pack, built in or a file of the operator's, is read as the rule set that follows.
    """
    if not reference.endswith((".yaml", ".yml")):
        return reference, _rules_of(builtin_pack(reference.removeprefix("provider/")))
    path = Path(from_file).parent / reference
    text = path.read_text(encoding="utf-8")
    return str(path), _rules_of(find_pack(str(path))) if is_pack(text) else text


def _rules_of(pack: "Pack") -> str:
    from bailiwick.providers import rule_set  # most policies name no pack

    try:
        return rule_set(pack)
    except BailiwickError as error:
        raise OSError(f"{error.message}; {error.help}") from None


def load_policy(path: Path, extra: Iterable[Path] = (), load: Loader = load_beside) -> LoadedPolicy:
    """Read the policy in ``path`` with all the files it names.

    ``extra`` are catalogue files named elsewhere, such as in the gateway's settings. Raises
    ``InvalidInput`` with every problem found.
    """
    text = read_text(path)
    base = [builtin_catalog(), *(parse_document(read_text(one), str(one)) for one in extra)]
    catalog = extended_catalog(text, str(path), base, load)
    return LoadedPolicy(read_policy(text, str(path), catalog, load), catalog)


def missing_lists(policy: Policy) -> list[Problem]:
    """Find lists of owners that a policy names and that cannot be read now."""
    found = []
    for test in policy.ownership.values():
        folder = Path(test.position.file).parent if test.position else Path()
        for name in test.listed:
            if not (folder / name).is_file():
                message = f"ownership test `{test.name}`: there is no file `{name}`"
                hint = "without it the test cannot be put; its outcome stays unknown"
                found.append(
                    Problem(message, hint, test.position, Severity.WARNING, "ownership.list")
                )
    return found


def read_settings(path: Path) -> "Settings":
    """Read a gateway's settings file. Raises ``InvalidInput`` with every problem found."""
    from bailiwick.settings import read_settings as read_document

    return read_document(parse_document(read_text(path), str(path)), path.absolute().parent)


def load_organisation(path: Path) -> "Organisation":
    """Read an organisation file. Raises ``InvalidInput`` with every problem found."""
    from bailiwick.cloud import read_organisation

    return read_organisation(parse_document(read_text(path), str(path)))
