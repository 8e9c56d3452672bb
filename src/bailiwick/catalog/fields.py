"""One entry of a file as flat fields, each figure with its own source, date and status."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from bailiwick.catalog.model import Features, Modalities, Source, Sourced, Status
from bailiwick.catalog.schema import CatalogFile, Entry, Figure, Provenance, is_word
from bailiwick.documents import Document, Path
from bailiwick.errors import Problem


@dataclass(slots=True)
class EntryFields:
    """Reads the entry at ``path``; ``known`` is what earlier files said of the same model."""

    entry: Entry
    file: CatalogFile
    document: Document
    path: Path
    known: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list)
    """Figures without a source or date, once ``read`` has run."""

    def read(self) -> Iterator[tuple[str, Any]]:
        """Give each field that the entry speaks of, by its dotted name."""
        entry = self.entry
        for name in ("family", "openness"):
            if (value := getattr(entry, name)) is not None:
                yield name, value
        if "origin" not in self.known or entry.family or entry.openness:
            yield "origin", Source(*self._origin(Provenance(), ()))
        for channel, names in entry.aliases.items():
            before = self.known.get(f"aliases.{channel}", ())
            yield f"aliases.{channel}", tuple(sorted({*before, *names}))
        if (lists := entry.modalities) is not None:
            value = Modalities(tuple(sorted(set(lists.input))), tuple(sorted(set(lists.output))))
            yield "modalities", Sourced(value, *self._origin(lists, ("modalities",)))
        if (able := entry.features) is not None:
            features = Features(tuple(sorted(set(able.has))), tuple(sorted(set(able.lacks))))
            yield "features", Sourced(features, *self._origin(able, ("features",)))
        for path, figure in self._figures():
            yield ".".join(path), Sourced(figure.value, *self._origin(figure, path))

    def _figures(self) -> Iterator[tuple[tuple[str, ...], Figure[Any]]]:
        entry = self.entry
        found = [
            (("context_tokens",), entry.context_tokens),
            (("output_tokens",), entry.output_tokens),
            *((("prices", name), figure) for name, figure in entry.prices),
            *((("scores", name), figure) for name, figure in entry.scores.items()),
        ]
        return ((path, figure) for path, figure in found if figure is not None)

    def _origin(self, own: Provenance, path: Path) -> tuple[str, date, Status]:
        """Find source, date and status: the figure's, else the entry's, else the file's."""
        levels = [
            self._expanded(own, (*self.path, *path)),
            self._expanded(self.entry, self.path),
            self._expanded(self.file.defaults, ("defaults",)),
        ]
        source, as_of, status = (
            next((level[key] for level in levels if level[key]), None)
            for key in ("source", "as_of", "status")
        )
        for name, value in (("source", source), ("as_of", as_of)):
            if value is None:
                self._report_missing(name, path)
        return source or "", as_of or date.min, status or Status.REPORTED

    def _expanded(self, level: Provenance, path: Path) -> dict[str, Any]:
        """Write a source that is given by its name out in full."""
        said = level.model_dump(include={"source", "as_of", "status"})
        named = self.file.sources.get(level.source or "")
        if named is not None:
            return {
                "source": named.url,
                "as_of": level.as_of or named.as_of,
                "status": level.status or named.status,
            }
        if level.source is not None and is_word(level.source):
            help_ = "give it under `sources` of this file, or write a URL or a description"
            here = self.document.position((*path, "source"))
            self.problems.append(Problem(f"unknown source `{level.source}`", help_, here))
        return said

    def _report_missing(self, name: str, path: Path) -> None:
        what = ".".join(map(str, path)) or "entry"
        message = f"model `{self.path[-1]}`: `{what}` has no `{name}`"
        help_ = f"give `{name}` with the figure, the entry, or under `defaults`"
        here = self.document.position((*self.path, *path))
        self.problems.append(Problem(message, help_, here))
