"""Write a set of accounts as conditions of a service control policy, so that it fails closed.

A statement denies whoever is *not* in the set: an account of which the request says nothing, or one
that is opened tomorrow in a unit that is not in the set, is denied.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bailiwick.cloud import Account, Tree, Unit


@dataclass(frozen=True, slots=True)
class Clause:
    """Conditions under which a statement denies, in words as well."""

    conditions: Mapping[str, Mapping[str, Any]]
    says: str


class Accounts:
    """The accounts of a tree by number; a set of them is an integer, one bit for each."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        every = list(tree.accounts())
        self.held: Sequence[Account] = [one for one in every if one.exempt is None]
        self.exempt: Sequence[Account] = [one for one in every if one.exempt is not None]
        self.all = (1 << len(self.held)) - 1
        self._bit = {(one.path, one.id): 1 << index for index, one in enumerate(self.held)}

    def has(self, members: int, account: Account) -> bool:
        """Whether an account is in the set; an exempt one always is."""
        return account.exempt is not None or bool(members & self._bit[account.path, account.id])

    def outside(self, members: int) -> list[Clause]:
        """Write "not in the set" as the conditions of one statement, or of two."""
        ids = [one.id for one in self.exempt]
        paths: list[str] = []
        excluded: list[str] = []
        for unit, whole in self._units(self.tree.root, members):
            paths.append("/".join((self.tree.id, *unit.path)) + ("/*" if whole else "/"))
        for unit in self.tree.root.every():
            inside = self.has(members, unit.unlisted)
            for one in unit.accounts:
                if one.exempt is None and self.has(members, one) != inside:
                    (excluded if inside else ids).append(one.id)
        first: dict[str, dict[str, Any]] = {}
        if ids:
            first["StringNotEquals"] = {"aws:PrincipalAccount": sorted(ids)}
        if paths:
            first["ForAllValues:StringNotLike"] = {"aws:PrincipalOrgPaths": sorted(paths)}
        clauses = [Clause(first, _words(ids, paths))]
        if excluded:
            found = sorted(excluded)
            clauses.append(
                Clause(
                    {"StringEquals": {"aws:PrincipalAccount": found}},
                    f"accounts {', '.join(found)}",
                )
            )
        return clauses

    def _units(self, unit: Unit, members: int) -> Iterator[tuple[Unit, bool]]:
        """List the units whose unlisted accounts are in the set; whole subtrees as one."""
        every = list(unit.every())
        if all(self.has(members, one.unlisted) for one in every):
            yield unit, True
            return
        if self.has(members, unit.unlisted):
            yield unit, False
        for inner in unit.units:
            yield from self._units(inner, members)


def _words(ids: Sequence[str], paths: Sequence[str]) -> str:
    named = [*sorted(paths), *sorted(ids)]
    if not named:
        return "every account"
    shown = ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
    return f"every account but {shown}"
