"""Whose shares a test counts: those of listed owners, or of companies run from a place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.ownership.graph import Graph, Kind, Node
from bailiwick.policy import OwnershipRule

MAX_IDENTIFIER = 200
KNOWN_KEYS = {"identifiers", "source", "as_of", "about"}


@dataclass(frozen=True, slots=True)
class Seeds:
    """Nodes that are counted by themselves, and why, for people."""

    certain: Mapping[str, str]
    possible: Mapping[str, str]
    """More of them that may be: what would decide it is not known."""


def read_list(text: str, file: str) -> dict[str, str]:
    """Read a list of identifiers: YAML with ``identifiers``, or one a line; give each its place.

    Raises ``InvalidInput`` with every line that is wrong. A list with nothing on it is wrong.
    """
    entries = _of_yaml(text, file) if file.endswith((".yaml", ".yml")) else _of_lines(text, file)
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for identifier, position in entries:
        if not 0 < len(identifier) <= MAX_IDENTIFIER or not identifier.isprintable():
            problems.append(Problem("not an identifier", "as in `LEI:5493...`", position))
        elif identifier in found:
            message = f"`{identifier}` is listed twice"
            problems.append(Problem(message, f"first at {found[identifier]}", position))
        else:
            found[identifier] = str(position)
    if problems:
        raise InvalidInput(problems)
    if not found:
        raise InvalidInput.of("no identifiers are listed", "a list needs one", Position(file))
    return found


def _of_lines(text: str, file: str) -> Iterable[tuple[str, Position]]:
    for number, line in enumerate(text.splitlines(), 1):
        identifier = line.partition("#")[0].strip()
        if identifier:
            yield identifier, Position(file, number, 1)


def _of_yaml(text: str, file: str) -> Iterable[tuple[str, Position]]:
    document = parse_document(text, file)
    value = document.value if isinstance(document.value, dict) else {}
    for key in value.keys() - KNOWN_KEYS:
        where = document.key_position((key,))
        raise InvalidInput.of(f"unknown key `{key}`", "known are " + ", ".join(KNOWN_KEYS), where)
    listed = value.get("identifiers", [])
    if not isinstance(listed, list):
        where = document.position(("identifiers",))
        raise InvalidInput.of("`identifiers` needs a list", None, where)
    for index, one in enumerate(listed):
        position = document.position(("identifiers", index))
        yield one if isinstance(one, str) else "", position


def find_seeds(graph: Graph, rule: OwnershipRule, listed: Mapping[str, str]) -> Seeds:
    """Find the nodes that ``rule`` counts by themselves. ``listed``: identifiers to their place."""
    certain: dict[str, str] = {}
    possible: dict[str, str] = {}
    for node in graph.nodes.values():
        hit = next((one for one in sorted(node.identifiers) if one in listed), None)
        if hit is not None:
            certain[node.id] = f"listed as `{hit}` ({listed[hit]})"
        elif node.kind is Kind.UNSPECIFIED:
            possible[node.id] = node.name
        elif rule.headquarters and node.kind is not Kind.PERSON:
            _by_headquarters(node, rule, certain, possible)
    return Seeds(certain, possible)


def _by_headquarters(
    node: Node, rule: OwnershipRule, certain: dict[str, str], possible: dict[str, str]
) -> None:
    places, said = node.headquarters, "headquarters in"
    if not places and rule.if_headquarters_unknown == "jurisdiction" and node.jurisdiction:
        places, said = frozenset({node.jurisdiction}), "registered in"
    if not places:
        possible[node.id] = "headquarters unknown"
        return
    inside = [any(one.contains(place) for one in rule.headquarters) for place in places]
    if all(inside):
        certain[node.id] = f"{said} {', '.join(sorted(places))}"
    elif any(inside):
        possible[node.id] = f"{said} {', '.join(sorted(places))}"
