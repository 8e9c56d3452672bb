"""Combinations that occur have numbers, and keep them whatever comes later."""

import numpy as np
import pytest

from bailiwick.decision import Numbering, numbering

ROWS = 500


@pytest.mark.parametrize("most", [numbering.MOST_DENSE, 64])
@pytest.mark.parametrize("seed", range(5))
def test_every_combination_has_one_number_in_the_order_in_which_it_is_met(
    seed: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbering, "MOST_DENSE", most)
    random = np.random.default_rng(seed)
    made = Numbering()
    met: dict[tuple[int, ...], int] = {}

    for sizes in ((3, 1, 2), (3, 40, 2), (3, 40, 900), (300, 5000, 70_000)):
        columns = [random.integers(0, size, ROWS) for size in sizes]
        found, fresh = made.numbers(columns, sizes)

        rows = [tuple(map(int, row)) for row in zip(*columns, strict=True)]
        new = [at for at, row in enumerate(rows) if row not in met and row not in rows[:at]]
        for row in rows:
            met.setdefault(row, len(met))
        assert found.tolist() == [met[row] for row in rows]
        assert fresh.tolist() == new
    assert made.met == list(met)


def test_no_rows_have_no_numbers() -> None:
    made = Numbering()

    found, fresh = made.numbers([np.zeros(0, np.int8)] * 2, [4, 4])

    assert len(found) == len(fresh) == len(made.met) == 0
