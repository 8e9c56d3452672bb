"""YAML 1.2 text as plain values that remember where they stood.

Every scalar stays text (``NO`` is Norway, ``010`` is not eight); the model above types it.
Anchors, tags, duplicate keys and empty values are refused here, so nobody above has to think
of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bailiwick.errors import InvalidInput, Position, Problem

Value: TypeAlias = "str | list[Value] | dict[str, Value]"
Path: TypeAlias = tuple[str | int, ...]

MAX_DEPTH = 32
IMPLICIT_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "merge", "value"}
"""What the resolver gives plain scalars by itself; anything else was written by somebody."""
MAX_CHARACTERS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file: its value and the position of every part of it."""

    file: str
    value: Value
    positions: dict[Path, Position] = field(repr=False)
    """Where each value stands; a mapping's entry is at its value."""
    keys: dict[Path, Position] = field(repr=False)
    """Where each mapping key stands."""

    def position(self, path: Path) -> Position:
        """Find the position of ``path``, or of the nearest part around it that exists."""
        for length in range(len(path), -1, -1):
            found = self.positions.get(path[:length])
            if found is not None:
                return found
        return Position(self.file, 1, 1)

    def key_position(self, path: Path) -> Position:
        """Find the position of the key that ends ``path``."""
        return self.keys.get(path) or self.position(path)


def parse_document(text: str, file: str) -> Document:
    """Read YAML 1.2 ``text``; ``file`` is only a name for messages.

    Raises ``InvalidInput`` with every duplicate key, anchor, tag and empty value found, or with
    the one syntax error that stopped the parser.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput.of(
            f"file is larger than {MAX_CHARACTERS} characters", None, Position(file)
        )
    node = _compose(text, file)
    if node is None:
        raise InvalidInput.of(
            "file is empty", "a file needs at least one key", Position(file, 1, 1)
        )
    reader = _Reader(file)
    value = reader.read(node, ())
    if reader.problems:
        raise InvalidInput(reader.problems)
    return Document(file, value, reader.positions, reader.keys)


def _compose(text: str, file: str) -> Node | None:
    yaml = YAML(typ="rt", pure=True)
    yaml.version = (1, 2)
    try:
        return yaml.compose(text)  # type: ignore[no-any-return]  # ruamel has no types here
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file)
        raise InvalidInput.of(
            f"not valid YAML: {error.problem or error.context}",
            "quote text that has `: `, `#`, `{` or `[` in it, and indent with spaces",
            position,
        ) from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise InvalidInput.of(f"not valid YAML: {error}", None, Position(file)) from None


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.positions: dict[Path, Position] = {}
        self.keys: dict[Path, Position] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def read(self, node: Node, path: Path) -> Value:
        self.positions[path] = here = self._at(node)
        if id(node) in self._seen or node.anchor:
            self._report("anchors and aliases are not supported", "write the value out", here)
            return ""
        self._seen.add(id(node))
        if len(path) > MAX_DEPTH:
            self._report(f"nested deeper than {MAX_DEPTH} levels", None, here)
            return ""
        if isinstance(node, MappingNode):
            return dict(self._entries(node, path))
        if isinstance(node, SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - there are three kinds of node
        return self._scalar(node, here)

    def _entries(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Value]]:
        seen: dict[str, Position] = {}
        for key_node, value_node in node.value:
            here = self._at(key_node)
            if not isinstance(key_node, ScalarNode):
                self._report("a key must be plain text", None, here)
                continue
            key = str(key_node.value)
            if key in seen:
                self._report(
                    f"duplicate key `{key}`", f"first given at line {seen[key].line}", here
                )
                continue
            seen[key] = self.keys[(*path, key)] = here
            yield key, self.read(value_node, (*path, key))

    def _scalar(self, node: ScalarNode, here: Position) -> str:
        tag = str(node.tag or "")
        if tag and tag.removeprefix("tag:yaml.org,2002:") not in IMPLICIT_TAGS:
            self._report(f"tag `{tag}` is not supported", "remove the tag", here)
        text = str(node.value)
        if not text and node.style is None:
            self._report("empty value", "give a value, or remove the key", here)
        return text

    def _at(self, node: Node) -> Position:
        return Position(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _report(self, message: str, help: str | None, position: Position) -> None:  # noqa: A002
        self.problems.append(Problem(message, help, position))
