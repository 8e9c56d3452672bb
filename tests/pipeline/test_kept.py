"""What is used again stays, what is not makes room."""

import time

from bailiwick.kept import Kept


def look(kept: Kept[int, str], key: int) -> str | None:
    return kept.fresh.get(key) or kept.find(key)


def test_what_is_used_stays_and_what_is_not_is_forgotten() -> None:
    kept, now = Kept[int, str](10, 5.0), time.monotonic()
    kept.keep(1, "used")
    kept.keep(2, "unused")

    for _ in range(4):
        now += 6
        kept.forget(now)
        assert look(kept, 1) == "used"
    kept.forget(now + 1)

    assert look(kept, 2) is None
    assert len(kept) == 1


def test_there_are_never_more_than_there_is_room_for_and_a_round_of_them_stays() -> None:
    kept = Kept[int, str](10, 5.0)
    for key in range(1000):
        kept.keep(key, str(key))
        assert len(kept) <= 10

    for _ in range(3):
        for key in range(8):
            if look(kept, key) is None:
                kept.keep(key, str(key))

    assert [look(kept, key) for key in range(8)] == [str(key) for key in range(8)]
    assert len(kept) <= 10
