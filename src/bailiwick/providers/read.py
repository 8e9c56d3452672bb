"""Read a pack: text in, a ``Pack`` out, or every problem found with its position."""

from collections.abc import Iterator

from pydantic import ValidationError

from bailiwick.documents import Document, Path, parse_document
from bailiwick.errors import InvalidInput, Problem
from bailiwick.places import canonical, country_of, group, is_subdivision, suggestions
from bailiwick.providers.shape import PackShape
from bailiwick.providers.values import Excluded, Later, Licence, OwnershipTerm, Pack
from bailiwick.shapes import keys_at, shape_problems


def read_pack(text: str, file: str) -> Pack:
    """Read the pack in ``text``; ``file`` is only a name for messages."""
    document = parse_document(text, file)
    try:
        shape = PackShape.model_validate(document.value)
    except ValidationError as failed:
        raise InvalidInput(shape_problems(failed, document, _known_keys)) from None
    problems = list(_problems(shape, document))
    if problems:
        raise InvalidInput(problems)
    return _pack(shape)


def _known_keys(path: Path) -> set[str]:
    return keys_at(PackShape.model_json_schema(), path)


def _pack(shape: PackShape) -> Pack:
    later = tuple(
        Later(frozenset(one.places), one.source, one.as_of, one.readable_up_to)
        for one in shape.later or ()
    )
    return Pack(
        name=shape.name,
        title=shape.title,
        source=shape.source,
        as_of=shape.as_of,
        complete=shape.complete,
        changed_since=shape.changed_since,
        models={name: tuple(one) for name, one in shape.models if one},
        served=frozenset(shape.served) if shape.served else None,
        territories=shape.territories,
        territories_note=shape.territories_note,
        excluded=tuple(Excluded(*one) for one in sorted((shape.excluded or {}).items())),
        excluded_wording=shape.excluded_wording,
        unnamed_exceptions=shape.unnamed_exceptions,
        later=later,
        ownership=OwnershipTerm(**shape.ownership.model_dump()) if shape.ownership else None,
        licence=_licence(shape),
        other_sources=tuple(shape.other_sources or ()),
        captured_via=shape.captured_via,
        notes=tuple(shape.notes or ()),
    )


def _licence(shape: PackShape) -> Licence | None:
    one = shape.licence
    return Licence(tuple(one.ids), one.registered, one.wording) if one else None


def _problems(shape: PackShape, document: Document) -> Iterator[Problem]:
    for index, place in enumerate(shape.served or ()):
        yield from _place(place, document, ("served", index))
    for later_index, later in enumerate(shape.later or ()):
        for index, place in enumerate(later.places):
            yield from _place(place, document, ("later", later_index, "places", index))
    for place in shape.excluded or ():
        if canonical(place) != place or not is_subdivision(place):
            yield _problem(f"unknown subdivision `{place}`", None, document, ("excluded", place))
        elif country_of(place) not in (shape.served or ()):
            message = f"`{place}` is excluded, and `{country_of(place)}` is not served"
            yield _problem(message, None, document, ("excluded", place))
    for place in shape.unnamed_exceptions or ():
        yield from _place(place, document, ("unnamed_exceptions", place))
    if shape.served and shape.territories is None:
        help_ = "`inherit`: they come with their country; `listed-only`: only what is listed"
        yield _problem("a list of places needs `territories`", help_, document, ("served",))
    if shape.served and len(set(shape.served)) != len(shape.served):
        twice = sorted({one for one in shape.served if shape.served.count(one) > 1})
        yield _problem(f"`{twice[0]}` is listed twice", None, document, ("served",))
    if shape.licence and not (
        group(shape.licence.registered) or canonical(shape.licence.registered)
    ):
        message = f"`{shape.licence.registered}` is no group and no place"
        yield _problem(message, None, document, ("licence", "registered"))


def _place(place: str, document: Document, path: Path) -> Iterator[Problem]:
    if canonical(place) != place or is_subdivision(place):
        near = suggestions(place)
        help_ = f"did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else None
        yield _problem(f"unknown place `{place}`", help_, document, path)


def _problem(message: str, help_: str | None, document: Document, path: Path) -> Problem:
    return Problem(message, help_, document.position(path))
