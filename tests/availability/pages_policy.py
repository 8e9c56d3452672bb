"""A policy with everything that the pages have to say."""

from datetime import UTC, datetime

from agreement.generate import small_catalog
from bailiwick.availability import Availability, gather
from bailiwick.decision import DecisionTable, compile_table
from bailiwick.policy import read_policy

AT = datetime(2026, 11, 1, tzinfo=UTC)
POLICY = """
bailiwick: 1
name: pages
about: "<tests> & more, unverified"
source: "a story, <unverified>"
as_of: 2026-06-30
places:
  eu: {use: EU}
  crimea: {include: [UA-43], if_subdivision_unknown: no_match}
refusal: {appeal: "https://example.org/appeal", exemption: "https://example.org/exempt"}
rules:
  - {id: all, permit: pa/*, where: {address: [US, DE, FR, UA], billing: [US, DE, FR, UA, unknown]}, basis: "licence <1>"}
  - {id: other, permit: pb/*}
  - {id: eu-quota, restrict: pa/*, where: {address: eu}, to: {quota: {requests: 60, per: minute, by: account}}}
  - {id: no-images, restrict: pb/*, where: {address: JP}, to: {features: {deny: [image_input]}}}
  - {id: no-crimea, deny: pa/*, where: {address: crimea}}
  - {id: leaves, deny: pa/one, where: {address: FR}, from: 2027-01-01T00:00Z}
  - {id: arrives, permit: pa/one, where: {address: BR}, from: 2027-03-01T00:00Z, until: 2028-01-01T00:00Z}
"""


def table_of(text: str) -> DecisionTable:
    catalog = small_catalog()
    return compile_table(read_policy(text, "pages.yaml", catalog), catalog)


def gathered(text: str = POLICY, at: datetime = AT) -> Availability:
    return gather(table_of(text), small_catalog(), at)
