"""``bailiwick service``: run the decision service; ``service-token``: let somebody ask it."""

from pathlib import Path
from typing import Annotated

import typer

from bailiwick.cli.options import AsJson
from bailiwick.cli.output import say, say_json


def service(
    config: Annotated[Path, typer.Option("--config", "-c", help="The settings file.")] = Path(
        "bailiwick.yaml"
    ),
) -> None:
    """Run the decision service for other gateways until SIGTERM or Ctrl-C."""
    from bailiwick.bootstrap import run_service

    run_service(config)


def service_token(as_json: AsJson = False) -> None:
    """Make a token for an asker, and the digest of it that goes into the settings."""
    from bailiwick.service import new_token

    token, digest = new_token()
    if as_json:
        say_json({"token": token, "token_sha256": digest})
        return
    say(f"token, for the asker; nobody can show it again:  {token}")
    say(f"token_sha256, for `service.askers`:              {digest}")
