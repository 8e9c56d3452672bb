"""``bailiwick serve``: run the gateway."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The gateway's settings file.")
    ] = Path("bailiwick.yaml"),
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; it starts only with good settings and policy."""
    from bailiwick.bootstrap import run_gateway

    run_gateway(config)
