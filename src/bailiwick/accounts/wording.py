"""Reason codes in plain words: what is wrong, and what somebody can do about it."""

from typing import Final

REASONS: Final[dict[str, str]] = {
    "geo.billing_country": "the billing address is in {values}, where this service is not sold",
    "geo.registered_country": "the registered address is in {values}, where this is not sold",
    "geo.card_country": "the payment card was issued in {values}, where this is not sold",
    "geo.document_country": "the identity document was issued in {values}",
    "geo.phone_country": "the phone number is of {values}",
    "geo.tax_country": "the tax number is of {values}",
    "geo.nationality": "the nationality on a document is {values}",
    "own.over_threshold": "owners named in the policy hold more than it permits",
    "own.unknown_share": "it is not known how much owners named in the policy hold",
    "own.headquarters": "an owner has its headquarters in {values}",
    "own.cycle": "owners of the account own each other",
    "list.exact_id": "an identifier of the account is on a list: {values}",
    "list.name_possible": "the name of the account resembles one on a list",
    "order.operator": "the operator ordered it: {values}",
    "person.class_unverified": "who uses the account has not been verified as the policy requires",
    "evidence.missing": "evidence that the policy requires is missing",
    "evidence.expired": "evidence has expired: {kinds}",
    "evidence.conflict": "evidence of equal weight disagrees: {kinds} is {values}",
    "evidence.prepaid": "the payment card is prepaid, so its country says little",
    "evidence.address": "the address does not exist as it is written",
    "shadow.cluster": "the account is used together with others as if they were one",
    "shadow.travel": "the account is used from places that one person could not be in",
    "shadow.concurrency": "the account is used from distant places at the same time",
    "shadow.countries": "the account is used from many countries on one day",
    "shadow.anonymizer": "most use of the account comes through networks that hide where it is",
    "exemption.expired": "an exemption has ended",
    "evidence.complete": "everything that is required is known and accepted",
    "evidence.superseded": "better evidence took the place of what was held against the account",
    "review.cleared": "a reviewer found nothing against the account",
    "review.false_positive": "a reviewer found that the suspicion was wrong",
    "review.confirmed": "a reviewer confirmed what was held against the account",
    "review.not_proven": "the review ended without proof",
    "review.requested": "a person asked for a review",
    "appeal.granted": "the appeal was granted",
    "appeal.refused": "the appeal was refused",
    "error.correction": "an error was corrected",
    "customer.closed": "the customer closed the account",
    "terms.breach": "the terms of service were broken",
}
"""In braces: what the facts say. ``docs/reasons.md`` lists the same codes."""

FIXES: Final[dict[str, str]] = {
    "geo": "show where you really are: correct the place, or send a document that proves it",
    "own": "send a register extract that shows who owns you, and how much",
    "list": "show that you are not the listed party, for example by your registry number",
    "evidence": "send the evidence that is missing, expired or disputed",
    "order": "ask the operator; only the operator can lift an order",
    "shadow": "tell who uses the account, and from where",
    "terms": "tell how it will not happen again",
}
"""By the first part of the code."""


def plain_reason(code: str, facts: list[dict[str, str]]) -> str:
    """Word a reason with its facts."""
    facts = [fact for fact in facts if fact["kind"] != "decision"]
    values = ", ".join(sorted({fact["value"] for fact in facts if fact.get("value")}))
    kinds = ", ".join(sorted({fact["kind"] for fact in facts}))
    return REASONS.get(code, code).format(values=values or "an unknown place", kinds=kinds)


def how_to_fix(code: str) -> str:
    """Say what can be done."""
    return FIXES.get(code.partition(".")[0], "write to us, and send what speaks for you")


def for_how_long(seconds: int) -> str:
    """Word a duration in the largest unit that says it exactly; up to three days in hours."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count, rest = divmod(seconds, length)
        if not rest and count and (unit != "day" or count > 3):
            return _counted(count, unit)
    return _counted(seconds, "second")


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
