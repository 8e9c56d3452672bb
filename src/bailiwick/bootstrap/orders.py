"""Put stored orders and approvals into a table: names and patterns become models, places sets."""

from bailiwick.accounts import InForce, StoredOrder
from bailiwick.catalog import Catalog
from bailiwick.decision import DecisionTable, compile_table
from bailiwick.places import PlaceSet
from bailiwick.policy import Order, Policy, matching


def table_with(policy: Policy, catalog: Catalog, found: InForce) -> DecisionTable:
    """Compile a policy with what people put in force beside it."""
    orders = [order_of(one, catalog) for one in found.orders]
    approvals = found.approvals & {rule.id for rule in policy.rules}
    return compile_table(policy, catalog, [one for one in orders if one.models], approvals)


def order_of(stored: StoredOrder, catalog: Catalog) -> Order:
    """Read a stored order. Where a subdivision is not known, the scope holds and no exception."""
    found = [matching(text, catalog) for text in stored.models]
    return Order(
        id=stored.id,
        models=frozenset[str]().union(*found),
        reason=stored.reason,
        by=stored.by,
        from_at=stored.from_at,
        review_by=stored.review_by,
        until_at=stored.until_at,
        places=_places(stored.places, unknown=True),
        except_principals=stored.except_principals,
        except_labels=stored.except_labels,
        except_places=_places(stored.except_places, unknown=False),
    )


def _places(codes: tuple[str, ...], *, unknown: bool) -> PlaceSet | None:
    return PlaceSet(frozenset(codes), frozenset(), unknown) if codes else None
