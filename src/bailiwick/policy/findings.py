"""Read what a policy says of accounts: findings, and how reviews are held."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bailiwick.documents import Path
from bailiwick.facts import Layer, dimension
from bailiwick.policy.problems import Problems
from bailiwick.policy.rules import FINDING_KINDS, Finding, Review, Rule
from bailiwick.policy.shape import FindingShape, ReviewShape
from bailiwick.shapes import did_you_mean

NOT_COMPARED = frozenset({"labels", "status", "principal"})
"""Facts of the account layer that are no evidence of where somebody is."""
REVIEW_ONLY = frozenset({"phone", "nationality", "owner", "funding", "address_check", "name"})
"""Kinds that are never strong enough for more than a review."""
REQUIRED_KINDS = ("billing", "card", "registered", "document", "phone", "tax")


def compared(permit: Rule) -> frozenset[str]:
    """Name the facts of an account that a permit asks about."""
    asked = {one.fact for disjunct in permit.disjuncts for one in disjunct}
    return frozenset(name for name in asked - NOT_COMPARED if _of_account(name))


def _of_account(name: str) -> bool:
    known = dimension(name)
    return known is not None and known.layer is Layer.ACCOUNT


def read_findings(
    shapes: Mapping[str, FindingShape], permits: Mapping[str, Rule], problems: Problems
) -> Iterator[Finding]:
    """Read the findings of one file."""
    for name, shape in shapes.items():
        path: Path = ("accounts", name)
        kinds = frozenset(shape.kinds or ())
        _check_kinds(kinds, problems, (*path, "kinds"))
        _check_permit(name, shape, kinds, permits, problems)
        if (shape.cure is None) != (shape.next is None):
            problems.error(path, f"finding `{name}` needs both `cure` and `next`, or neither")
        if shape.next is not None and shape.then == "review":
            problems.error(
                (*path, "next"),
                f"finding `{name}`: a review is ended by a person, so nothing comes `next`",
                "write `then: restrict`, or leave `cure` and `next` out",
            )
        if kinds and kinds <= REVIEW_ONLY and shape.then != "review":
            problems.warn(
                (*path, "then"),
                f"finding `{name}` can never {shape.then}: its kinds only ever open a review",
                "write `then: review`",
            )
        yield Finding(
            name, shape.of, shape.then, shape.cure, shape.next, kinds,
            problems.document.position(path),
        )  # fmt: skip


def _check_kinds(kinds: frozenset[str], problems: Problems, path: Path) -> None:
    for kind in sorted(kinds - set(FINDING_KINDS)):
        problems.error(
            path, f"unknown kind of evidence `{kind}`", did_you_mean(kind, FINDING_KINDS)
        )


def _check_permit(
    name: str,
    shape: FindingShape,
    kinds: frozenset[str],
    permits: Mapping[str, Rule],
    problems: Problems,
) -> None:
    permit = permits.get(shape.of)
    path = ("accounts", name, "of")
    if permit is None:
        problems.error(
            path,
            f"finding `{name}` is about an unknown permit `{shape.of}`",
            did_you_mean(shape.of, permits),
        )
        return
    asked = {fact.partition(".")[0] for fact in compared(permit)}
    if not asked and not kinds & {"list", "name", "order"}:
        problems.warn(
            path,
            f"finding `{name}` finds nothing: permit `{shape.of}` asks nothing of the account",
            "give the permit a condition such as `billing`",
        )
    places = asked - {"ownership"}
    for kind in sorted(kinds & {*REQUIRED_KINDS, "ownership"} - {"tax"} - asked):
        if kind == "ownership" or not places:
            problems.warn(
                ("accounts", name, "kinds"),
                f"finding `{name}`: permit `{shape.of}` has no condition on `{kind}`",
                "add one, or leave it out",
            )


def read_review(shape: ReviewShape | None, problems: Problems) -> Review:
    """Read how reviews are held."""
    if shape is None:
        return Review()
    times: dict[str, Any] = {
        f"{key}_s": getattr(shape, key)
        for key in (
            "look", "decide", "appeal", "appeal_open", "not_proven", "mute", "probation",
            "terminate_after", "announce",
        )
        if getattr(shape, key) is not None
    }  # fmt: skip
    made = replace(Review(), **times)
    for key, part in {"suspend": shape.suspend_at_most, "confirm": shape.confirm_over}.items():
        if part is not None:
            parts: dict[str, Any] = {
                f"{key}_accounts": part.accounts or 0,
                f"{key}_share": part.share or Decimal(0),
            }
            made = replace(made, **parts)
    for kind in sorted(set(shape.require or ()) - set(REQUIRED_KINDS)):
        problems.error(
            ("review", "require"),
            f"unknown kind of evidence `{kind}`",
            did_you_mean(kind, REQUIRED_KINDS),
        )
    return replace(made, require=frozenset(shape.require or ()))
