"""Each detector by itself: what sets it off, what does not, and that memory is bounded."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from bailiwick.signals import Background, Detector, Signal, Thresholds, Use, detect

NOON = datetime(2026, 7, 6, 12, tzinfo=UTC)


def use(hours: float, country: str | None = "XA", network: str | None = "residential", account: str = "acme", **more: Any) -> Use:  # fmt: skip
    return Use(NOON + timedelta(hours=hours), account, f"key-{account}", country, network, **more)


def codes(signals: list[Signal]) -> list[str]:
    return [one.code for one in signals]


def abroad(day: int, *countries: str, network: str = "residential") -> list[Use]:
    return [use(24 * day + hour, country, network) for hour, country in enumerate(countries)]


def test_four_countries_a_day_on_two_days_of_a_week_are_reviewed_once() -> None:
    days = [one for day in (0, 3, 4) for one in abroad(day, "XA", "XB", "XC", "XD")]

    found = detect(days)

    assert codes(found) == ["shadow.countries"]
    assert (found[0].level, found[0].accounts, found[0].facts["days"]) == ("review", ("acme",), 2)


def test_fewer_countries_days_or_a_longer_while_are_nothing() -> None:
    assert detect(abroad(0, "XA", "XB", "XC", "XD")) == []
    assert detect([*abroad(0, "XA", "XB", "XC"), *abroad(1, "XA", "XB", "XC")]) == []
    assert detect([*abroad(0, *"ABCD"), *abroad(8, *"ABCD")]) == []


def test_cloud_regions_and_declared_networks_are_no_travel() -> None:
    clouds = [one for day in range(5) for one in abroad(day, *"ABCDEF", network="hosting")]
    declared = Background(declared={"acme": (ip_network("192.0.2.128/25"),)})
    own = [
        use(24 * d + h, c, prefix="192.0.2.0/24") for d in range(3) for h, c in enumerate("ABCD")
    ]

    assert detect(clouds) == []
    assert detect(own, background=declared) == []
    assert codes(detect(own)) == ["shadow.countries"]


def test_two_countries_at_once_in_three_windows_of_a_day_are_reviewed() -> None:
    def window(hour: float) -> list[Use]:
        return [use(hour + step / 3600, "XA" if step % 2 else "XB") for step in range(4)]

    twice = [*window(0), *window(1)]
    found = detect([*twice, *window(2), *window(3)])

    assert detect(twice) == []
    assert codes(found) == ["shadow.concurrency"]
    assert found[0].facts["km"] == "unavailable"


def test_anonymizers_inform_and_are_reviewed_only_where_a_home_was_declared() -> None:
    uses = [use(step / 60, network="vpn") for step in range(250)]

    advisory = detect(uses)
    home = Background(declared={"acme": (ip_network("192.0.2.0/24"),)})
    review = detect(uses, background=home)
    mixed = detect([use(s / 60, network="vpn" if s % 2 else "residential") for s in range(400)])

    assert [(one.code, one.level) for one in advisory] == [("shadow.anonymizer", "advisory")]
    assert [one.level for one in review] == ["review"]
    assert mixed == []


def shared(days: int, accounts: int) -> list[Use]:
    return [
        use(24 * day + number / 10, network="hosting", account=f"a{number}", client=f"relay-{day}")
        for day in range(days)
        for number in range(accounts)
    ]


def test_accounts_behind_one_hosting_address_are_one_case() -> None:
    found = detect(shared(4, 6))
    same = detect(
        shared(4, 6),
        background=Background(parents=dict.fromkeys([f"a{n}" for n in range(6)], "org")),
    )

    assert [(one.code, len(one.accounts)) for one in found] == [("shadow.cluster", 6)]
    assert detect(shared(2, 6)) == []
    assert detect(shared(4, 4)) == []
    assert same == []


def test_keys_and_addresses_beyond_the_bound_are_forgotten() -> None:
    detector = Detector(Thresholds(most_keys=10, most_links=10))
    for number in range(1000):
        list(detector.see(use(number / 1000, network="hosting", account=f"a{number}", client=f"c{number}")))  # fmt: skip

    assert detector.remembered == (10, 10)


def test_unknown_places_are_no_countries() -> None:
    assert detect([use(24 * d + h, None) for d in range(3) for h in range(6)]) == []


BERLIN, LEIPZIG, SYDNEY = (53, 13, 100), (51, 12, 100), (-34, 151, 100)


def test_two_countries_that_are_near_are_not_apart() -> None:
    def windows(one: Any, other: Any) -> list[Use]:
        return [
            use(hour + step / 3600, "XA" if step % 2 else "XB", cell=one if step % 2 else other)
            for hour in range(3)
            for step in range(4)
        ]

    (found,) = detect(windows(BERLIN, SYDNEY))

    assert detect(windows(BERLIN, LEIPZIG)) == []
    assert found.code == "shadow.concurrency"
    assert 15_500 < found.facts["km"] < 16_100
    (by_country,) = detect(windows(BERLIN, None))
    assert by_country.facts["km"] == "unavailable"


def journey(day: int, hours: float, to: Any = SYDNEY, uses: int = 2) -> list[Use]:
    """Two uses at home, and some so many hours later elsewhere."""
    home = [use(24 * day + step / 60, cell=BERLIN) for step in range(2)]
    return [*home, *(use(24 * day + hours + step / 60, "XF", cell=to) for step in range(uses))]


YOUNG = [use(24 * day, cell=BERLIN) for day in range(15)]


def test_one_impossible_journey_informs_and_three_days_of_them_ask_for_a_look() -> None:
    once = detect([*YOUNG, *journey(16, 3)])
    often = detect([*YOUNG, *journey(16, 3), *journey(17, 3), *journey(18, 3)])

    assert [(one.code, one.level) for one in once] == [("shadow.travel", "advisory")]
    assert once[0].facts["km"] > 15_000
    assert once[0].facts["km_h"] > 5000
    assert [one.level for one in often] == ["advisory", "review"]


@pytest.mark.parametrize(
    "uses",
    [
        [*YOUNG, *journey(16, 20)],  # a plane
        [*YOUNG, *journey(16, 3, uses=1)],  # one use may be filed wrongly
        [*YOUNG, *journey(16, 0.2, to=LEIPZIG)],  # within the radii, or nearly
        [*journey(0, 3), *journey(2, 3)],  # a young key
        [*YOUNG[:8], *journey(8, 3), *journey(9, 3), *journey(16, 3), *journey(17, 3)],  # as it always did
        [*YOUNG, *(use(16 * 24 + step / 60, network="hosting", cell=SYDNEY) for step in range(4))],
        [*YOUNG, *(use(16 * 24 + step / 60, network="vpn", cell=SYDNEY) for step in range(4))],
    ],
)  # fmt: skip
def test_journeys_that_somebody_can_make_are_nothing(uses: list[Use]) -> None:
    assert [
        one for one in detect(sorted(uses, key=lambda one: one.at)) if one.code == "shadow.travel"
    ] == []


def pool(days: int, **more: Any) -> list[Use]:
    """Six accounts of different organisations, and ninety that have nothing in common."""
    uses = [
        use(24 * day + number / 100, network="hosting", account=f"a{number}", **more)
        for day in range(days)
        for number in range(6)
    ]
    others = [
        use(24 * day + n / 10, account=f"b{n}", build="b") for day in range(days) for n in range(90)
    ]
    return sorted([*uses, *others], key=lambda one: one.at)


def test_one_weak_link_is_nothing_and_two_are_a_cluster() -> None:
    (found,) = detect(pool(4, prefix="192.0.2.0/24", build="rare"))
    stored = Background(links={"address": {"d": frozenset(f"a{n}" for n in range(6))}})

    assert found.facts == {"accounts": 6, "by": ["build", "network"], "days": 3}
    assert detect(pool(4, prefix="192.0.2.0/24")) == []
    assert detect(pool(4, build="rare")) == []
    assert detect(pool(4, build="b", prefix="192.0.2.0/24")) == []  # everybody has it
    (by_address,) = detect(pool(4, build="rare"), background=stored)
    assert by_address.facts["by"] == ["address", "build"]
    assert detect(pool(4), background=stored) == []


def test_accounts_behind_one_network_that_are_active_together_are_a_cluster() -> None:
    def busy(windows: list[int]) -> list[Use]:
        return sorted(
            (
                use(24 * day + (w + number * windows[0]) / 6, network="hosting", account=f"a{number}", prefix="192.0.2.0/24")
                for day in range(4)
                for number in range(6)
                for w in windows[1:]
            ),
            key=lambda one: one.at,
        )  # fmt: skip

    (found,) = detect(busy([0, *range(0, 40, 4)]))

    assert found.facts["by"] == ["network", "simultaneity"]
    assert detect(busy([1, *range(0, 40, 7)])) == []


def test_accounts_that_pay_with_one_card_are_one_case_whoever_uses_them() -> None:
    three = frozenset({"a", "b", "c"})
    known = Background(
        links={"card": {"d": three, "e": frozenset({"a", "b"})}, "payer": {"f": three}}
    )

    (found,) = detect([use(0)], background=known)

    assert (found.accounts, found.facts["by"]) == (("a", "b", "c"), ["card", "payer"])
    same = Background(links=known.links, parents=dict.fromkeys("abc", "org"))
    assert detect([use(0)], background=same) == []
