"""One message stays one line."""

import json
import logging
from collections.abc import Iterator

import pytest

from bailiwick.bootstrap import configure_logging
from bailiwick.settings import LoggingSettings


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before, level, raising = list(root.handlers), root.level, logging.raiseExceptions
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.raiseExceptions = raising


HOSTILE = ["a\r\nb", "\x1b[2J", "\u202eevil", "\u2028", "\x00", "x" * 100_000, "\ud800", "\x85"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("format_", ["text", "json"])
def test_whatever_a_message_holds_it_stays_one_line(
    capsys: pytest.CaptureFixture[str], text: str, format_: str
) -> None:
    configure_logging(LoggingSettings(format=format_))

    logging.getLogger("bailiwick.test").warning("seen: %s", text)

    written = capsys.readouterr().err
    assert len(written.splitlines()) == 1
    assert written.isprintable() or written[:-1].isprintable()
    if format_ == "json":
        assert json.loads(written)["message"] == f"seen: {text}"


def test_messages_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LoggingSettings(level="error"))

    logging.getLogger("bailiwick.test").warning("not this")
    logging.getLogger("bailiwick.test").error("but this")

    assert "not this" not in (written := capsys.readouterr().err)
    assert "but this" not in written.partition(" error ")[0]


def test_a_trace_stays_with_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LoggingSettings())
    try:
        raise ValueError("deep down")
    except ValueError:
        logging.getLogger("bailiwick.test").exception("it failed")

    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "deep down" in written
