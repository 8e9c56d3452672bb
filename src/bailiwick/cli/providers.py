"""``bailiwick providers``: what providers published about the places they serve."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bailiwick.accounts import PLACE_KINDS, AccountDatabase, list_accounts, show_account
from bailiwick.bootstrap import find_pack, pack_names, read_settings, read_text
from bailiwick.cli.options import AsJson, Config
from bailiwick.cli.output import FAILED, OK, err, say, say_json, say_problems, say_table
from bailiwick.errors import BailiwickError, InvalidInput, Problem, Severity
from bailiwick.places import canonical, group, name_of
from bailiwick.providers import (
    Excluded,
    Pack,
    PackDifference,
    Page,
    Unserved,
    diff_packs,
    read_page,
    render_pack,
    rule_set,
    unserved,
)

app = typer.Typer(no_args_is_help=True, help="What providers published about where they serve.")
PackName = Annotated[str, typer.Argument(help="A pack by name, or a pack file (`.yaml`).")]


def _today() -> date:
    return datetime.now(UTC).date()


def _found(name: str) -> Pack:
    try:
        return find_pack(name)
    except FileNotFoundError as error:
        raise BailiwickError(f"no provider pack `{name}`", str(error)) from None


def _say_cautions(packs: Sequence[Pack]) -> None:
    say_problems(
        Problem(f"{pack.authority} (as of {pack.as_of}): {text}", severity=Severity.WARNING)
        for pack in packs
        for text in pack.cautions(_today())
    )


@app.command(name="list")
def list_packs(as_json: AsJson = False) -> None:
    """List the packs that come with Bailiwick."""
    packs = [_found(name) for name in pack_names()]
    if as_json:
        say_json([_summary(pack) for pack in packs])
        return
    say_table(
        ["pack", "service", "as of", "places", "territories", "look before use"],
        (
            [
                pack.name,
                pack.title,
                str(pack.as_of),
                str(len(pack.served)) if pack.served else "no list found",
                pack.territories or "",
                "; ".join(pack.cautions(_today())),
            ]
            for pack in packs
        ),
    )


@app.command()
def show(
    pack: PackName,
    rules: Annotated[
        bool, typer.Option("--rules", help="Print the rule set of `use: provider/NAME`.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one pack: places, sources, terms, and what to look at before relying on it."""
    found = _found(pack)
    if rules:
        typer.echo(rule_set(found), nl=False)
    elif as_json:
        say_json({**_summary(found), **_details(found)})
    else:
        typer.echo(render_pack(found), nl=False)
        _say_cautions([found])


@app.command()
def diff(
    old: PackName,
    new: Annotated[str, typer.Argument(help="The pack to compare with it.")],
    as_json: AsJson = False,
    fail: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if another place is served.")
    ] = False,
) -> None:
    """Show what one pack serves and another does not."""
    found = diff_packs(_found(old), _found(new))
    if as_json:
        say_json({**asdict(found), "decides": found.decides})
    else:
        for line in _difference(found):
            say(line)
    raise typer.Exit(FAILED if fail and found.decides else OK)


@app.command()
def check(
    pack: Annotated[
        list[str] | None, typer.Argument(help="Packs by name or file; default all.")
    ] = None,
    place: Annotated[
        list[str] | None, typer.Option("--place", help="A place or built-in group of yours.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Find which of my places, accounts and gateway exits a provider does not serve.

    With `--config` the exits of its upstreams and the evidence of its accounts are looked at too.
    Exit status: 1 if something is not served.
    """
    packs = [_found(name) for name in pack or pack_names()]
    mine = [*_places(place or ()), *(_settings_places(config) if config else ())]
    if not mine:
        raise InvalidInput.of("there is nothing to check", "give --place or --config")
    found = [one for each in packs for one in unserved(each, mine)]
    silent = [each.name for each in packs if each.served is None]
    if as_json:
        cautions = {each.name: each.cautions(_today()) for each in packs}
        rows = [asdict(one) for one in found]
        say_json({"unserved": rows, "no_list": silent, "look_before_use": cautions})
    else:
        _say_unserved(found, silent)
        _say_cautions([each for each in packs if each.served is not None])
    raise typer.Exit(FAILED if found else OK)


def _say_unserved(found: Sequence[Unserved], silent: Sequence[str]) -> None:
    if found:
        say_table(
            ["provider", "what", "place", "name", "why", "on a later copy"],
            (
                [one.provider, one.what, one.place, name_of(one.place), one.why,
                 "yes" if one.later else ""]
                for one in found
            ),
        )  # fmt: skip
    else:
        say("every place is on every list")
    if silent:
        say(f"no list was found of: {', '.join(silent)} (neither everywhere nor nowhere)")


def _places(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in given:
        built_in, one = group(text), canonical(text)
        if built_in is not None:
            yield from (("country", member) for member in sorted(built_in.members))
        elif one is not None:
            yield "country", one
        else:
            raise InvalidInput.of(f"`{text}` is no place and no group", "see `bailiwick places`")


def _settings_places(config: Path) -> Iterator[tuple[str, str]]:
    settings = read_settings(config)
    for upstream in settings.upstreams:
        if upstream.egress:
            yield f"exit to upstream {upstream.name}", upstream.egress
    database = AccountDatabase.open(settings.accounts.url, settings.accounts.secret, create=False)
    for account in list_accounts(database):
        for one in show_account(database, account.id).evidence:
            if one.kind in PLACE_KINDS and not one.superseded and one.value:
                yield f"account {account.id}: {one.kind}", one.value


@app.command(name="import")
def import_page(
    file: Annotated[Path, typer.Argument(help="The page: text or HTML of country names.")],
    name: Annotated[str, typer.Option("--name", help="Name of the pack.")],
    as_of: Annotated[str, typer.Option("--as-of", help="The day the page was read, 2026-06-30.")],
    source: Annotated[str | None, typer.Option("--source", help="URL of the page.")] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Pack to compare with; default of that name.")
    ] = None,
    territories: Annotated[
        str | None, typer.Option("--territories", help="`inherit` or `listed-only`.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", help="Models the page is about; default NAME.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the pack there; default stdout.")
    ] = None,
) -> None:
    """Turn a provider's page into a pack, and show what is different; unknown names are refused."""
    page = read_page(read_text(file), str(file))
    old = _old(against, name)
    pack = _pack_of(page, name, _day(as_of), source, territories, provider, old)
    _say_review(page, pack, old)
    text = render_pack(pack)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        err.print(escape(f"wrote {output}"))


def _old(against: str | None, name: str) -> Pack | None:
    if against is None and name not in pack_names():
        return None
    return _found(against or name)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput.of(f"`{text}` is not a date", "write it as 2026-06-30") from None


def _pack_of(
    page: Page,
    name: str,
    as_of: date,
    source: str | None,
    territories: str | None,
    provider: str | None,
    old: Pack | None,
) -> Pack:
    """Fill in from the older pack what the page does not say."""
    source = source or (old.source if old else None)
    territories = territories or (old.territories if old else None)
    if source is None or territories not in {"inherit", "listed-only"}:
        raise InvalidInput.of(
            f"pack `{name}` needs `--source` and `--territories inherit|listed-only`",
            "they are taken from the older pack where there is one",
        )
    models = {"provider": (provider or name,), "openness": ("restricted",)}
    base = old or Pack(name, name, source, as_of, True, None, models, None)
    return replace(
        base,
        name=name,
        source=source,
        as_of=as_of,
        complete=True,
        changed_since=None,
        models={**base.models, "provider": (provider,)} if provider else base.models,
        served=page.served,
        territories=territories,
        excluded=tuple(Excluded(*one) for one in page.excluded),
        excluded_wording=_wording(page, {code for code, _ in page.excluded}),
        unnamed_exceptions=dict(page.unnamed) or None,
        later=(),
        captured_via=None,
        notes=(),
    )


def _wording(page: Page, excluded: set[str]) -> str | None:
    countries = {code[:2] for code in excluded}
    said = [text for text, place in page.names if place in countries]
    return "; ".join(said) or None


def _say_review(page: Page, pack: Pack, old: Pack | None) -> None:
    """Tell on standard error what was read, what was not, and what is different."""
    err.print(f"read {len(page.served)} places from {len(page.names)} names")
    for text, place in page.names:
        if text != name_of(place):
            err.print(escape(f"  {text} = {place} ({name_of(place)})"))
    if page.aside:
        err.print(f"[yellow]{len(page.aside)} lines around the list were not read:[/]")
        for text in (*page.aside[:3], *page.aside[3:][-3:]):
            err.print(f"  [dim]{escape(text[:100])}[/]")
    if old is not None:
        err.print(escape(f"against {old.authority} as of {old.as_of}:"))
        for line in _difference(diff_packs(old, pack)):
            err.print(line)


def _difference(found: PackDifference) -> Iterator[str]:
    rows = (
        ("green", "+", "served", found.added),
        ("red", "-", "no longer served", found.removed),
        ("red", "-", "subdivision excluded", found.excluded_added),
        ("green", "+", "subdivision no longer excluded", found.excluded_removed),
    )
    for colour, sign, what, places in rows:
        for place in places:
            yield f"[{colour}]{sign} {place} {escape(name_of(place))}: {what}[/]"
    for name, before, after in found.changed:
        yield escape(f"  {name}: {before} -> {after}")
    if not found.decides:
        yield "no place is served otherwise"


def _summary(pack: Pack) -> dict[str, Any]:
    return {
        "pack": pack.name,
        "authority": pack.authority,
        "title": pack.title,
        "source": pack.source,
        "as_of": pack.as_of,
        "complete": pack.complete,
        "changed_since": pack.changed_since,
        "served": len(pack.served) if pack.served else None,
        "territories": pack.territories,
        "look_before_use": pack.cautions(_today()),
    }


def _details(pack: Pack) -> dict[str, Any]:
    return {
        "served": sorted(pack.served) if pack.served else None,
        "everywhere": sorted(pack.everywhere) if pack.served else None,
        "excluded": {one.place: one.name for one in pack.excluded},
        "excluded_wording": pack.excluded_wording,
        "unnamed_exceptions": pack.unnamed_exceptions,
        "later": sorted(pack.later_places()),
        "ownership": asdict(pack.ownership) if pack.ownership else None,
        "licence": asdict(pack.licence) if pack.licence else None,
        "other_sources": pack.other_sources,
        "captured_via": pack.captured_via,
        "notes": pack.notes,
    }
