"""Replay recorded traffic against a policy: whom would this change refuse, or let in?

``plan`` finds the logs, ``replay_locally`` (or the Ray engine) judges them, ``result`` writes what
was found as one document. pyarrow and NumPy do the work; they are imported when it begins.
"""

from bailiwick.replay.evidence import read_accounts
from bailiwick.replay.expression import holds, parse
from bailiwick.replay.judge import Described, Judge, Setting, SharedLocator
from bailiwick.replay.logs import Chunk, LogOptions, plan, read_chunk
from bailiwick.replay.mapping import read_mapping
from bailiwick.replay.prices import Price, list_prices
from bailiwick.replay.result import NO_FIGURES, SCHEMA, About, figures, result
from bailiwick.replay.rows import Read, Skipped, batch, line_of, numbers
from bailiwick.replay.run import Finished, Job, merged, replay_locally, work
from bailiwick.replay.schema import replay_schema
from bailiwick.replay.tally import Totals
from bailiwick.replay.workers import Progress, spread

__all__ = [
    "About", "Chunk", "Described", "Finished", "Job", "Judge", "LogOptions", "NO_FIGURES",
    "Price", "Progress", "Read", "SCHEMA", "Setting", "SharedLocator", "Skipped", "Totals",
    "batch", "figures", "holds", "line_of", "list_prices", "merged", "numbers", "parse", "plan",
    "read_accounts", "read_chunk", "read_mapping", "replay_locally", "replay_schema", "result",
    "spread", "work",
]  # fmt: skip
