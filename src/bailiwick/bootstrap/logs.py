"""What the program tells its operator: one line, or one JSON object, for each message.

Whatever a message holds, it stays one line: control characters and those that turn text around
are written as escapes.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime

from bailiwick.settings import LoggingSettings

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def configure_logging(settings: LoggingSettings) -> None:
    """Write messages to standard error from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if settings.format == "json" else _Text())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    logging.raiseExceptions = False


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = _moment(record)
        line = f"{at} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        return one_line(line + _trace(self, record))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "from": record.name,
            "process": record.process,
            "message": record.getMessage() + _trace(self, record),
        }
        return json.dumps(fields)


def one_line(text: str) -> str:
    """Write a text so that it stays one line and cannot move a terminal's cursor."""
    return _UNSAFE.sub(
        lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text
    )


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return "\n" + formatter.formatException(record.exc_info) if record.exc_info else ""
