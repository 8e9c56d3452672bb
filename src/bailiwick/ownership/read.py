"""Read ownership data from several files: BODS as JSON or JSON Lines, and CSV."""

from collections.abc import Iterable
from datetime import date

from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.ownership.bods import BodsReader
from bailiwick.ownership.graph import Builder, Graph
from bailiwick.ownership.rows import read_rows

ENDINGS = (".json", ".jsonl", ".ndjson", ".csv")


def read_graph(files: Iterable[tuple[str, str]], day: date) -> Graph:
    """Read ``(name, text)`` files into one graph, as of ``day``.

    Raises ``InvalidInput`` with every row and statement that is wrong, and then nothing counts.
    """
    builder, bods = Builder(), BodsReader(day)
    problems: list[Problem] = []
    for name, text in files:
        if not name.lower().endswith(ENDINGS):
            hint = f"files end in {', '.join(ENDINGS)}"
            problems.append(Problem(f"`{name}` is no file of ownership data", hint))
        elif name.lower().endswith(".csv"):
            problems.extend(read_rows(text.removeprefix("\ufeff"), name, builder))
        else:
            bods.read(text, name)
    bods.finish(builder)
    problems.extend(bods.problems)
    if problems:
        raise InvalidInput(sorted(problems, key=lambda one: one.position or Position("")))
    if not builder.holdings:
        raise InvalidInput.of("the files name no holding", "nothing follows from no data")
    return builder.graph()
