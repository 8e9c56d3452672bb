"""Options that several commands share."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bailiwick.facts import read_time

PolicyFile = Annotated[Path, typer.Argument(help="A policy file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
At = Annotated[
    str | None, typer.Option("--at", help="Judge as of this time (ISO 8601); default now.")
]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="The gateway's settings file.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Only these models.")]


def moment(text: str | None) -> datetime:
    """Read ``--at``, or take the time from the clock."""
    return read_time(text) if text else datetime.now(UTC)
