"""Ask an independent evaluator, iam-simulate, in a process of its own.

It fills in no context and exempts neither the management account nor service-linked roles: the
caller gives all of that. Its validating mode refuses the model ARN without a region that global
profiles have, and drops `aws-marketplace:ProductId` without a word, so the other mode is used.
"""

from collections.abc import Iterable, Mapping, Sequence

from bailiwick.cloud.aws import Check
from targets import peers

MULTIPLE = {"aws:principalorgpaths", "aws:tagkeys", "aws-marketplace:productid"}
"""Keys that have several values; all others are one text."""

needs_peer = peers.needs("@cloud-copilot/iam-simulate")


def ask(
    policies: Mapping[str, object], questions: Iterable[tuple[Check, Sequence[str]]]
) -> list[str]:
    """Answer each check under the policies that are attached to the root."""
    requests = [
        {
            "action": check.action,
            "resource": check.resource,
            "account": check.context["aws:principalaccount"][0],
            "context": {
                key: list(values) if key in MULTIPLE else values[0]
                for key, values in check.context.items()
            },
            "policies": [list(names), [], []],
        }
        for check, names in questions
    ]
    found = peers.ask("simulate.mjs", {"policies": policies, "requests": requests})
    assert len(found) == len(requests)
    return found
