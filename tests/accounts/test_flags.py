"""Which class of finding each kind of evidence makes, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import people
from bailiwick.accounts.flags import Item, find_flags, is_complete

NOW = datetime(2026, 7, 1, tzinfo=UTC)
POLICY = """
bailiwick: 1
name: tested
places:
  home: {include: [US], territories: inherit}
models:
  frontier: {ids: [pa/frontier]}
ownership:
  half: {threshold: ">= 50%", seeds: {headquarters: [CA]}}
rules:
  - id: at-home
    permit: frontier
    where: {billing: home, registered: home, card: [home, unknown], ownership: {half: [no, unknown]}}
accounts:
  outside:
    of: at-home
    kinds: [billing, card, registered, document, phone, ownership, tax, owner, nationality, funding, address_check, list, name, order]
    then: restrict
    cure: 72h
    next: suspend
...
"""


def item(kind: str, value: str, tier: int = 3, **more: Any) -> Item:
    return Item(kind, value, more.pop("source", "s"), tier, NOW, **more)


def found(*items: Item) -> list[tuple[str, str]]:
    policy = people.policy(POLICY)
    return [(flag.code, flag.grade.value) for flag in find_flags(policy, items, NOW)]


@pytest.mark.parametrize(
    ("items", "flags"),
    [
        ([item("billing", "CA")], [("geo.billing_country", "S")]),
        ([item("registered", "CA", 1)], [("geo.registered_country", "S")]),
        ([item("billing", "CA", 4)], [("geo.billing_country", "R")]),
        ([item("card", "CA", 2)], [("geo.card_country", "R")]),
        ([item("billing", "CA"), item("billing", "US", source="t")], [("evidence.conflict", "R")]),
        ([item("billing", "CA"), item("billing", "US", 2, source="t")], []),
        ([item("tax", "CA", 1)], [("geo.tax_country", "R")]),
        ([item("tax", "US"), item("tax", "CA", source="t")], [("evidence.conflict", "R")]),
        ([item("nationality", "CA", 1)], [("geo.nationality", "R")]),
        ([item("owner", "CA", 1)], [("own.headquarters", "R")]),
        ([item("phone", "CA")], []),
        ([item("card", "CA", 2), item("tax", "CA", 3)], [("geo.card_country", "S"), ("geo.tax_country", "S")]),
        ([item("card", "CA", 3), item("tax", "CA", 3)], [("geo.card_country", "R"), ("geo.tax_country", "R")]),
        ([item("card", "CA", 2), item("document", "US", 1)], [("geo.card_country", "R")]),
        ([item("card", "CA", 2), item("nationality", "CA", 1)], [("geo.card_country", "R"), ("geo.nationality", "R")]),
        ([item("card", "CA", 2), item("document", "CA", 4)], [("geo.card_country", "R")]),
        ([item("ownership.half", "yes")], [("own.over_threshold", "S")]),
        ([item("ownership.half", "yes", 4)], [("own.over_threshold", "R")]),
        ([item("ownership.half", "unknown_share", 1)], [("own.unknown_share", "R")]),
        ([item("ownership.half", "yes"), item("ownership.half", "no", source="t")], [("evidence.conflict", "R")]),
        ([item("ownership.half", "no")], []),
        ([item("ownership_cycle", "yes")], [("own.cycle", "R")]),
        ([item("ownership_cycle", "no")], []),
        ([item("list", "ofac:1", 2)], [("list.exact_id", "S")]),
        ([item("list", "ofac:1", 3)], [("list.exact_id", "R")]),
        ([item("name", "ofac:1", 1)], [("list.name_possible", "R")]),
        ([item("order", "o-1")], [("order.operator", "S")]),
        ([item("funding", "prepaid", 2)], [("evidence.prepaid", "R")]),
        ([item("funding", "credit", 2)], []),
        ([item("address_check", "invalid", 4)], [("evidence.address", "R")]),
        ([item("billing", "US", expires_at=NOW)], [("evidence.expired", "R")]),
        ([item("billing", "US", expires_at=NOW + timedelta(seconds=1))], []),
        ([], []),
    ],
)  # fmt: skip
def test_the_class_of_a_finding_follows_from_kind_tier_and_company(
    items: list[Item], flags: list[tuple[str, str]]
) -> None:
    assert found(*items) == flags


def test_two_kinds_of_which_one_is_attested_lift_a_finding_unless_one_lies_inside() -> None:
    together = [item("tax", "CA", 3), item("registered", "CA", 1)]
    inside = [item("tax", "CA", 3), item("registered", "US", 2)]

    assert ("geo.tax_country", "S") in found(*together)
    assert ("geo.tax_country", "R") in found(*inside)


def test_what_one_declares_against_oneself_is_marked_and_what_others_say_is_not() -> None:
    policy = people.policy(POLICY)

    def marked(tier: int) -> list[bool]:
        (flag,) = find_flags(policy, [item("billing", "CA", tier)], NOW)
        return [one.as_dict().get("against_interest", False) is True for one in flag.facts]

    assert [marked(tier) for tier in (1, 2, 3, 4)] == [[False], [False], [True], [False]]


def test_a_finding_is_named_by_its_values_and_restricts_only_in_class_s() -> None:
    policy = people.policy(POLICY)

    def one(kind: str, value: str, tier: int, **more: Any) -> Any:
        return find_flags(policy, [item(kind, value, tier, **more)], NOW)[0]

    severe, mild = one("billing", "CA", 3), one("card", "CA", 2)
    assert (severe.may_restrict, severe.asks_for_review) == (True, True)
    assert (mild.may_restrict, mild.asks_for_review) == (False, True)
    later = Item("billing", "CA", "s", 3, NOW + timedelta(days=1))
    assert find_flags(policy, [later], NOW)[0].fingerprint == severe.fingerprint
    others = [one("billing", "MX", 3), one("billing", "CA", 2), one("billing", "CA", 3, source="t")]
    assert severe.fingerprint not in {other.fingerprint for other in [*others, mild]}


def test_only_what_is_exact_may_suspend_at_once() -> None:
    policy = people.policy(POLICY)

    def exact(*items: Item) -> list[bool]:
        return [flag.exact for flag in find_flags(policy, items, NOW)]

    assert exact(item("list", "ofac:1", 2)) == [True]
    assert exact(item("list", "ofac:1", 3)) == [False]
    assert exact(item("order", "o-1")) == [True]
    assert exact(item("billing", "CA", 1)) == [False]


def test_complete_is_everything_required_known_accepted_and_not_expired() -> None:
    policy = people.policy(POLICY)
    whole = [item("billing", "US"), item("registered", "US")]

    assert is_complete(policy, whole, NOW)
    assert not is_complete(policy, whole[:1], NOW)
    assert not is_complete(policy, [whole[0], item("registered", "CA")], NOW)
    assert not is_complete(policy, [whole[0], item("registered", "US", expires_at=NOW)], NOW)
    assert not is_complete(policy, [*whole, item("billing", "CA", source="t")], NOW)
