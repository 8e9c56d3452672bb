"""What a set of statements tells apart: accounts, regions, models and callers.

A policy of somebody else may except what our policy treats like its neighbours. So the classes of
the matrix are those of the policy and of the statements together: what has one signature here is
answered alike by every statement.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

from bailiwick.cloud import Account, Tree
from bailiwick.cloud.aws import Condition, ScpStatement, holds, like

ARN_PARTS = 6
REGION = "aws:requestedregion"
PROFILE = "bedrock:inferenceprofilearn"
MODEL = "bedrock-mantle:model"
ARN = "aws:principalarn"
VIA = "aws:viaawsservice"
TYPES = ("foundation-model", "inference-profile", "custom-model")


class ToldApart:
    """Signatures under some statements."""

    def __init__(self, statements: Sequence[ScpStatement]) -> None:
        self.statements = statements

    def account(self, tree: Tree, account: Account) -> object:
        """Tell which conditions on accounts this one meets."""
        given = {
            "aws:principalaccount": (account.id,),
            "aws:principalorgpaths": ("/".join((tree.id, *account.path)) + "/",),
        }
        return tuple(holds(one, given[one.key]) for one in self._conditions if one.key in given)

    def region(self, region: str) -> object:
        """Tell which conditions and ARNs a region meets."""
        return (
            tuple(holds(one, (region,)) for one in self._conditions if one.key == REGION),
            tuple(like(part, region) for part in self._region_parts),
        )

    def model(self, name: str, prefixes: Sequence[str]) -> object:
        """Tell which ARNs and names a model meets, by itself and behind each profile."""
        profiles = [f"{prefix}.{name}" for prefix in prefixes]
        values = (name, *profiles)
        return (
            tuple(self._matching("foundation-model", name)),
            tuple(self._matching("custom-model", f"{name}/abcdef")),
            tuple(tuple(self._matching("inference-profile", one)) for one in profiles),
            tuple(
                holds(one, (value,))
                for one in self._conditions
                if one.key == MODEL
                for value in values
            ),
        )

    def callers(self, account: str) -> Iterator[tuple[str, str]]:
        """Give what makes a caller one that some statement excepts: a condition key and value."""
        for pattern in dict.fromkeys(
            value for one in self._conditions if one.key == ARN for value in one.values
        ):
            parts = pattern.split(":", ARN_PARTS - 1)
            if len(parts) == ARN_PARTS and "$" not in pattern:
                parts[4] = account if "*" in parts[4] or "?" in parts[4] else parts[4]
                arn = ":".join(parts).replace("*", "x").replace("?", "x")
                yield ARN, arn
        if any(one.key == VIA for one in self._conditions):
            yield VIA, "true"

    # -- parts of statements -------------------------------------------------------------------

    @cached_property
    def _conditions(self) -> tuple[Condition, ...]:
        return tuple(
            dict.fromkeys(one for statement in self.statements for one in statement.conditions)
        )

    @cached_property
    def _arns(self) -> tuple[list[str], ...]:
        """List the ARNs of statements in their parts, with those of conditions on profiles."""
        patterns = [one for statement in self.statements for one in statement.resources]
        patterns += [
            value for one in self._conditions if one.key == PROFILE for value in one.values
        ]
        split = (one.split(":", ARN_PARTS - 1) for one in dict.fromkeys(patterns))
        return tuple(parts for parts in split if len(parts) == ARN_PARTS)

    @cached_property
    def _region_parts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(parts[3] for parts in self._arns))

    @cached_property
    def _names(self) -> dict[str, tuple[str, ...]]:
        """Give the patterns of names by type of resource; a wildcard in place of it is of all."""
        found: dict[str, dict[str, None]] = {one: {} for one in TYPES}
        for parts in self._arns:
            kind, _, name = parts[5].partition("/")
            for one in TYPES:
                if like(kind, one):
                    found[one][name or "*"] = None
        return {kind: tuple(names) for kind, names in found.items()}

    def _matching(self, kind: str, name: str) -> Iterator[bool]:
        return (like(pattern, name) for pattern in self._names[kind])
