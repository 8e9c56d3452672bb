"""What is deployed: service control policies and where they are attached.

From a file, or live through boto3 (the extra ``aws``). A file is what ``cloud audit aws --save``
writes,

    {"policies": {"NAME": {...}}, "attached": {"r-ab12": ["NAME"], "ou-...": [], "1111...": []}}

or a folder with one policy in each ``*.json``, all of them attached to the root.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bailiwick.cloud.aws.scp import (
    FULL_ACCESS,
    Guardrails,
    ScpStatement,
    guardrails,
    loaded,
    parse_scp,
)
from bailiwick.cloud.organisation import UNLISTED, Tree
from bailiwick.errors import BailiwickError, InvalidInput, Position

FULL = "FullAWSAccess"


@dataclass(frozen=True, slots=True)
class Deployed:
    """Policies by name, and the names attached to each root, unit and account."""

    policies: Mapping[str, Mapping[str, Any]]
    attached: Mapping[str, Sequence[str]]

    def as_dict(self) -> dict[str, Any]:
        """Give it as a file."""
        return {"policies": dict(self.policies), "attached": dict(self.attached)}


def read_deployed(file: str, value: Any) -> Deployed:
    """Read an export, parsed. Raises ``InvalidInput`` for what is none."""
    try:
        policies, attached = dict(value["policies"]), dict(value["attached"])
    except (ValueError, KeyError, TypeError):
        raise InvalidInput.of(
            "no export of service control policies",
            "write one with `bailiwick cloud audit aws --live --save FILE`",
            Position(file),
        ) from None
    missing = {name for names in attached.values() for name in names} - {*policies, FULL}
    if missing:
        names = ", ".join(sorted(missing))
        raise InvalidInput.of(f"attached but not in the file: {names}", None, Position(file))
    return Deployed(policies, attached)


def at_root(documents: Mapping[str, str | Mapping[str, Any]], tree: Tree) -> Deployed:
    """Attach policies to the root, beside what AWS attaches everywhere."""
    if not documents:
        raise InvalidInput.of("no policies there", "a folder needs one policy in each `*.json`")
    policies = {name: loaded(name, one) for name, one in documents.items()}
    attached = {level: [FULL] for level in _levels(tree)}
    attached[tree.root.id] = [FULL, *policies]
    return Deployed(policies, attached)


def _levels(tree: Tree) -> Iterator[str]:
    for unit in tree.root.every():
        yield unit.id
        yield from (account.id for account in unit.accounts)


def rails_of(deployed: Deployed, tree: Tree, new_account: str) -> Guardrails:
    """Index what is deployed; every root, unit and account of the organisation must be in it.

    ``new_account`` stands for an account that nobody has listed: only what AWS attaches itself.
    """
    unknown = [level for level in _levels(tree) if level not in deployed.attached]
    if unknown:
        raise InvalidInput.of(
            f"nothing is said of what is attached to {', '.join(f'`{one}`' for one in unknown)}",
            "export the organisation again, or correct the organisation file",
        )
    parsed: dict[str, tuple[ScpStatement, ...]] = {
        name: parse_scp(name, document) for name, document in deployed.policies.items()
    }
    parsed.setdefault(FULL, FULL_ACCESS)
    levels = {
        level: [one for name in names for one in parsed[name]]
        for level, names in deployed.attached.items()
    }
    return guardrails({**levels, new_account: FULL_ACCESS, UNLISTED: FULL_ACCESS})


# -- live --------------------------------------------------------------------------------------


def fetch_deployed(client: Any) -> Deployed:
    """Read every service control policy and its targets with a boto3 client of Organizations.

    Raises ``BailiwickError`` where AWS does not answer: no credentials, no permission, no network.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return _fetch(client)
    except (BotoCoreError, ClientError) as error:
        raise BailiwickError(f"AWS Organizations cannot be read: {error}", NEEDS) from None


NEEDS = (
    "it needs credentials of the management account or of a delegated administrator, with "
    "`organizations:List*` and `organizations:Describe*`"
)


def _fetch(client: Any) -> Deployed:
    policies: dict[str, Mapping[str, Any]] = {}
    attached: dict[str, list[str]] = {}
    for page in client.get_paginator("list_policies").paginate(Filter="SERVICE_CONTROL_POLICY"):
        for summary in page["Policies"]:
            name = summary["Name"] if summary["Id"] == f"p-{FULL}" else summary["Id"]
            found = client.describe_policy(PolicyId=summary["Id"])["Policy"]
            policies[name] = json.loads(found["Content"])
            targets = client.get_paginator("list_targets_for_policy")
            for listed in targets.paginate(PolicyId=summary["Id"]):
                for target in listed["Targets"]:
                    attached.setdefault(target["TargetId"], []).append(name)
    for level in _fetch_levels(client):
        attached.setdefault(level, [])
    return Deployed(policies, {level: sorted(names) for level, names in sorted(attached.items())})


def _fetch_levels(client: Any) -> Iterator[str]:
    for root in client.list_roots()["Roots"]:
        yield from _fetch_below(client, root["Id"])


def _fetch_below(client: Any, parent: str) -> Iterator[str]:
    yield parent
    for page in client.get_paginator("list_accounts_for_parent").paginate(ParentId=parent):
        yield from (account["Id"] for account in page["Accounts"])
    units = client.get_paginator("list_organizational_units_for_parent")
    for page in units.paginate(ParentId=parent):
        for unit in page["OrganizationalUnits"]:
            yield from _fetch_below(client, unit["Id"])


def organizations_client() -> Any:
    """Make a boto3 client of AWS Organizations; credentials come from the environment."""
    try:
        import boto3
    except ImportError:
        raise BailiwickError(
            "boto3 is not installed", "install the extra `aws`: pip install 'bailiwick[aws]'"
        ) from None
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.client("organizations", region_name="us-east-1")
    except BotoCoreError as error:
        raise BailiwickError(f"AWS Organizations cannot be asked: {error}", NEEDS) from None
