"""``bailiwick availability``: pages that say what is available where."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bailiwick.availability import as_dict, gather, schema, write_site
from bailiwick.cli.options import AsJson, At, PolicyFile, moment
from bailiwick.cli.output import say, say_json
from bailiwick.cli.policy import compiled
from bailiwick.errors import InvalidInput


def availability(
    file: PolicyFile,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write the pages to.")] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Where the pages will be; the feed links there.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
    json_schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the JSON.")
    ] = False,
) -> None:
    """Write static pages, a JSON file and a feed of what is available where, under which rule.

    A folder that holds an earlier run's files is updated, and the feed says what changed.
    """
    if json_schema:
        say_json(schema())
        return
    if out is None and not as_json:
        raise InvalidInput.of("there is nowhere to write to", "give --out DIR, or --json")
    loaded, table = compiled(file)
    found = gather(table, loaded.catalog, moment(at))
    if out is not None:
        written = write_site(found, out, url)
        if not as_json:
            say(f"{len(written)} files; begin with {escape(str(out / 'index.html'))}")
    if as_json:
        say_json(as_dict(found))
