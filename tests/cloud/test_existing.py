"""What exists already is permitted, must not exist, or cannot be told; each with the rule."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bailiwick.bootstrap import read_catalog
from bailiwick.cloud import Cloud, read_organisation
from bailiwick.cloud.watch import Existing, Judge, judge_existing, read_inventory
from bailiwick.decision import compile_table
from bailiwick.documents import parse_document
from bailiwick.policy import read_policy

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ONE, TWO = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))
POLICY = """\
bailiwick: 1
name: x
places: {us: {include: [US], territories: inherit}}
rules:
  - {id: frontier, permit: [anthropic/claude-*, "openai/gpt-5*"], where: {endpoint: us, processing: us}}
  - {id: open, permit: meta/llama-*}
  - {id: never, deny: openai/gpt-4o}
"""
ORGANISATION = f"""\
organisation: 1
name: x
aws:
  id: o-exampleorg1
  root: r-ab12
  accounts: ["111111111111", {{id: "333333333333", exempt: red team}}]
gcp: {{id: organizations/1, projects: [{{id: my-project, number: "4711"}}]}}
azure: {{id: root, subscriptions: [{ONE}]}}
"""
CLAUDE = "anthropic.claude-opus-4-1-20250805-v1:0"


def standing(cloud: Cloud, *listings: object, policy: str = POLICY) -> list[Existing]:
    catalog = read_catalog()
    table = compile_table(read_policy(policy, "policy.yaml", catalog), catalog)
    organisation = read_organisation(parse_document(ORGANISATION, "org.yaml"))
    texts = ((json.dumps(one), "listing.json") for one in listings)
    inventory = read_inventory(texts, may_be_empty=True)
    return list(judge_existing(Judge(table, catalog, organisation, inventory), cloud, NOW))


def provisioned(region: str, account: str = "111111111111", model: str = CLAUDE) -> dict[str, Any]:
    return {
        "provisionedModelSummaries": [
            {
                "provisionedModelArn": f"arn:aws:bedrock:{region}:{account}:provisioned-model/p1",
                "foundationModelArn": f"arn:aws:bedrock:{region}::foundation-model/{model}",
            }
        ]
    }


IMPORTED = {
    "modelSummaries": [
        {"modelArn": "arn:aws:bedrock:us-east-1:111111111111:imported-model/i1", "modelName": "x"}
    ]
}


@pytest.mark.parametrize(
    ("listing", "want", "rules"),
    [
        (provisioned("us-east-1"), "permitted", ("frontier",)),
        (provisioned("eu-central-1"), "must not exist", ("frontier",)),
        (provisioned("eu-central-1", "333333333333"), "permitted", ()),
        (provisioned("us-east-1", "444444444444"), "undetermined", ()),
        (provisioned("us-east-1", model="unknown.model-v1"), "must not exist", ()),
        (IMPORTED, "undetermined", ()),
    ],
)
def test_throughput_and_imports_in_aws(listing: object, want: str, rules: tuple[str, ...]) -> None:
    (found,) = standing(Cloud.AWS, listing)

    assert (found.standing, found.rules) == (want, rules)
    assert found.reason


def deployments(sku: str, model: str = "gpt-5", subscription: str = ONE) -> list[dict[str, Any]]:
    account = f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/a"
    return [
        {
            "id": f"{account}/deployments/d",
            "sku": {"name": sku},
            "properties": {"model": {"format": "OpenAI", "name": model}},
        }
    ]


def accounts(location: str) -> list[dict[str, Any]]:
    account = (
        f"/subscriptions/{ONE}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/A"
    )
    return [{"id": account, "kind": "OpenAI", "location": location, "properties": {}}]


@pytest.mark.parametrize(
    ("listings", "want", "rules"),
    [
        ((deployments("Standard"), accounts("eastus2")), "permitted", ("frontier",)),
        ((deployments("Standard"), accounts("swedencentral")), "must not exist", ("frontier",)),
        ((deployments("GlobalBatch"), accounts("eastus2")), "must not exist", ("frontier",)),
        ((deployments("GlobalStandard"),), "must not exist", ("frontier",)),
        ((deployments("Standard"),), "undetermined", ()),
        ((deployments("SomethingNew"), accounts("eastus2")), "undetermined", ()),
        ((deployments("Standard", "gpt-4o"), accounts("eastus2")), "must not exist", ("never",)),
    ],
)
def test_deployments_in_azure(
    listings: tuple[object, ...], want: str, rules: tuple[str, ...]
) -> None:
    (found,) = standing(Cloud.AZURE, *listings)

    assert (found.standing, found.rules) == (want, rules)


@pytest.mark.parametrize(
    ("location", "model", "want"),
    [
        ("us-east5", "publishers/anthropic/models/claude-opus-4-1", "permitted"),
        ("europe-west4", "publishers/anthropic/models/claude-opus-4-1", "must not exist"),
        ("us-east5", "projects/4711/locations/us-east5/models/1", "undetermined"),
    ],
)
@pytest.mark.parametrize("project", ["4711", "my-project"])
def test_endpoints_in_google(location: str, model: str, want: str, project: str) -> None:
    listing = [
        {
            "name": f"projects/{project}/locations/{location}/endpoints/42",
            "deployedModels": [{"model": model}],
        }
    ]

    (found,) = standing(Cloud.GCP, listing)

    assert found.standing == want
    assert found.name == "my-project/endpoints/42"


def test_a_listing_without_anything_says_that_there_is_nothing() -> None:
    assert standing(Cloud.AZURE, []) == []
    assert standing(Cloud.AWS, {"provisionedModelSummaries": []}) == []


def test_the_command_prints_each_with_its_rule_and_fails(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "org.yaml").write_text(ORGANISATION)
    (tmp_path / "deployments.json").write_text(json.dumps(deployments("GlobalStandard")))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bailiwick", *words, "--org", "org.yaml"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    run("compile", "azure", "policy.yaml", "--out", "exports", "--stage", "enforce")
    words = ("cloud", "audit", "azure", "policy.yaml", "exports")
    clean = run(*words)
    found = run(*words, "--inventory", "deployments.json")
    as_json = run(*words, "--inventory", "deployments.json", "--json")

    assert (clean.returncode, found.returncode) == (0, 1), clean.stderr + found.stderr
    assert "exists: must not exist" in found.stdout
    assert "rules frontier" in found.stdout.replace("\n", " ")
    (tmp_path / "other.json").write_text(json.dumps(provisioned("us-east-1")))
    other = run(*words, "--inventory", "other.json")
    assert other.returncode == 2
    assert "lists what exists in aws" in other.stderr
    (one,) = json.loads(as_json.stdout)["existing"]
    assert (one["standing"], one["rules"]) == ("must not exist", ["frontier"])
