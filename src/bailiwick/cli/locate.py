"""``bailiwick locate`` and ``bailiwick data``: locations and the data behind them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bailiwick.bootstrap import read_settings
from bailiwick.cli.options import AsJson, At, Config, moment
from bailiwick.cli.output import FAILED, OK, say, say_json, say_table
from bailiwick.location import (
    IMPORT_KINDS,
    Located,
    LocationSettings,
    Locator,
    build_embedded,
    data_status,
    import_source,
    load_locator,
)

data_app = typer.Typer(no_args_is_help=True, help="The location data: status, import, build.")


def open_locator(config: Path | None = None) -> Locator:
    """Open the sources that the settings name; without settings, the embedded ones."""
    now = datetime.now(UTC)
    if config is None:
        return load_locator(LocationSettings(), now)
    settings = read_settings(config)
    return load_locator(settings.location, now, base=config.parent)


def locate(
    address: Annotated[list[str], typer.Argument(help="IP addresses.")],
    config: Config = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Say where addresses are used, and how that is known."""
    locator = open_locator(config)
    found = [locator.locate(one, moment(at)) for one in address]
    if as_json:
        say_json([one.as_dict() for one in found])
        return
    say_table(
        ["address", "place", "confidence", "network", "holder", "sources"],
        (
            (
                one.address,
                _place(one),
                one.confidence,
                one.network or "unknown",
                one.holder or "",
                _sources(one),
            )
            for one in found
        ),
    )


def _place(located: Located) -> str:
    if located.non_routable:
        return "not routable"
    return " or ".join(located.places) or "unknown"


def _sources(located: Located) -> str:
    return ", ".join(
        f"{one.source} {one.built_at:%Y-%m-%d}" if one.built_at else one.source
        for one in located.sources
    )


@data_app.command()
def status(config: Config = None, as_json: AsJson = False) -> None:
    """Show each source with its date; exit with 1 if one is stale, expired or refused."""
    rows = data_status(open_locator(config), datetime.now(UTC))
    if as_json:
        say_json([row.as_dict() for row in rows])
    else:
        say_table(
            ["source", "kind", "role", "built at", "state", "detail"],
            (
                (
                    one.name,
                    one.kind,
                    one.role,
                    _date(one.built_at),
                    one.freshness.value,
                    one.problem or "",
                )
                for one in rows
            ),
        )
    bad = [row for row in rows if row.freshness.value != "fresh" or row.problem]
    raise typer.Exit(FAILED if bad else OK)


def _date(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "unknown"


@data_app.command(name="import")
def import_command(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(IMPORT_KINDS)}.")],
    path: Annotated[Path, typer.Argument(help="The file to import.")],
    into: Annotated[Path, typer.Option("--into", help="Folder for the imported file.")] = Path(
        "data"
    ),
    name: Annotated[str | None, typer.Option(help="What records call it.")] = None,
    network: Annotated[str | None, typer.Option(help="Class of everything on a list.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a database or list once and store it for quick loading."""
    found = import_source(kind, path, into, datetime.now(UTC), name=name, network=network)
    if as_json:
        say_json(found.as_dict())
    else:
        group = f"location.{found.settings_group}"
        say(f"imported to {found.path}; name it under `{group}` as kind `imported`")


@data_app.command()
def build(
    source: Annotated[Path, typer.Argument(help="Folder with `geoip` and `geoip6`.")] = Path(
        "/usr/share/tor"
    ),
    out: Annotated[Path, typer.Option("--out", help="Folder for the table.")] = Path("data/ipfire"),
    package_version: Annotated[
        str, typer.Option(help="Version of the Debian package.")
    ] = "unknown",
) -> None:
    """Compile the embedded table anew from the files of Debian's `tor-geoipdb`."""
    built = build_embedded(source, out, package_version)
    say(
        f"wrote {built.path}: {built.size_bytes} bytes, data of {built.built_at:%Y-%m-%d}, "
        f"{built.runs[0]} IPv4 and {built.runs[1]} IPv6 runs, {built.countries} countries"
    )
