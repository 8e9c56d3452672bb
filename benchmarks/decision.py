"""How long one decision takes: from prepared facts, from plain facts, and in other engines."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle, islice
from random import Random
from typing import Any

from bailiwick.decision import DecisionTable, Prepared, compile_table
from bailiwick.facts import DIMENSIONS, PENDING, Fact, Facts, Layer
from bailiwick.policy import Policy, read_policy
from benchmarks import traffic
from benchmarks.engines import Engine, engines
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table, ratio
from benchmarks.timing import each_call, interleaved
from benchmarks.traffic import NOW, Request, World

LOCATION = frozenset({"address", "network", "holder"})
ROUTE = frozenset({"endpoint", "processing", "egress"})
ACCOUNT = frozenset(name for name, one in DIMENSIONS.items() if one.layer is Layer.ACCOUNT)
ASKED = frozenset(DIMENSIONS) - LOCATION - ROUTE - ACCOUNT
WARM, TIMED, PER_TURN = 20_000, 20_000, 500
MANY = 1000
OURS = "Bailiwick, facts prepared"
US = 1000.0

CALLS = (
    "policy", "permitted", "mix: median", "mean", "99th", "of it new", "known permit",
    "known deny", "new",
)  # fmt: skip

Call = tuple[str, datetime, Prepared, Prepared, Prepared, Prepared]


class Subject:
    """One policy and the requests that it is asked about."""

    def __init__(self, rules: int, text: str, requests: Sequence[Request]) -> None:
        self.name = f"{rules:,} rules"
        self.catalog = traffic.catalog()
        self.text = text
        self.policy = self.read()
        self.table = self.compile()
        self.requests = requests
        self._parts: dict[Any, Prepared] = {}
        self.calls = [self._call(request) for request in requests]
        self.permits = [self.table.decide_prepared(*call).permitted for call in self.calls[WARM:]]

    def read(self) -> Policy:
        return read_policy(self.text, "made-up.yaml", self.catalog)

    def compile(self) -> DecisionTable:
        return compile_table(self.policy, self.catalog)

    def _call(self, request: Request) -> Call:
        """Prepare the four parts, and share them between requests, as the pipeline does."""
        return (
            request.model,
            NOW,
            self._part(request.location, LOCATION),
            self._part(request.account.facts, ACCOUNT),
            self._part(request.asked, ASKED),
            self._part(traffic.ROUTE, ROUTE),
        )

    def _part(self, facts: Mapping[str, Fact], names: frozenset[str]) -> Prepared:
        key = tuple(facts.items())
        if key not in self._parts:
            self._parts[key] = self.table.prepare(facts, names)
        return self._parts[key]


@dataclass(slots=True)
class Taken:
    """Nanoseconds of single calls, by round."""

    mixed: list[list[int]] = field(default_factory=list)
    first: list[list[int]] = field(default_factory=list)
    permits: list[list[int]] = field(default_factory=list)
    denies: list[list[int]] = field(default_factory=list)
    """Of requests that the table had been asked before."""
    new: list[float] = field(default_factory=list)
    """The share of the mix that had never been asked before."""

    def spread(self, which: list[list[int]]) -> Spread:
        return Spread.of(statistics.median(one) for one in which if one)


def run(options: Options) -> Section:
    """Measure."""
    random = Random(4)
    requests = list(World(random).requests(WARM + TIMED))
    plain = traffic.plain_rules(random)
    few_text = traffic.policy_text([rule.as_written() for rule in plain])
    many_text = traffic.policy_text(traffic.many_rules(random, MANY), traffic.place_groups(random))
    few, many = Subject(len(plain), few_text, requests), Subject(MANY, many_text, requests)
    taken = _single_calls([few, many], options.rounds)
    found, missing = engines(plain)
    peers = _peers(few, found, options.rounds)
    tables = (
        _calls_table([few, many], taken),
        _peers_table(peers),
        _others_table([few, many], options.rounds),
    )
    return Section("Decision", tables, _goals(few, many, taken), tuple(missing))


# -- single calls ------------------------------------------------------------------------------


def _single_calls(subjects: Sequence[Subject], rounds: int) -> dict[str, Taken]:
    taken = {subject.name: Taken() for subject in subjects}
    for _ in range(rounds):
        for subject in subjects:
            _one_round(subject, taken[subject.name])
    return taken


def _one_round(subject: Subject, taken: Taken) -> None:
    table = subject.compile()
    warm, timed = subject.calls[:WARM], subject.calls[WARM:]
    seen = _Seen(table)
    firsts = [seen.is_new(call) for call in warm]
    table = subject.compile()
    times = each_call(table.decide_prepared, warm)
    taken.first.append([time for time, new in zip(times, firsts, strict=True) if new])
    taken.mixed.append(each_call(table.decide_prepared, timed))
    taken.new.append(sum(map(seen.is_new, timed)) / len(timed))
    again = each_call(table.decide_prepared, timed)
    for one, which in ((True, taken.permits), (False, taken.denies)):
        pairs = zip(again, subject.permits, strict=True)
        which.append([time for time, permitted in pairs if permitted is one])


class _Seen:
    """Tells which requests make the table work an answer out."""

    def __init__(self, table: DecisionTable) -> None:
        self._table = table

    def is_new(self, call: Call) -> bool:
        before = self._known
        self._table.decide_prepared(*call)
        return self._known != before

    @property
    def _known(self) -> int:
        return len(self._table._memo) + len(self._table._silences)


def _calls_table(subjects: Sequence[Subject], taken: Mapping[str, Taken]) -> Table:
    rows = []
    for subject in subjects:
        mine = taken[subject.name]
        every = sorted(time for one in mine.mixed for time in one)
        rows.append(
            (
                subject.name,
                f"{statistics.fmean(subject.permits):.0%}",
                mine.spread(mine.mixed).show(2, US),
                f"{statistics.fmean(every) / US:.2f}",
                f"{every[len(every) * 99 // 100] / US:.2f}",
                f"{statistics.median(mine.new):.1%}",
                mine.spread(mine.permits).show(2, US),
                mine.spread(mine.denies).show(2, US),
                mine.spread(mine.first).show(2, US),
            )
        )
    note = (
        f"The mix is {TIMED:,} requests after {WARM:,} others: {traffic.ACCOUNTS:,} accounts, "
        f"{len(traffic.MODELS)} models and {len(traffic.PLACES)} places, few of which make most "
        "of the traffic (Zipf). Known and new: medians of requests that the table had and had "
        "not been asked before."
    )
    return Table("One decision from prepared facts, us", CALLS, rows, (note,))


# -- other engines -----------------------------------------------------------------------------


def _peers(subject: Subject, found: Sequence[Engine], rounds: int) -> dict[str, Spread]:
    """Ask every engine the same requests; they must all say the same."""
    requests = subject.requests[-PER_TURN:]
    table, calls = subject.table, subject.calls[-PER_TURN:]
    facts = [Facts(request.model, NOW, request.values) for request in requests]
    expected = [table.decide_prepared(*call).permitted for call in calls]
    batches: dict[str, Callable[[], int]] = {
        OURS: lambda: _ask_all(table.decide_prepared, calls),
        "Bailiwick, facts as a dict": lambda: _ask_each(table.decide, facts),
    }
    for engine in found:
        asked = [engine.prepare(request) for request in requests]
        answers = [engine.permits(one) for one in asked]
        if answers != expected:
            raise AssertionError(f"{engine.name} does not decide as the table does")
        batches[engine.name] = _batch(engine, asked)
    return interleaved(batches, rounds)


def _batch(engine: Engine, asked: Sequence[Any]) -> Callable[[], int]:
    return lambda: _ask_each(engine.permits, asked)


def _ask_all(function: Callable[..., Any], calls: Sequence[Sequence[Any]]) -> int:
    for call in calls:
        function(*call)
    return len(calls)


def _ask_each(function: Callable[[Any], Any], asked: Sequence[Any]) -> int:
    for one in asked:
        function(one)
    return len(asked)


def _peers_table(peers: Mapping[str, Spread]) -> Table:
    ours = peers[OURS].median
    rows = [
        (name, spread.show(2, US), ratio(spread.median, ours)) for name, spread in peers.items()
    ]
    return Table(
        "The same 10 rules and requests in other engines, us a decision",
        ("engine", "mean of a round: median", "of ours"),
        rows,
        (f"All engines gave the same answers to the {PER_TURN} requests; ours were known.",),
    )


# -- other questions ---------------------------------------------------------------------------


def _others_table(subjects: Sequence[Subject], rounds: int) -> Table:
    asked = {subject.name: _questions(subject) for subject in subjects}
    batches = {
        f"{name}: {what}": batch for name, mine in asked.items() for what, batch in mine.items()
    }
    taken = interleaved(batches, rounds)
    questions = list(asked[subjects[0].name])
    rows = [
        (what, *(taken[f"{subject.name}: {what}"].show(1, US) for subject in subjects))
        for what in questions
    ]
    rows += [
        ("read the policy, ms", *(_milliseconds(subject.read, rounds) for subject in subjects)),
        (
            "compile the table, ms",
            *(_milliseconds(subject.compile, rounds) for subject in subjects),
        ),
    ]
    return Table("Other questions, us", ("", *(subject.name for subject in subjects)), rows)


def _questions(subject: Subject) -> dict[str, Callable[[], int]]:
    requests = list(islice(cycle(subject.requests), WARM, WARM + 100))
    places = traffic.PLACES

    def several(request: Request, number: int) -> dict[str, Fact]:
        other = frozenset({places[number % len(places)]})
        values = request.values
        return {name: _both(values[name], other) for name in ("address", "card")}

    forms: dict[str, list[Facts]] = {
        "decide, facts as a dict": [_facts(one, {}) for one in requests],
        "decide, two addresses and two cards": [
            _facts(one, several(one, number)) for number, one in enumerate(requests)
        ],
        "decide, billing and card pending": [
            _facts(one, dict.fromkeys(("billing", "card"), PENDING)) for one in requests[:1]
        ],
    }
    return {name: _deciding(subject.table, facts) for name, facts in forms.items()}


def _both(one: Fact, other: frozenset[str]) -> Fact:
    return one | other if isinstance(one, frozenset) else other


def _facts(request: Request, changed: Mapping[str, Fact]) -> Facts:
    return Facts(request.model, NOW, {**request.values, **changed})


def _deciding(table: DecisionTable, facts: Sequence[Facts]) -> Callable[[], int]:
    return lambda: _ask_each(table.decide, facts)


def _milliseconds(function: Callable[[], Any], rounds: int) -> str:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        function()
        taken.append((time.perf_counter() - began) * 1000)
    return Spread.of(taken).show(1)


def _goals(few: Subject, many: Subject, taken: Mapping[str, Taken]) -> tuple[Goal, ...]:
    def median(subject: Subject) -> float:
        mine = taken[subject.name]
        return mine.spread(mine.mixed).median / US

    return (
        Goal("decision from prepared facts, 10 rules, median of the mix", "<=", 1.0, median(few),
             "us"),
        Goal("decision from prepared facts, 1,000 rules, median of the mix", "<=", 1.5,
             median(many), "us"),
    )  # fmt: skip
