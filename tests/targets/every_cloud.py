"""Compile one policy for any of the three clouds."""

from datetime import UTC, datetime
from functools import cache

from bailiwick.bootstrap import read_catalog
from bailiwick.catalog import Catalog
from bailiwick.cloud import Cloud, Organisation, read_organisation
from bailiwick.decision import DecisionTable, compile_table
from bailiwick.documents import parse_document
from bailiwick.policy import read_policy
from bailiwick.targets import Compiled, Stage
from bailiwick.targets.aws import compile_aws
from bailiwick.targets.azure import compile_azure
from bailiwick.targets.gcp import compile_gcp

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
POLICY = """\
bailiwick: 1
name: x
places: {us: {include: [US], territories: inherit}}
rules:
  - {id: frontier, permit: [anthropic/claude-*, "openai/gpt-5*"], where: {processing: us}}
  - {id: open, permit: meta/llama-*}
"""
ORGANISATION = f"""\
organisation: 1
name: x
aws: {{id: o-exampleorg1, root: r-ab12, accounts: ["111111111111"]}}
gcp: {{id: organizations/1, projects: [{{id: my-project, number: "4711"}}]}}
azure: {{id: root, subscriptions: [{SUBSCRIPTION}]}}
"""


@cache
def parts(
    policy: str = POLICY, organisation: str = ORGANISATION
) -> tuple[DecisionTable, Catalog, Organisation]:
    catalog = read_catalog()
    table = compile_table(read_policy(policy, "policy.yaml", catalog), catalog)
    return table, catalog, read_organisation(parse_document(organisation, "org.yaml"))


@cache
def compiled(
    cloud: Cloud,
    policy: str = POLICY,
    organisation: str = ORGANISATION,
    stage: Stage = Stage.ENFORCE,
) -> Compiled:
    table, catalog, whole = parts(policy, organisation)
    tree = whole.tree(cloud)
    match cloud:
        case Cloud.AWS:
            return compile_aws(table, catalog, tree, NOW)
        case Cloud.GCP:
            return compile_gcp(table, catalog, tree, NOW, stage)
        case Cloud.AZURE:
            return compile_azure(table, catalog, tree, NOW, stage)
