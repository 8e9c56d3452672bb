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
