"""The same table decides millions of rows, each as it would decide it alone."""

from random import Random

import numpy as np
import pytest

from agreement.generate import FACTS, MODELS, NOW, fact, small_catalog, world
from bailiwick.decision import Encoded, compile_table, decide_batch
from bailiwick.facts import PENDING, UNKNOWN, Facts

CATALOG = small_catalog()
ROWS = 400


@pytest.mark.parametrize("seed", range(12))
def test_every_row_is_decided_as_it_would_be_alone(seed: int) -> None:
    random = Random(seed)
    made = world(random, CATALOG)
    table = compile_table(made.policy, CATALOG, made.orders, made.approvals)
    names = [*MODELS, None]
    models = np.array([random.randrange(len(names)) for _ in range(ROWS)])
    given = random.sample(FACTS, random.randint(3, len(FACTS)))
    columns = {}
    for name in given:
        values = [fact(random, name) for _ in range(12)] + [UNKNOWN]
        if name == "billing":
            values.append(PENDING)
        codes = np.array([random.randrange(len(values)) for _ in range(ROWS)])
        columns[name] = Encoded(codes, values)

    found = decide_batch(table, models, names, columns, NOW)

    assert found.index.shape == (ROWS,)
    for row in range(ROWS):
        alone = Facts(
            names[models[row]],
            NOW,
            {name: one.values[one.codes[row]] for name, one in columns.items()},
        )
        assert found.decisions[found.index[row]] == table.decide(alone)


def test_rows_that_no_rule_can_tell_apart_are_decided_once() -> None:
    made = world(Random(3), CATALOG)
    table = compile_table(made.policy, CATALOG)
    rows = 200_000
    phone = Encoded(np.arange(rows) % 2, [frozenset({"XA"}), frozenset({"XB"})])

    found = decide_batch(table, np.zeros(rows, np.int8), ["pa/one"], {"phone": phone}, NOW)

    assert len(found.index) == rows
    assert len(found.decisions) <= 2


def test_no_rows_are_no_decisions() -> None:
    table = compile_table(world(Random(1), CATALOG).policy, CATALOG)

    found = decide_batch(table, np.zeros(0, np.int8), MODELS, {}, NOW)

    assert len(found.index) == 0
    assert list(found.decisions) == []
