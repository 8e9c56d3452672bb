"""Compile small policies for the tests of the AWS target."""

from datetime import UTC, datetime

from bailiwick.bootstrap import read_catalog
from bailiwick.cloud import Cloud, Tree, read_organisation
from bailiwick.cloud.aws import default_profiles
from bailiwick.decision import compile_table
from bailiwick.documents import parse_document
from bailiwick.policy import read_policy
from bailiwick.targets import Compiled
from bailiwick.targets.aws import AwsWork, Options, compile_aws

NOW = datetime(2026, 11, 28, tzinfo=UTC)
ORGANISATION = """\
organisation: 1
name: x
aws:
  id: o-exampleorg1
  root: r-ab12
  management: "999999999999"
  units:
    - {id: ou-ab12-aaaaaaaa, labels: [frontier-team], accounts: ["111111111111"]}
    - {id: ou-ab12-bbbbbbbb, accounts: ["222222222222"]}
  accounts: [{id: "333333333333", exempt: "red team"}]
"""
POLICY = """\
bailiwick: 1
name: x
places: {us: {include: [US], territories: inherit}, eu: {use: EU}}
rules:
  - {id: frontier, permit: anthropic/claude-*, where: {endpoint: us, processing: us, labels: frontier-team}}
  - {id: open, permit: [meta/llama-*, openai/gpt-oss-*]}
"""


def tree_of(text: str = ORGANISATION) -> Tree:
    return read_organisation(parse_document(text, "org.yaml")).tree(Cloud.AWS)


def compile_text(policy: str = POLICY, organisation: str = ORGANISATION, **options) -> Compiled:
    catalog = read_catalog()
    table = compile_table(read_policy(policy, "policy.yaml", catalog), catalog)
    chosen = Options(default_profiles(), **options)
    return compile_aws(table, catalog, tree_of(organisation), NOW, chosen)


def work_on(policy: str = POLICY, organisation: str = ORGANISATION, **options) -> AwsWork:
    catalog = read_catalog()
    table = compile_table(read_policy(policy, "policy.yaml", catalog), catalog)
    chosen = Options(default_profiles(), **options)
    return AwsWork(table, catalog, tree_of(organisation), NOW, chosen)
