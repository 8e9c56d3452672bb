"""The command line, ``bailiwick``."""

import gc
import sys
from typing import Final

from bailiwick.cli.app import app
from bailiwick.cli.output import BAD_INPUT, say_problems
from bailiwick.errors import BailiwickError, InvalidInput, Problem

COLLECT: Final = (50_000, 20, 20)
"""A start makes many objects and no garbage; looking for some would be a tenth of its time."""


def main() -> None:
    """Run the command line; input that cannot be used ends with exit status 2."""
    gc.set_threshold(*COLLECT)
    try:
        app()
    except InvalidInput as error:
        say_problems(error.problems)
        sys.exit(BAD_INPUT)
    except BailiwickError as error:
        say_problems([Problem(error.message, error.help)])
        sys.exit(BAD_INPUT)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


__all__ = ["app", "main"]
