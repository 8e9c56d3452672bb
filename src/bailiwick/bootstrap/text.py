"""Read text files."""

from pathlib import Path

from bailiwick.errors import InvalidInput, Position


def read_text(path: Path) -> str:
    """Read a file as UTF-8; what is wrong with it is ``InvalidInput``."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput.of(
            f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    except UnicodeDecodeError as error:
        raise InvalidInput.of(
            f"not UTF-8 at byte {error.start}", "save the file as UTF-8", Position(str(path))
        ) from None
