"""Read the conditions of a rule: what ``where`` and ``where_any`` ask of each dimension."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bailiwick.documents import Path
from bailiwick.facts import DIMENSIONS, NETWORKS, OWNERSHIP_PREFIX, Dimension, Kind, dimension
from bailiwick.policy.names import PlaceReader
from bailiwick.policy.problems import Problems
from bailiwick.policy.rules import HIDDEN, Condition, RuleEffect
from bailiwick.shapes import did_you_mean

UNKNOWN = "unknown"
DEFAULT_ANONYMIZERS: Mapping[str, str] = {
    **dict.fromkeys(NETWORKS, "trust"),
    "tor": "hidden",
    "residential_proxy": "hidden",
    "proxy": "hidden",
    "vpn": "hidden",
    UNKNOWN: "trust",
}
"""Whether each network class hides the address, where the policy does not say."""


class ConditionReader:
    """Reads conditions for the rules of one file."""

    def __init__(
        self, places: PlaceReader, problems: Problems, anonymizers: Mapping[str, str]
    ) -> None:
        self.places = places
        self.problems = problems
        self.hidden = frozenset(name for name, how in anonymizers.items() if how == "hidden")

    def where(
        self, given: Mapping[str, Any], effect: RuleEffect, path: Path
    ) -> tuple[Condition, ...]:
        """Read conditions that must all hold, with the one that the address implies."""
        conditions = list(self._each(given, effect, path))
        if given.get("hidden") == "ok" and "address" not in given:
            self.problems.warn((*path, "hidden"), "`hidden: ok` has no effect without `address`")
        if any(one.dimension == "address" for one in conditions) and "hidden" not in given:
            conditions.extend(self._implied(effect))
        return tuple(conditions)

    def where_any(
        self, given: Mapping[str, Any], effect: RuleEffect, path: Path
    ) -> tuple[tuple[Condition, ...], ...]:
        """Read conditions of which one must hold; an address implies its own."""
        if "hidden" in given and given["hidden"] == "ok":
            self.problems.error(
                (*path, "hidden"),
                "`hidden: ok` is not a condition by itself",
                "write it in `where`, beside `address`",
            )
        return tuple(
            (one, *self._implied(effect)) if one.dimension == "address" else (one,)
            for one in self._each(given, effect, path)
        )

    def _implied(self, effect: RuleEffect) -> Iterator[Condition]:
        """Make a permit fail where an anonymizer hides its address; a deny takes it as it is."""
        classes = self.hidden - {UNKNOWN}
        if not effect.is_strict and self.hidden:
            yield Condition(
                HIDDEN, choices=classes, negated=True, unknown=UNKNOWN not in self.hidden
            )

    def _each(
        self, given: Mapping[str, Any], effect: RuleEffect, path: Path
    ) -> Iterator[Condition]:
        if not given:
            self.problems.error(path, f"`{path[-1]}` is empty", "remove it, or name a condition")
        for key, value in given.items():
            here = (*path, key)
            if key == HIDDEN:
                yield from self._hidden(value, effect, here)
            elif key in {"ownership", "end_user"}:
                yield from self._nested(key, value, here)
            else:
                yield from self._plain(key, value, here)

    def _hidden(self, value: Any, effect: RuleEffect, path: Path) -> Iterator[Condition]:
        if not isinstance(value, str) or value not in {"ok", "yes", "no"}:
            self.problems.error(path, f"`hidden` is `ok`, `yes` or `no`, not `{value}`")
        elif value == "ok" and effect.is_strict:
            self.problems.error(
                path,
                f"`hidden: ok` goes with a permit; a {effect.value} takes the address as it is",
                "write `hidden: yes` to match hidden addresses only",
            )
        elif value in {"yes", "no"}:
            unknown = (UNKNOWN in self.hidden) == (value == "yes")
            yield Condition(
                HIDDEN, choices=self.hidden - {UNKNOWN}, negated=value == "no", unknown=unknown
            )

    def _nested(self, key: str, value: Any, path: Path) -> Iterator[Condition]:
        if not isinstance(value, dict) or not value:
            self.problems.error(
                path,
                f"`{key}` needs named conditions",
                "as in `ownership: {ofac-50: yes}` or `end_user: {place: eu}`",
            )
            return
        for name, inner in value.items():
            if key == "ownership" and name not in self.places.names.ownership:
                self.problems.error(
                    (*path, name),
                    f"unknown ownership rule `{name}`",
                    did_you_mean(name, self.places.names.ownership)
                    or "define it under `ownership`",
                )
            yield from self._plain(f"{key}.{name}", inner, (*path, name))

    def _plain(self, key: str, value: Any, path: Path) -> Iterator[Condition]:
        known = dimension(key)
        if known is None or (key.startswith(OWNERSHIP_PREFIX) and path[-1] == key):
            hints = {
                "model": "name the models after `permit`, `deny`, `restrict` or `exempt`",
                "time": "use `from` and `until` of the rule",
            }
            hint = hints.get(key) or did_you_mean(
                key, {*DIMENSIONS, HIDDEN, "ownership", "end_user"}
            )
            self.problems.key(path, f"unknown condition `{key}`", hint)
        elif known.kind is Kind.SET:
            yield from self._set(known, value, path)
        else:
            yield from self._values(known, value, path)

    def _values(self, known: Dimension, value: Any, path: Path) -> Iterator[Condition]:
        given, negated, unknown = self._spelled(known, value, path)
        unknown = unknown or UNKNOWN in given
        if negated and UNKNOWN in given:
            self.problems.error(
                path,
                "`unknown` cannot stand under `not`",
                "write `unknown: ok` beside `not` if unknown satisfies the condition",
            )
        texts = [text for text in given if text != UNKNOWN]
        condition = Condition(known.name, negated=negated, unknown=unknown)
        if known.kind in {Kind.PLACE, Kind.ALL_PLACES}:
            sets = [
                found for text in texts if (found := self.places.resolve(text, path)) is not None
            ]
            yield replace(condition, places=tuple(sets))
            return
        for text in texts:
            if known.values and text not in known.values:
                self.problems.error(
                    path,
                    f"`{known.name}`: unknown value `{text}`",
                    did_you_mean(text, known.values),
                )
        yield replace(condition, choices=frozenset(texts))

    def _spelled(self, known: Dimension, value: Any, path: Path) -> tuple[list[str], bool, bool]:
        """Read ``x``, ``[x, y]``, ``{in: ...}`` or ``{not: ...}``, each with ``unknown: ok``."""
        if not isinstance(value, dict):
            return self._texts(value, path), False, False
        self._only(value, {"in", "not", UNKNOWN}, path)
        if ("in" in value) == ("not" in value):
            self.problems.error(path, f"`{known.name}` needs either `in` or `not`")
            return [], False, False
        negated = "not" in value
        key = "not" if negated else "in"
        return self._texts(value[key], (*path, key)), negated, self._unknown_ok(value, path)

    def _set(self, known: Dimension, value: Any, path: Path) -> Iterator[Condition]:
        if not isinstance(value, dict):
            texts = self._texts(value, path)
            names = frozenset(texts) - {UNKNOWN}
            if texts and not names:
                self.problems.error(
                    path,
                    f"`{known.name}` lists nothing but `unknown`",
                    "name what it may be as well; any known set would satisfy this",
                )
            self._names(known, names, path)
            yield Condition(known.name, any_of=names, unknown=UNKNOWN in texts)
            return
        self._only(value, {"any", "all", "none", UNKNOWN}, path)
        if not value.keys() & {"any", "all", "none"}:
            self.problems.error(path, f"`{known.name}` needs `any`, `all` or `none`")
        parts = {
            key: frozenset(self._texts(value[key], (*path, key))) if key in value else frozenset()
            for key in ("any", "all", "none")
        }
        self._names(known, frozenset().union(*parts.values()), path)
        yield Condition(
            known.name,
            any_of=parts["any"],
            all_of=parts["all"],
            none_of=parts["none"],
            unknown=self._unknown_ok(value, path),
        )

    def _names(self, known: Dimension, names: frozenset[str], path: Path) -> None:
        for text in sorted(names):
            if text == UNKNOWN:
                self.problems.error(
                    path,
                    "`unknown` is not a name",
                    "write `unknown: ok` if unknown satisfies the condition",
                )
            elif known.values and text not in known.values:
                self.problems.error(
                    path,
                    f"`{known.name}`: unknown value `{text}`",
                    did_you_mean(text, known.values),
                )

    def _unknown_ok(self, value: Mapping[str, Any], path: Path) -> bool:
        if UNKNOWN in value and value[UNKNOWN] != "ok":
            self.problems.error(
                (*path, UNKNOWN), f"`unknown` here is `ok` or left out, not `{value[UNKNOWN]}`"
            )
        return UNKNOWN in value

    def _only(self, value: Mapping[str, Any], keys: set[str], path: Path) -> None:
        for key in value.keys() - keys:
            self.problems.key((*path, key), f"unknown key `{key}`", did_you_mean(key, keys))

    def _texts(self, value: Any, path: Path) -> list[str]:
        texts = value if isinstance(value, list) else [value]
        if not texts:
            self.problems.error(
                path,
                f"`{path[-1]}` is empty",
                'an empty list is never "anywhere" or "nobody"; remove the key',
            )
        if not all(isinstance(text, str) for text in texts):
            self.problems.error(path, f"`{path[-1]}` needs a name or a list of names")
            return []
        if "" in texts:
            self.problems.error(path, f"`{path[-1]}` has an empty name")
        for text in sorted({one for one in texts if texts.count(one) > 1}):
            self.problems.error(path, f"`{text}` is listed twice")
        return texts
