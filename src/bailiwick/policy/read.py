"""Read a policy: text in, a ``Policy`` with all its names resolved out, or every problem found."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache

from pydantic import ValidationError

from bailiwick.catalog import Catalog, load_catalog
from bailiwick.documents import Document, Path, Value, parse_document
from bailiwick.errors import InvalidInput, Problem
from bailiwick.facts import DIMENSIONS, NETWORKS, OWNERSHIP_PREFIX, read_facts
from bailiwick.places import canonical
from bailiwick.policy.builtin import AUTHORITY as BUILTIN
from bailiwick.policy.builtin import feature_denials, status_rules
from bailiwick.policy.conditions import DEFAULT_ANONYMIZERS, ConditionReader
from bailiwick.policy.fallback import Order
from bailiwick.policy.findings import read_findings, read_review
from bailiwick.policy.headers import check_headers
from bailiwick.policy.mend import mended
from bailiwick.policy.names import ModelReader, Names, PlaceReader, define_places
from bailiwick.policy.problems import Problems, raise_if_errors
from bailiwick.policy.rules import (
    COUNTABLE,
    Acknowledgement,
    Example,
    Fallback,
    Finding,
    Obligations,
    OwnershipRule,
    Policy,
    Quota,
    Refusal,
    Rule,
    RuleEffect,
    RuleSet,
)
from bailiwick.policy.shape import (
    ExampleShape,
    FallbackShape,
    ModelGroupShape,
    OwnershipShape,
    PolicyShape,
    RestrictionShape,
    RuleShape,
    known_keys,
)
from bailiwick.shapes import did_you_mean, shape_problems

Loader = Callable[[str, str], tuple[str, str]]
"""``(reference, from_file)`` to ``(file, text)``; raises ``OSError`` where there is nothing."""

MAIN_ONLY = ("catalog", "use", "evidence", "anonymizers", "refusal", "review", "authority")
NOT_USED = ("refusal", "review", "fallback", "accounts", "acknowledge")
"""Keys that only the policy itself can have; a rule set that it uses has them for itself alone."""
MAX_FILES = 64


def no_files(reference: str, from_file: str) -> tuple[str, str]:
    """Load nothing: for policies that stand alone."""
    raise FileNotFoundError(f"`{from_file}` cannot name other files here: {reference}")


def read_policy(text: str, file: str, catalog: Catalog, load: Loader = no_files) -> Policy:
    """Read the policy in ``text`` and the files that it includes or uses.

    Raises ``InvalidInput`` with all problems; what is only doubtful is in ``Policy.warnings``.
    """
    return _PolicyReader(catalog, load).read(text, file)


@lru_cache(maxsize=2)  # for the catalogue that it names, and then for its rules
def _parsed(text: str, file: str) -> Document:
    return parse_document(text, file)


def catalog_references(text: str, file: str) -> tuple[str, ...]:
    """List the catalogue files that a policy names, before it can be read against them."""
    value = _parsed(text, file).value
    named = value.get("catalog") if isinstance(value, dict) else None
    return tuple(
        str(one) for one in (named if isinstance(named, list) else [named] if named else ())
    )


def extended_catalog(text: str, file: str, base: Iterable[Document], load: Loader) -> Catalog:
    """Load ``base`` and the catalogue files that the policy names, as one catalogue."""
    documents = list(base)
    for reference in catalog_references(text, file):
        try:
            name, content = load(reference, file)
        except OSError as error:
            position = _parsed(text, file).position(("catalog",))
            raise InvalidInput.of(
                f"catalogue `{reference}` cannot be read: {error.strerror or error}", None, position
            ) from None
        documents.append(parse_document(content, name))
    return load_catalog(documents)


@dataclass(slots=True)
class _RuleSet:
    """One authority's files, read in one go: they share their names."""

    authority: str
    prefix: str
    names: Names
    required: frozenset[str] = frozenset()
    anonymizers: Mapping[str, str] = field(default_factory=lambda: DEFAULT_ANONYMIZERS)
    rules: list[Rule] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)
    files: list[tuple[PolicyShape, Document]] = field(default_factory=list)


class _PolicyReader:
    def __init__(self, catalog: Catalog, load: Loader) -> None:
        self.catalog = catalog
        self.load = load
        self.problems: list[Problem] = []
        self.sets: list[_RuleSet] = []
        self.read_files: dict[str, Value] = {}
        self.finished = True

    def read(self, text: str, file: str) -> Policy:
        main = self._rule_set(text, file, prefix="")
        policy = self._assemble(main) if main else None
        raise_if_errors(self.problems)
        assert policy is not None  # noqa: S101 - without a main file there was an error above
        return policy

    # -- files ---------------------------------------------------------------------------------

    def _rule_set(self, text: str, file: str, prefix: str) -> _RuleSet | None:
        loaded = self._file(text, file)
        if loaded is None:
            return None
        shape, document = loaded
        made = _RuleSet(shape.authority, prefix, Names(self.catalog))
        made.files.append(loaded)
        self._header(made, shape, Problems(document, self.problems))
        self._include(made, shape, document)
        self.sets.append(made)
        self._resolve(made)
        for index, reference in enumerate(shape.use or ()):
            self._use(reference, document, ("use", index))
        return made

    def _file(self, text: str, file: str) -> tuple[PolicyShape, Document] | None:
        try:
            document = _parsed(text, file)
        except InvalidInput as error:
            self.problems.extend(error.problems)
            return None
        self.read_files[file] = document.value
        problems = Problems(document, self.problems)
        if not is_finished(text):
            self.finished = False
            problems.note(
                (),
                "nothing marks the end of the file, so a copy that was cut short may pass for it",
                "end the file with a line `...`",
                code="unfinished",
            )
        if not isinstance(document.value, dict):
            problems.error((), "a policy is a mapping of keys", "begin with `bailiwick: 1`")
            return None
        try:
            return PolicyShape.model_validate(document.value), document
        except ValidationError as failed:
            self.problems += shape_problems(failed, document, known_keys)
            shape = mended(document, failed)
            return (shape, document) if shape else None

    def _include(self, into: _RuleSet, shape: PolicyShape, document: Document) -> None:
        for index, reference in enumerate(shape.include or ()):
            path: Path = ("include", index)
            loaded = self._load(reference, document, path)
            if loaded is None:
                continue
            part, part_document = loaded
            into.files.append(loaded)
            problems = Problems(part_document, self.problems)
            for key in MAIN_ONLY:
                if key in part.model_fields_set:
                    problems.key((key,), f"`{key}` belongs in the main file of a rule set")
            self._include(into, part, part_document)

    def _use(self, reference: str, document: Document, path: Path) -> None:
        loaded = self._load_text(reference, document, path)
        if loaded is None:
            return
        file, text = loaded
        problems, prefix = Problems(document, self.problems), f"{_set_name(reference)}#"
        if any(one.prefix == prefix for one in self.sets):
            problems.error(
                path,
                f"two rule sets are called `{prefix[:-1]}`",
                "the ids of their rules begin with that name; rename one of the files",
            )
            return
        used = self._rule_set(text, file, prefix)
        if used is None:
            return
        shape, used_document = used.files[0]
        for key in NOT_USED:
            if key in shape.model_fields_set:
                Problems(used_document, self.problems).note(
                    (key,), f"`{key}` of a rule set that is used is not read"
                )
        for place in shape.unnamed_exceptions or ():
            if canonical(place) != place:
                Problems(used_document, self.problems).error(
                    ("unnamed_exceptions", place), f"unknown place `{place}`"
                )
        if used.authority in {one.authority for one in self.sets if one is not used}:
            problems.error(
                path,
                f"`{reference}` has the same authority as another rule set, `{used.authority}`",
                "files of the same owner go under `include`; another owner's says `authority`",
            )

    def _load(
        self, reference: str, document: Document, path: Path
    ) -> tuple[PolicyShape, Document] | None:
        loaded = self._load_text(reference, document, path)
        return self._file(loaded[1], loaded[0]) if loaded else None

    def _load_text(self, reference: str, document: Document, path: Path) -> tuple[str, str] | None:
        problems = Problems(document, self.problems)
        try:
            file, text = self.load(reference, document.file)
        except (OSError, UnicodeDecodeError) as error:
            problems.error(
                path, f"`{reference}` cannot be read: {getattr(error, 'strerror', None) or error}"
            )
            return None
        if file in self.read_files:
            problems.error(path, f"`{reference}` is read twice, or includes itself")
            return None
        if len(self.read_files) >= MAX_FILES:
            problems.error(path, f"a policy of more than {MAX_FILES} files")
            return None
        return file, text

    # -- one rule set --------------------------------------------------------------------------

    def _header(self, made: _RuleSet, shape: PolicyShape, problems: Problems) -> None:
        required = (shape.evidence.required if shape.evidence else None) or ()
        made.required = frozenset(required)
        for name in shape.anonymizers or ():
            if name not in DEFAULT_ANONYMIZERS:
                problems.key(
                    ("anonymizers", name),
                    f"unknown network class `{name}`",
                    did_you_mean(name, {*NETWORKS, "unknown"}),
                )
        made.anonymizers = {**DEFAULT_ANONYMIZERS, **(shape.anonymizers or {})}

    def _dimensions(
        self, made: _RuleSet, names: Iterable[str], problems: Problems, path: Path
    ) -> None:
        known = {*DIMENSIONS, "ownership", "end_user"}
        known |= {OWNERSHIP_PREFIX + name for name in made.names.ownership}
        for index, name in enumerate(names):
            if name not in known:
                problems.error(
                    (*path, index), f"unknown dimension `{name}`", did_you_mean(name, known)
                )

    def _resolve(self, made: _RuleSet) -> None:
        """Names first, from all files; then the rules that use them."""
        readers = [self._readers(made, document) for _, document in made.files]
        for shape, _ in made.files:
            made.names.ownership.update(shape.ownership or ())
        define_places(
            (places, shape.places or {})
            for (shape, _), (places, _, _) in zip(made.files, readers, strict=True)
        )
        first, document = made.files[0]
        required = (first.evidence.required if first.evidence else None) or ()
        self._dimensions(
            made, required, Problems(document, self.problems), ("evidence", "required")
        )
        for (shape, _), (_, models, _) in zip(made.files, readers, strict=True):
            models.define(shape.models or {}, ("models",))
        for (shape, document), (_, models, conditions) in zip(made.files, readers, strict=True):
            for index, rule in enumerate(shape.rules or ()):
                problems = Problems(document, self.problems)
                made.rules.append(
                    self._rule(made, rule, models, conditions, problems, ("rules", index))
                )
        for shape, document in made.files:
            self._lifts_exist(made, shape, Problems(document, self.problems))

    def _readers(
        self, made: _RuleSet, document: Document
    ) -> tuple[PlaceReader, ModelReader, ConditionReader]:
        problems = Problems(document, self.problems)
        places = PlaceReader(made.names, problems)
        return (
            places,
            ModelReader(made.names, places, problems),
            ConditionReader(places, problems, made.anonymizers),
        )

    def _rule(
        self,
        made: _RuleSet,
        shape: RuleShape,
        models: ModelReader,
        conditions: ConditionReader,
        problems: Problems,
        path: Path,
    ) -> Rule:
        effect = shape.effect
        if shape.id in made.positions:
            problems.error(
                (*path, "id"),
                f"rule `{shape.id}` is defined twice",
                f"first at {made.positions[shape.id]}",
            )
        made.positions[shape.id] = str(problems.document.position(path))
        if shape.id.startswith(f"{BUILTIN}."):
            problems.error((*path, "id"), f"`{shape.id}` is the name of a built-in rule")
        where = self._where(shape, problems, path)
        self._dimensions(made, shape.requires or (), problems, (*path, "requires"))
        selector = getattr(shape, effect.value)
        rule = Rule(
            id=made.prefix + shape.id,
            effect=effect,
            models=self._models(selector, models, (*path, effect.value)),
            authority=shape.authority or made.authority,
            where=conditions.where(where, effect, (*path, "where")) if where is not None else (),
            where_any=conditions.where_any(shape.where_any, effect, (*path, "where_any"))
            if shape.where_any is not None
            else (),
            from_at=shape.from_,
            until_at=shape.until,
            absolute=bool(shape.absolute),
            lifts=frozenset(made.prefix + one for one in shape.lifts or ()),
            obligations=_obligations(made.prefix + shape.id, shape.to),
            basis=shape.basis,
            selector=tuple(selector) if isinstance(selector, list) else ("(group)",),
            position=problems.document.position(path),
        )
        if effect is RuleEffect.EXEMPT:
            self._exempt(shape, rule, problems, path)
        self._features(shape, problems, path)
        if shape.to is not None and shape.to.headers is not None:
            check_headers(shape.to.headers, problems, (*path, "to", "headers"))
        rule = _with_required(rule, made.required | frozenset(shape.requires or ()))
        self._requires(shape, rule, problems, (*path, "requires"))
        return rule

    def _where(self, shape: RuleShape, problems: Problems, path: Path) -> dict[str, Value] | None:
        if shape.labels is None:
            return shape.where
        if "labels" in (shape.where or {}):
            problems.error(
                (*path, "labels"),
                f"rule `{shape.id}` has two conditions on labels",
                "keep the one in `where`",
            )
        return {**(shape.where or {}), "labels": shape.labels}

    def _models(
        self, selector: list[str] | ModelGroupShape, models: ModelReader, path: Path
    ) -> frozenset[str]:
        if isinstance(selector, list):
            return models.select(selector, path)
        return models.group(selector, path)

    def _exempt(self, shape: RuleShape, rule: Rule, problems: Problems, path: Path) -> None:
        named = [one for one in rule.where if one.any_of or one.all_of]
        named = [one for one in named if one.dimension in {"labels", "principal"}]
        if not named:
            problems.error(
                path,
                f"exemption `{shape.id}` names nobody",
                "give `labels` or `where: {principal: ...}`",
            )
        elif all(one.unknown for one in named):
            problems.warn(
                path,
                f"exemption `{shape.id}` is also for principals of whom nothing is known",
                "remove `unknown: ok`",
            )
        if rule.until_at is None:
            problems.error(
                path, f"exemption `{shape.id}` has no end", "give `until`; exemptions are dated"
            )
        every = frozenset(self.catalog.models)
        if "*" in rule.selector or every == rule.models != frozenset(rule.selector):
            problems.error(
                (*path, "exempt"), f"exemption `{shape.id}` is for every model", "name the models"
            )

    def _features(self, shape: RuleShape, problems: Problems, path: Path) -> None:
        features = shape.to.features.deny if shape.to and shape.to.features else ()
        for name in features:
            if name not in DIMENSIONS["features"].values:
                problems.error(
                    (*path, "to", "features", "deny"),
                    f"unknown feature `{name}`",
                    did_you_mean(name, DIMENSIONS["features"].values),
                )

    def _requires(self, shape: RuleShape, rule: Rule, problems: Problems, path: Path) -> None:
        named = {part for fact in rule.required for part in (fact, fact.split(".")[0])}
        for name in shape.requires or ():
            if rule.effect.is_strict and name not in named:
                problems.warn(
                    path,
                    f"rule `{shape.id}` requires `{name}` and has no condition on it",
                    "it changes nothing",
                )

    def _lifts_exist(self, made: _RuleSet, shape: PolicyShape, problems: Problems) -> None:
        known = {rule.id.removeprefix(made.prefix): rule for rule in made.rules}
        for index, one in enumerate(shape.rules or ()):
            for lifted in one.lifts or ():
                path = ("rules", index, "lifts")
                target = known.get(lifted)
                if target is None:
                    problems.error(
                        path,
                        f"exemption `{one.id}` lifts an unknown rule `{lifted}`",
                        did_you_mean(lifted, known),
                    )
                elif target.absolute:
                    problems.error(path, f"rule `{lifted}` is absolute; no exemption lifts it")
                elif not target.effect.is_strict:
                    problems.error(
                        path,
                        f"rule `{lifted}` is a {target.effect.value}, which is not lifted",
                    )

    # -- the whole -----------------------------------------------------------------------------

    def _assemble(self, main: _RuleSet) -> Policy:
        shape, document = main.files[0]
        problems = Problems(document, self.problems)
        models = frozenset(self.catalog.models)
        uncontrolled = frozenset(main.names.uncontrolled - main.names.kept_controlled)
        controlled = models - uncontrolled
        rules = [rule for one in self.sets for rule in one.rules]
        self._owners()
        if not any(rule.effect is RuleEffect.PERMIT for rule in rules):
            problems.warn(
                (),
                "no rule permits anything, so every request is denied",
                "add a rule with `permit`",
            )
        return Policy(
            name=shape.name,
            rules=(*rules, *_derived(rules), *status_rules(models, controlled)),
            models=models,
            controlled=controlled,
            place_groups=dict(main.names.places),
            model_groups=dict(main.names.models),
            anonymizers=main.anonymizers,
            max_age_s=dict((shape.evidence.max_age if shape.evidence else None) or {}),
            refusal=self._refusal(shape, problems),
            examples=tuple(self._examples(main, rules)),
            findings=tuple(self._findings(main, rules)),
            ownership=self._ownership(),
            review=read_review(shape.review, problems),
            digest=_digest(self.read_files, self.catalog),
            acknowledged=tuple(self._acknowledged(main, rules)),
            about=shape.about,
            source=shape.source,
            as_of=shape.as_of,
            files=tuple(self.read_files),
            fallbacks=tuple(self._fallbacks(main, rules)),
            rule_sets=tuple(_described(one) for one in self.sets),
            finished=self.finished,
            warnings=tuple(self.problems),
        )

    def _owners(self) -> None:
        """Report rules that speak for the authority of another rule set: they could widen it."""
        owners: dict[str, _RuleSet | None] = {one.authority: one for one in self.sets}
        owners[BUILTIN] = None
        for one in self.sets:
            for rule in one.rules:
                if owners.setdefault(rule.authority, one) is not one:
                    message = (
                        f"rule `{rule.id}` speaks for `{rule.authority}`, which is not its own"
                    )
                    hint = "write the rule in the rule set of that owner"
                    self.problems.append(Problem(message, hint, rule.position))

    def _refusal(self, shape: PolicyShape, problems: Problems) -> Refusal:
        given = shape.refusal
        if given is None:
            return Refusal()
        for key in ("blocked_by", "appeal", "exemption"):
            text = getattr(given, key)
            if text is not None and not re.fullmatch(r"https?://[!#-;=?-~]+", text):
                problems.error(
                    ("refusal", key), f"`{text}` is not a URL", "it begins with https://"
                )
        return Refusal(
            int(given.status), given.message, given.blocked_by, given.appeal, given.exemption
        )

    def _fallbacks(self, main: _RuleSet, rules: list[Rule]) -> Iterator[Fallback]:
        governed = {
            id_ for rule in rules if rule.effect is RuleEffect.PERMIT for id_ in rule.models
        }
        for shape, document in main.files:
            _, models, _ = self._readers(main, document)
            for name, one in (shape.fallback or {}).items():
                path: Path = ("fallback", name)
                found = self._models(one.of, models, (*path, "of"))
                order = Order.of(one, _candidates(one, models, (*path, "to")))
                candidates = tuple(order.sorted(self.catalog, governed))
                if not candidates:
                    Problems(document, self.problems).warn(
                        path,
                        f"fallback `{name}` has no model to turn to",
                        "no rule permits one that it names, or the catalogue lacks their figures",
                        code="fallback.none",
                    )
                when = frozenset(one.when or ("denied", "refused"))
                always, translate = one.opt_in == "policy", bool(one.translate)
                yield Fallback(name, found, candidates, when, always, translate)

    def _findings(self, main: _RuleSet, rules: list[Rule]) -> Iterator[Finding]:
        permits = {rule.id: rule for rule in rules if rule.effect is RuleEffect.PERMIT}
        for shape, document in main.files:
            problems = Problems(document, self.problems)
            yield from read_findings(shape.accounts or {}, permits, problems)

    def _acknowledged(self, main: _RuleSet, rules: list[Rule]) -> Iterator[Acknowledgement]:
        ids, known = {rule.id for rule in rules}, {*DIMENSIONS, *NOT_FACTS, "ownership", "end_user"}
        for shape, document in main.files:
            problems = Problems(document, self.problems)
            for index, one in enumerate(shape.acknowledge or ()):
                path: Path = ("acknowledge", index)
                for name in set(one.of) - known:
                    if not name.startswith(OWNERSHIP_PREFIX):
                        hint = did_you_mean(name, known)
                        problems.error((*path, "of"), f"unknown dimension `{name}`", hint)
                for name in set(one.rules or ()) - ids:
                    hint = did_you_mean(name, ids)
                    problems.error((*path, "rules"), f"no rule is called `{name}`", hint)
                yield Acknowledgement(
                    frozenset((*(one.cloud or ()), *(one.edge or ()))),
                    frozenset(one.of),
                    one.by,
                    frozenset(one.rules or ()),
                    one.note,
                    document.position(path),
                )

    def _ownership(self) -> dict[str, OwnershipRule]:
        """Read the tests of every rule set: a rule of any of them may ask for the outcome."""
        found: dict[str, OwnershipRule] = {}
        for made in self.sets:
            for shape, document in made.files:
                problems = Problems(document, self.problems)
                places = PlaceReader(made.names, problems)
                for name, one in (shape.ownership or {}).items():
                    path: Path = ("ownership", name)
                    if name in found:
                        problems.key(
                            path,
                            f"ownership test `{name}` is defined twice",
                            f"first at {found[name].position}",
                        )
                    found[name] = _ownership_rule(name, one, places, path)
        return found

    def _wanted(self, example: ExampleShape, problems: Problems, path: Path) -> None:
        for key in example.want.keys() - WANTED:
            problems.key((*path, "want", key), f"unknown key `{key}`", did_you_mean(key, WANTED))
        effect = example.want.get("effect")
        if effect not in EFFECTS and not (effect is None and "findings" in example.want):
            problems.error(
                (*path, "want", "effect"),
                f"a test wants an `effect`, one of {', '.join(f'`{one}`' for one in EFFECTS)}",
            )

    def _examples(self, main: _RuleSet, rules: list[Rule]) -> Iterator[Example]:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        exemptions = {rule.id for rule in rules if rule.effect is RuleEffect.EXEMPT}
        for shape, document in main.files:
            problems = Problems(document, self.problems)
            for index, one in enumerate(shape.tests or ()):
                path: Path = ("tests", index)
                try:
                    read_facts(one.facts, self.catalog, epoch)
                except InvalidInput as error:
                    for problem in error.problems:
                        problems.error((*path, "facts"), problem.message, problem.help)
                self._wanted(one, problems, path)
                for approved in set(one.approved or ()) - exemptions:
                    problems.error(
                        (*path, "approved"),
                        f"`{approved}` is no exemption of this policy",
                        did_you_mean(approved, exemptions),
                    )
                yield Example(
                    one.note,
                    one.facts,
                    one.want,
                    frozenset(one.approved or ()),
                    document.position(path),
                )


def _described(one: _RuleSet) -> RuleSet:
    shape, document = one.files[0]
    return RuleSet(
        one.authority,
        document.file,
        shape.source,
        shape.as_of,
        shape.complete is not False,
        dict(shape.unnamed_exceptions or {}),
    )


NOT_FACTS = {"obligations", "time", "model", "exemptions"}
"""What an acknowledgement can name besides dimensions."""


def _candidates(one: FallbackShape, models: ModelReader, path: Path) -> list[str] | None:
    """List the models that are named, group after group; ``None``: all."""
    if one.to is None:
        return None
    found: dict[str, None] = {}
    for text in one.to:
        found.update(dict.fromkeys(sorted(models.select([text], path))))
    return list(found)


WANTED = {
    "effect", "determining", "reasons", "contested", "denied_features", "quotas", "findings",
    "fallback",
}  # fmt: skip
"""What an embedded test can ask for."""
EFFECTS = ["permit", "deny", "undetermined"]


def _ownership_rule(
    name: str, shape: OwnershipShape, places: PlaceReader, path: Path
) -> OwnershipRule:
    where = (*path, "seeds", "headquarters")
    sets = (places.resolve(text, where) for text in shape.seeds.headquarters or ())
    return OwnershipRule(
        name=name,
        threshold=Fraction(shape.threshold.strip(">=% ")) / 100,
        strict=not shape.threshold.startswith(">="),
        listed=tuple(shape.seeds.listed or ()),
        headquarters=tuple(one for one in sets if one is not None),
        method=shape.method,
        interests=tuple(shape.interests or COUNTABLE[:1]),
        undisclosed=shape.undisclosed,
        if_headquarters_unknown=shape.if_headquarters_unknown,
        basis=shape.basis,
        source=shape.source,
        as_of=shape.as_of,
        position=places.problems.document.key_position(path),
    )


def _derived(rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        yield from feature_denials(rule)


def is_finished(text: str) -> bool:
    """Whether a file shows its own end: by YAML's mark, or by the brace that closes all of it."""
    return text.rstrip().endswith("\n...") or text.lstrip("\ufeff \t\r\n").startswith("{")


def _set_name(reference: str) -> str:
    return (
        reference.rsplit("/", 1)[-1].removesuffix(".yaml").removesuffix(".yml")
        if reference.endswith((".yaml", ".yml"))
        else reference
    )


def _with_required(rule: Rule, required: frozenset[str]) -> Rule:
    """Keep of ``required`` what the rule names, and only where it can matter."""
    if not rule.effect.is_strict:
        return rule
    named = {one.fact for disjunct in rule.disjuncts for one in disjunct}
    named |= {"features"} if rule.obligations.denied_features else set()
    kept = frozenset(fact for fact in named if fact in required or fact.split(".")[0] in required)
    return replace(rule, required=kept)


def _obligations(rule: str, shape: RestrictionShape | None) -> Obligations:
    if shape is None:
        return Obligations()
    quota = shape.quota
    return Obligations(
        quotas=(Quota(rule, quota.per, quota.by, quota.requests, quota.tokens),) if quota else (),
        headers=tuple(sorted((name.lower(), text) for name, text in (shape.headers or {}).items())),
        denied_features=frozenset(shape.features.deny) if shape.features else frozenset(),
        max_output_tokens=shape.max_output_tokens,
        max_input_tokens=shape.max_input_tokens,
        max_body_bytes=shape.max_body_bytes,
    )


def _digest(files: Mapping[str, Value], catalog: Catalog) -> str:
    """Hash what can change a decision; wording and embedded tests cannot."""
    parts = [
        {key: part for key, part in value.items() if key not in {"tests", "about", "acknowledge"}}
        for value in files.values()
        if isinstance(value, dict)
    ]
    canonical = json.dumps([parts, catalog.digest], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
