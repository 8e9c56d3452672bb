"""Read policies as text against a small made-up catalogue, and collect what is said about them."""

from collections.abc import Mapping
from functools import cache

from bailiwick.catalog import Catalog, load_catalog
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput, Problem, Severity
from bailiwick.policy import Policy, read_policy

FILE = "policy.yaml"
HEAD = "bailiwick: 1\nname: tested\n"
"""Two lines, so what follows begins at line 3."""
RULES = "rules:\n  - {id: anybody, permit: '*'}\n"

CATALOG = """
catalog: 1
defaults: {source: made up for tests, as_of: 2026-01-01}
providers:
  pa: {country: XA}
  pb: {country: XB}
models:
  pa/frontier-1: {family: frontier, openness: restricted, aliases: {api: [frontier-one]}}
  pa/frontier-2: {family: frontier, openness: restricted}
  pa/small: {family: small, openness: open}
  pb/open: {family: small, openness: open-weight}
"""


@cache
def small_catalog() -> Catalog:
    return load_catalog([parse_document(CATALOG, "models.yaml")])


def read(text: str, files: Mapping[str, str] | None = None) -> Policy:
    """Read a policy that may name ``files``, by their names."""

    def load(reference: str, from_file: str) -> tuple[str, str]:
        if reference not in (files or {}):
            raise FileNotFoundError(2, "No such file", reference)
        return reference, (files or {})[reference]

    return read_policy(text, FILE, small_catalog(), load)


def problems(text: str, files: Mapping[str, str] | None = None) -> list[Problem]:
    """List the errors of a policy that cannot be used."""
    try:
        read(text, files)
    except InvalidInput as error:
        return [one for one in error.problems if one.severity is Severity.ERROR]
    raise AssertionError(f"this was accepted:\n{text}")


def errors(text: str, files: Mapping[str, str] | None = None) -> list[str]:
    """List the errors as a person reads them, without the name of the main file."""
    return [str(one).removeprefix(f"{FILE}:") for one in problems(text, files)]


def warnings(text: str, files: Mapping[str, str] | None = None) -> list[str]:
    """List the warnings and notes of a policy that can be used, but for the missing end mark."""
    found = [one for one in read(text, files).warnings if one.code != "unfinished"]
    return [str(one).removeprefix(f"{FILE}:") for one in found]
