"""``python -m bailiwick`` is the command line."""

from bailiwick.cli import main

main()
