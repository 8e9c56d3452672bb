"""From catalogue files to one ``Catalog``: read strictly, lay one over the other, check the whole.

Every model is a flat draft, field name to value, until all files are read; so a later file wins
field by field and each difference can be told. Every problem of every file is reported at once.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from bailiwick.catalog.fields import EntryFields
from bailiwick.catalog.model import Catalog, Change, Features, Modalities, Model, Source, Sourced
from bailiwick.catalog.names import Names
from bailiwick.catalog.schema import REFUSALS, CatalogFile, Entry
from bailiwick.documents import Document, Path
from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.shapes import keys_at, shape_problems

Draft = dict[str, Any]
FORMAT = "bailiwick catalogue 1"
"""Part of the digest: raised if the same content comes to mean something else."""


def _known_keys(path: Path) -> set[str]:
    return keys_at(CatalogFile.model_json_schema(), path)


def load_catalog(documents: Iterable[Document]) -> Catalog:
    """Lay ``documents`` over one another, later ones on top.

    Raises ``InvalidInput`` with every problem found in any of them.
    """
    merge = _Merge()
    for document in documents:
        merge.add(document)
    return merge.catalog()


@dataclass(slots=True)
class _Merge:
    """The drafts so far and what is wrong with them."""

    drafts: dict[str, Draft] = field(default_factory=dict)
    providers: dict[str, Draft] = field(default_factory=dict)
    first: dict[str, Position] = field(default_factory=dict)
    """Where each model is first given."""
    broken: set[str] = field(default_factory=set)
    """Keys of what could not be read; nothing is said to be missing from it."""
    names: Names = field(default_factory=Names)
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, document: Document) -> None:
        file, broken = self._read(document)
        self.broken |= broken
        for name, provider in file.providers.items():
            known = self.providers.setdefault(name, {})
            path = ("providers", name)
            self._lay(f"provider {name}", known, dict(provider), document, path)
        for id_, entry in file.models.items():
            unsourced = self._entry(id_, entry, file, document)
            if id_ not in self.broken and not broken & {"defaults", "sources"}:
                self.problems += unsourced

    def _read(self, document: Document) -> tuple[CatalogFile, set[str]]:
        """Read what can be read, and say which keys could not: those are reported here."""
        try:
            return CatalogFile.model_validate(document.value), set()
        except ValidationError as error:
            self.problems += shape_problems(error, document, _known_keys, REFUSALS)
            broken = {one["loc"][:2] for one in error.errors()}
        rest = {"catalog": "1", **_without(document.value, broken)}
        return CatalogFile.model_validate(rest), {str(part) for path in broken for part in path}

    def _entry(
        self, id_: str, entry: Entry, file: CatalogFile, document: Document
    ) -> list[Problem]:
        path: Path = ("models", id_)
        here = document.key_position(path)
        self.first.setdefault(id_, here)
        self.names.claim_id(id_, here)
        self._claim_aliases(id_, entry, document)
        known = self.drafts.setdefault(id_, {})
        reader = EntryFields(entry, file, document, path, known)
        self._lay(id_, known, dict(reader.read()), document, path)
        return reader.problems

    def _claim_aliases(self, id_: str, entry: Entry, document: Document) -> None:
        for channel, names in entry.aliases.items():
            for index, name in enumerate(names):
                here = document.position(("models", id_, "aliases", channel, index))
                self.names.claim(name, id_, here, channel)

    def _lay(self, subject: str, known: Draft, new: Draft, document: Document, path: Path) -> None:
        for name, value in new.items():
            if name in known and known[name] != value:
                here = document.position((*path, *name.split(".", 1)))
                change = Change(subject, name, _said(known[name]), _said(value), here)
                self.changes.append(change)
            known[name] = value

    def catalog(self) -> Catalog:
        for id_ in self.drafts.keys() - self.broken:
            self.problems += self._incomplete(id_, self.drafts[id_])
        problems = dict.fromkeys(self.problems + self.names.problems)
        if problems:
            raise InvalidInput(sorted(problems, key=_where))
        models = {id_: self._model(id_, self.drafts[id_]) for id_ in sorted(self.drafts)}
        names = MappingProxyType(self.names.table)
        return Catalog(MappingProxyType(models), tuple(self.changes), _digest(models, names), names)

    def _incomplete(self, id_: str, draft: Draft) -> Iterator[Problem]:
        provider, here = id_.partition("/")[0], self.first[id_]
        if provider not in self.providers and provider not in self.broken:
            help_ = f"add `{provider}: {{country: ...}}` under `providers`"
            yield Problem(f"model `{id_}`: unknown provider `{provider}`", help_, here)
        for name in ("family", "openness"):
            if name not in draft:
                yield Problem(f"model `{id_}`: `{name}` is missing", self._near(id_), here)

    def _near(self, id_: str) -> str:
        near = get_close_matches(id_, self.drafts.keys() - {id_}, 1, 0.9)
        return f"did you mean `{near[0]}`?" if near else "a new model needs it"

    def _model(self, id_: str, draft: Draft) -> Model:
        provider = id_.partition("/")[0]
        return Model(
            id=id_,
            provider=provider,
            provider_country=self.providers[provider]["country"],
            family=draft["family"],
            openness=draft["openness"],
            origin=draft["origin"],
            aliases=_under(draft, "aliases"),
            context_tokens=draft.get("context_tokens"),
            output_tokens=draft.get("output_tokens"),
            modalities=draft.get("modalities"),
            features=draft.get("features"),
            prices=_under(draft, "prices"),
            scores=_under(draft, "scores"),
        )


def _without(value: object, broken: Collection[tuple[str | int, ...]]) -> dict[str, Any]:
    """Copy a file without the entries at ``broken`` (one or two keys deep)."""
    whole = value if isinstance(value, dict) else {}
    kept = {key: part for key, part in whole.items() if (key,) not in broken and key != "catalog"}
    for key, part in kept.items():
        if isinstance(part, dict):
            kept[key] = {name: one for name, one in part.items() if (key, name) not in broken}
    return kept


def _under(draft: Draft, name: str) -> Mapping[str, Any]:
    prefix = f"{name}."
    keys = sorted(key for key in draft if key.startswith(prefix))
    return MappingProxyType({key.removeprefix(prefix): draft[key] for key in keys})


def _where(problem: Problem) -> Position:
    return problem.position or Position("")


def _said(value: object) -> str:
    if isinstance(value, Sourced):
        return f"{_said(value.value)} ({value.status}, {value.as_of}, {value.source})"
    if isinstance(value, Source):
        return f"{value.status}, {value.as_of}, {value.source}"
    if isinstance(value, Modalities):
        return f"{_said(value.input)} -> {_said(value.output)}"
    if isinstance(value, Features):
        return f"{_said(value.has)}; not {_said(value.lacks)}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _digest(models: Mapping[str, Model], names: Mapping[str, str]) -> str:
    text = json.dumps([FORMAT, models, names], default=_plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {part.name: getattr(value, part.name) for part in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
