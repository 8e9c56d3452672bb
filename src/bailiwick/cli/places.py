"""``bailiwick places`` and ``bailiwick catalog``: what names there are."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bailiwick.bootstrap import read_catalog
from bailiwick.catalog import Model, catalog_schema
from bailiwick.cli.options import AsJson
from bailiwick.cli.output import say, say_json, say_table
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.places import (
    canonical,
    countries,
    group,
    groups,
    name_of,
    parent_of,
    subdivisions_of,
    suggestions,
    territories_of,
)

catalog_app = typer.Typer(no_args_is_help=True, help="The catalogue of models.")
Extra = Annotated[
    list[Path] | None, typer.Option("--catalog", help="A file that extends the built-in catalogue.")
]


def places(
    code: Annotated[str | None, typer.Argument(help="A country, subdivision or group.")] = None,
    as_json: AsJson = False,
) -> None:
    """List countries and groups, or what is inside one of them."""
    if code is None:
        _all(as_json)
    elif (found := group(code)) is not None:
        members = sorted(found.members)
        if as_json:
            say_json(
                {
                    "group": found.name,
                    "members": members,
                    "source": found.source,
                    "as_of": found.as_of,
                }
            )
        else:
            say(f"{found.name}: {found.title}, as of {found.as_of} ({found.source})")
            say_table(["code", "name"], ((place, name_of(place)) for place in members))
    else:
        _one(code, as_json)


def _all(as_json: bool) -> None:
    if as_json:
        say_json({"countries": list(countries()), "groups": sorted(groups())})
        return
    say_table(
        ["code", "name", "of"], ((one, name_of(one), parent_of(one) or "") for one in countries())
    )
    say_table(
        ["group", "title", "members", "as of"],
        ((one.name, one.title, str(len(one.members)), str(one.as_of)) for one in groups().values()),
    )


def _one(code: str, as_json: bool) -> None:
    place = canonical(code)
    if place is None:
        near = suggestions(code)
        hint = f"did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else None
        raise InvalidInput.of(f"`{code}` is no country, subdivision or group", hint)
    about: dict[str, Any] = {
        "place": place,
        "name": name_of(place),
        "parent": parent_of(place),
        "territories": sorted(territories_of(place)),
        "subdivisions": list(subdivisions_of(place)),
        "groups": sorted(name for name, one in groups().items() if place in one.members),
    }
    if as_json:
        say_json(about)
        return
    for key in ("place", "name", "parent"):
        if about[key]:
            say(f"{key}: {about[key]}")
    for key in ("territories", "groups"):
        if about[key]:
            say(f"{key}: {', '.join(about[key])}")
    if about["subdivisions"]:
        say_table(["code", "name"], ((one, name_of(one)) for one in about["subdivisions"]))


@catalog_app.command(name="list")
def list_models(catalog: Extra = None, as_json: AsJson = False) -> None:
    """List the models."""
    found = read_catalog(catalog or ())
    if as_json:
        say_json([_model(model) for model in found.models.values()])
        return
    say_table(
        ["model", "from", "openness", "family", "context", "names"],
        (
            (
                one.id,
                one.provider_country or "",
                one.openness.value,
                one.family,
                str(one.context_tokens.value) if one.context_tokens else "",
                str(len(one.aliases)),
            )
            for one in found.models.values()
        ),
    )


@catalog_app.command()
def show(name: str, catalog: Extra = None) -> None:
    """Show one model, found by any of its names, with the source of each figure."""
    found = read_catalog(catalog or ())
    resolved = found.resolve(name)
    if resolved is None:
        raise BailiwickError(f"no model is called `{name}`", "`bailiwick catalog list` lists them")
    say_json(_model(found.models[resolved]))


@catalog_app.command()
def schema() -> None:
    """Print the JSON Schema of catalogue files."""
    say_json(catalog_schema())


def _model(model: Model) -> dict[str, Any]:
    return _plain(model)  # type: ignore[no-any-return]  # a dataclass gives a mapping


def _plain(value: Any) -> Any:
    from dataclasses import fields, is_dataclass

    if is_dataclass(value):
        pairs = ((one.name, getattr(value, one.name)) for one in fields(value))
        return {
            name: _plain(inner) for name, inner in pairs if name != "position" and inner is not None
        }
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
