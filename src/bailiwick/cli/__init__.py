"""The command line, ``bailiwick``."""

import sys

from bailiwick.cli.app import app
from bailiwick.cli.output import BAD_INPUT, say_problems
from bailiwick.errors import BailiwickError, InvalidInput, Problem


def main() -> None:
    """Run the command line; input that cannot be used ends with exit status 2."""
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
