"""Each detector by itself: what sets it off, what does not, and that memory is bounded."""

from datetime import UTC, datetime, timedelta

from bailiwick.signals import Signal, Thresholds, Use, detect

NOON = datetime(2026, 7, 6, 12, tzinfo=UTC)


def use(hours: float, country: str | None = "XA", network: str | None = "residential", account: str = "acme", **more: str) -> Use:  # fmt: skip
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
    declared = Thresholds(declared={"key-acme": frozenset({"192.0.2.0/24"})})
    own = [
        use(24 * d + h, c, prefix="192.0.2.0/24") for d in range(3) for h, c in enumerate("ABCD")
    ]

    assert detect(clouds) == []
    assert detect(own, declared) == []
    assert codes(detect(own)) == ["shadow.countries"]


def test_two_countries_at_once_in_three_windows_of_a_day_are_reviewed() -> None:
    def window(hour: float) -> list[Use]:
        return [use(hour + step / 3600, "XA" if step % 2 else "XB") for step in range(4)]

    twice = [*window(0), *window(1)]
    found = detect([*twice, *window(2), *window(3)])

    assert detect(twice) == []
    assert codes(found) == ["shadow.concurrency"]
    assert found[0].facts["distance"] == "unavailable"


def test_anonymizers_inform_and_are_reviewed_only_where_a_home_was_declared() -> None:
    uses = [use(step / 60, network="vpn") for step in range(250)]

    advisory = detect(uses)
    review = detect(uses, Thresholds(at_home=frozenset({"acme"})))
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
        shared(4, 6), Thresholds(parents=dict.fromkeys([f"a{n}" for n in range(6)], "org"))
    )

    assert [(one.code, len(one.accounts)) for one in found] == [("shadow.cluster", 6)]
    assert detect(shared(2, 6)) == []
    assert detect(shared(4, 4)) == []
    assert same == []


def test_keys_and_addresses_beyond_the_bound_are_forgotten() -> None:
    from bailiwick.signals import Detector

    detector = Detector(Thresholds(most_keys=10, most_addresses=10))
    for number in range(1000):
        list(detector.see(use(number / 1000, network="hosting", account=f"a{number}", client=f"c{number}")))  # fmt: skip

    assert len(detector._keys) == 10
    assert len(detector._sharers) == 10


def test_unknown_places_are_no_countries() -> None:
    assert detect([use(24 * d + h, None) for d in range(3) for h in range(6)]) == []
