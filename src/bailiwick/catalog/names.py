"""Which name means which model: one table, in which no name can mean two.

Amazon Bedrock puts a geography in front of a model's id to choose where it runs. That is the same
model, so every Bedrock alias is entered with each of those prefixes: the table stays the only
place to look, and a clash is found when the catalogue is loaded, not at a request.
"""

from dataclasses import dataclass, field

from bailiwick.errors import Position, Problem

GEOGRAPHIES = ("us", "us-gov", "eu", "apac", "jp", "au", "global")
"""Prefixes of Bedrock inference profiles that Amazon defines (system-defined profiles)."""


@dataclass(slots=True)
class Names:
    """Names taken so far, by whom and where."""

    table: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _where: dict[str, Position] = field(default_factory=dict)

    def claim_id(self, id_: str, position: Position) -> None:
        """Enter a model's own id."""
        self._enter(id_, id_, position)

    def claim(self, name: str, id_: str, position: Position, channel: str) -> None:
        """Enter an alias, on Bedrock with every geographic prefix."""
        if self._enter(name, id_, position) and channel == "bedrock":
            for geography in GEOGRAPHIES:
                self._enter(f"{geography}.{name}", id_, position)

    def _enter(self, name: str, id_: str, position: Position) -> bool:
        owner = self.table.setdefault(name, id_)
        first = self._where.setdefault(name, position)
        if owner == id_:
            return True
        message = f"model `{id_}`: name `{name}` already means `{owner}`"
        self.problems.append(Problem(message, f"it is given at {first}", position))
        return False
