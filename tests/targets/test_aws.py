"""Service control policies: what they say, what proves them, and what is refused."""

import json
import re

import pytest

from bailiwick.errors import InvalidInput
from bailiwick.targets.aws import Attach, NewModels
from targets.aws_compiling import ORGANISATION, POLICY, compile_text

pytestmark = pytest.mark.timeout(600)  # each test compiles; other work may share the machine


def statements(made) -> dict[str, dict]:
    found = {}
    for text in made.files.values():
        for one in json.loads(text)["Statement"]:
            assert one["Sid"] not in found
            found[one["Sid"]] = one
    return found


def wanted(made, **where) -> set[bool]:
    cells = [
        one for one in made.cells if all(getattr(one, key) == value for key, value in where.items())
    ]
    assert cells, where
    return {one.permit for one in cells}


OPUS, LLAMA = "anthropic/claude-opus-4-1", "meta/llama-3.1-8b"
INVOKE, MANTLE = "bedrock:InvokeModel", "bedrock-mantle:CreateInference"
EXAMPLE = compile_text()


@pytest.mark.parametrize(
    ("account", "model", "region", "profile", "permit"),
    [
        ("111111111111", OPUS, "us-east-1", "direct", True),
        ("111111111111", OPUS, "us-west-2", "us", True),
        ("111111111111", OPUS, "us-west-2", "application:us", True),
        ("111111111111", OPUS, "eu-central-1", "direct", False),
        ("111111111111", OPUS, "ca-central-1", "direct", False),
        ("111111111111", OPUS, "ca-central-1", "us", False),
        ("111111111111", OPUS, "us-east-1", "global", False),
        ("111111111111", OPUS, "us-east-1", "application:global", False),
        ("111111111111", OPUS, "eu-central-1", "eu", False),
        ("222222222222", OPUS, "us-east-1", "direct", False),
        ("222222222222", LLAMA, "eu-central-1", "direct", True),
        ("222222222222", LLAMA, "us-east-1", "global", True),
        ("333333333333", OPUS, "eu-central-1", "direct", True),
        ("*", OPUS, "us-east-1", "direct", False),
        ("111111111111", "unlisted.model-v1:0", "us-east-1", "direct", False),
        ("333333333333", "unlisted.model-v1:0", "us-east-1", "direct", True),
    ],
)  # fmt: skip
def test_the_matrix_wants_what_the_policy_says(
    account: str, model: str, region: str, profile: str, permit: bool
) -> None:
    cells = [
        one
        for one in EXAMPLE.cells
        if (one.action, one.model, one.region, one.profile) == (INVOKE, model, region, profile)
    ]
    found = {one.permit for one in cells if one.account == account}

    assert found <= {permit} if account != "*" else permit in found


def test_every_account_model_region_and_action_is_in_the_matrix() -> None:
    cells = EXAMPLE.cells

    assert {one.account for one in cells} == {
        "111111111111",
        "222222222222",
        "333333333333",
        "*",
        "no path",
    }
    assert len({one.region for one in cells}) == 37
    assert len({one.model for one in cells if one.action == INVOKE}) > 40
    assert {"bedrock:CreateModelInvocationJob", "bedrock:CreateProvisionedModelThroughput", "sagemaker:CreateEndpoint", "bedrock:CreateModelImportJob", "aws-marketplace:Subscribe", MANTLE} <= {one.action for one in cells}  # fmt: skip


def test_output_is_deterministic_minified_and_of_legal_size() -> None:
    again = compile_text()

    assert again.files == EXAMPLE.files
    assert again.reports() == EXAMPLE.reports()
    for name, text in EXAMPLE.files.items():
        assert text == json.dumps(json.loads(text), separators=(",", ":"))
        assert EXAMPLE.sizes[name] == (len(text), 10240)
        assert len(text) <= 5120


def test_a_sid_is_what_aws_takes_and_the_manifest_leads_back_to_the_rule() -> None:
    found = {one.id: one for one in EXAMPLE.statements}

    assert set(found) == set(statements(EXAMPLE))
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in found)
    assert found["BwRegion1"].rules == ("frontier",)
    assert "outside us-east-1" in found["BwRegion1"].says


def test_both_front_doors_are_held_and_a_call_without_its_model_is_denied() -> None:
    found = statements(EXAMPLE)

    assert "bedrock-mantle:CreateInference" in found["BwMantleRegion1"]["Action"]
    assert list(found["BwMantleUnlisted1"]["Condition"]["StringNotLike"]) == [
        "bedrock-mantle:Model"
    ]
    assert wanted(EXAMPLE, action=MANTLE, profile="missing", account="111111111111") == {False}


def test_accounts_are_named_by_their_path_so_that_a_missing_path_is_denied() -> None:
    condition = statements(EXAMPLE)["BwRegion2"]["Condition"]

    assert condition["ForAllValues:StringNotLike"] == {
        "aws:PrincipalOrgPaths": ["o-exampleorg1/r-ab12/ou-ab12-aaaaaaaa/*"]
    }
    assert condition["StringNotEquals"] == {"aws:PrincipalAccount": ["333333333333"]}


def test_wildcards_stand_only_where_iam_allows_them() -> None:
    for one in statements(EXAMPLE).values():
        for action in one["Action"]:
            assert "*" not in action.removesuffix("*")
        for resource in [*one.get("NotResource", []), *one.get("Resource", [])]:
            if resource != "*":
                assert "*" not in resource.split(":", 5)[5].partition("/")[0]


def test_a_new_model_is_denied_unless_it_shall_be_like_its_family() -> None:
    exact = statements(EXAMPLE)["BwUnlisted1"]["NotResource"]
    loose_made = compile_text(new_models=NewModels.LIKE_FAMILY)
    loose = statements(loose_made)["BwUnlisted1"]["NotResource"]

    models = [one for one in exact if "foundation-model" in one]
    assert models
    assert not any(one.endswith("*") for one in models)
    assert "arn:aws:bedrock:*::foundation-model/openai.gpt-oss-*" in loose
    assert any("new models" in note for note in loose_made.notes)


def test_attached_to_units_no_statement_needs_a_path() -> None:
    made = compile_text(attach=Attach.UNITS)

    assert all("aws:PrincipalOrgPaths" not in text for text in made.files.values())
    assert {name.rpartition("-")[0] for name in made.files} == {
        "bailiwick-ou-ab12-aaaaaaaa",
        "bailiwick-ou-ab12-bbbbbbbb",
    }
    assert any("compile again" in note for note in made.notes)


def test_terraform_is_given_policies_and_attachments_and_no_template_of_ours() -> None:
    value = json.loads(EXAMPLE.terraform["bailiwick.tf.json"])

    assert set(value["resource"]) == {
        "aws_organizations_policy",
        "aws_organizations_policy_attachment",
    }
    for name, one in value["resource"]["aws_organizations_policy"].items():
        assert one["type"] == "SERVICE_CONTROL_POLICY"
        assert one["content"].replace("$${", "${") == EXAMPLE.files[f"{name}.json"]
        attachment = value["resource"]["aws_organizations_policy_attachment"][name]
        assert attachment["policy_id"] == f"${{aws_organizations_policy.{name}.id}}"


RULE = "  - {id: r, permit: mistral/*, where: {%s}}\n"


@pytest.mark.parametrize(
    "where",
    [
        "endpoint: us",
        "processing: us",
        "processing: eu",
        "endpoint: eu, processing: [eu, us]",
        "endpoint: [us, CA], processing: [us, CA]",
        "endpoint: CA, processing: [us, CA]",
        "endpoint: {not: CN}",
        "processing: {not: [DE, FR]}",
        "action: infer",
        "action: [infer, batch, subscribe, create_key], processing: us",
        "labels: {none: [frontier-team]}",
        "labels: frontier-team, endpoint: JP",
        "principal: '222222222222'",
        "billing: [US, unknown]",
        "processing: [us, unknown], endpoint: [eu, us, unknown]",
    ],
)
def test_every_shape_of_condition_compiles_to_what_it_says(where: str) -> None:
    """The compiler evaluates its own output on every cell and would refuse a difference."""
    for attach in Attach:
        made = compile_text(POLICY + RULE % where, attach=attach)
        assert {one.permit for one in made.cells} == {True, False}


def test_denies_and_several_authorities_compile_too() -> None:
    policy = POLICY + (
        "  - {id: no-de, deny: '*', where: {processing: DE}}\n"
        "  - {id: no-de-endpoint, deny: meta/*, where: {endpoint: [DE, FR]}}\n"
        "  - {id: provider, permit: meta/*, authority: provider-meta, where: {processing: {not: IN}}}\n"
        "  - {id: not-these, deny: '*', where: {principal: '222222222222', endpoint: JP}}\n"
    )

    made = compile_text(policy)

    assert wanted(
        made,
        action=INVOKE,
        model=LLAMA,
        region="eu-central-1",
        profile="direct",
        account="222222222222",
    ) == {False}
    assert wanted(
        made,
        action=INVOKE,
        model=LLAMA,
        region="ap-south-1",
        profile="direct",
        account="222222222222",
    ) == {False}
    assert wanted(
        made,
        action=INVOKE,
        model=LLAMA,
        region="us-east-1",
        profile="global",
        account="222222222222",
    ) == {False}
    assert wanted(
        made,
        action=INVOKE,
        model=LLAMA,
        region="us-east-1",
        profile="direct",
        account="222222222222",
    ) == {True}


TAGGED = ORGANISATION.replace(
    "  units:\n", '  administrators: ["arn:aws:iam::*:role/bailiwick-admin"]\n  units:\n'
)


def test_an_opaque_resource_is_denied_unless_an_administrator_has_tagged_it() -> None:
    plain, tagged = EXAMPLE, compile_text(organisation=TAGGED)
    cell = {"action": INVOKE, "resource": "provisioned-model/abcdef", "account": "111111111111"}

    assert wanted(plain, **cell) == {False}
    assert wanted(tagged, **cell, profile="approved") == {True}
    assert wanted(tagged, **cell, profile="other") == {False}
    assert wanted(tagged, **cell, profile="") == {False}
    assert statements(tagged)["BwTagIsAdminOnly1"]["Condition"]["ArnNotLike"] == {
        "aws:PrincipalArn": ["arn:aws:iam::*:role/bailiwick-admin"]
    }
    marketplace = {**cell, "resource": "marketplace/model-endpoint/all-access"}
    assert wanted(tagged, **marketplace) == {False}


def test_parts_that_are_left_open_are_said() -> None:
    organisation = ORGANISATION.replace(
        "  units:\n", "  leave_open: {sagemaker: our own, opaque: later}\n  units:\n"
    )

    made = compile_text(organisation=organisation)

    assert wanted(made, action="sagemaker:CreateEndpoint") == {True}
    assert wanted(made, action="bedrock:CreateModelImportJob", account="111111111111") == {False}
    assert "sagemaker: left open (our own)" in made.notes


def test_long_term_keys_and_marketplace_products_are_held_where_asked() -> None:
    organisation = ORGANISATION.replace(
        "  units:\n",
        "  long_term_keys: deny\n  products: {claude-opus-4-1: [prod-opus]}\n  units:\n",
    )

    made = compile_text(organisation=organisation)

    key = {"action": "bedrock:CallWithBearerToken", "account": "111111111111"}
    assert wanted(made, **key, profile="LONG_TERM") == {False}
    assert wanted(made, **key, profile="SHORT_TERM") == {True}
    buy = {"action": "aws-marketplace:Subscribe", "profile": "prod-opus"}
    assert wanted(made, **buy, account="111111111111") == {True}
    assert wanted(made, **buy, account="222222222222") == {False}
    assert wanted(made, action="aws-marketplace:Subscribe", profile="prod-other") == {True}


def test_an_account_that_may_use_nothing_may_enable_nothing() -> None:
    policy = POLICY.replace(
        "[meta/llama-*, openai/gpt-oss-*]}", "meta/llama-*, where: {labels: frontier-team}}"
    )

    made = compile_text(policy)

    assert wanted(
        made, action="bedrock:CreateFoundationModelAgreement", account="222222222222"
    ) == {False}
    assert wanted(made, action="bedrock:CallWithBearerToken", account="222222222222") == {False}
    assert wanted(made, action="bedrock:CallWithBearerToken", account="111111111111") == {True}


def test_a_rule_that_comes_out_weaker_is_refused_unless_acknowledged() -> None:
    policy = POLICY.replace("endpoint: us,", "endpoint: us, address: us, hidden: ok,")

    with pytest.raises(InvalidInput, match="rule `frontier` would come out weaker in aws"):
        compile_text(policy)
    made = compile_text(policy + "acknowledge: [{cloud: aws, of: address, by: edge}]\n")
    assert wanted(
        made,
        action=INVOKE,
        model=OPUS,
        region="us-east-1",
        profile="direct",
        account="111111111111",
    ) == {True}


def test_a_model_of_the_products_that_nobody_knows_is_named() -> None:
    organisation = ORGANISATION.replace("  units:\n", "  products: {clod: [prod-1]}\n  units:\n")

    with pytest.raises(InvalidInput, match="unknown model `clod`"):
        compile_text(organisation=organisation)


def test_what_does_not_fit_is_refused_with_the_statement_that_is_too_long() -> None:
    accounts = ", ".join(f'{{id: "{index:012d}", labels: [some]}}' for index in range(1, 1500, 2))
    others = ", ".join(f'"{index:012d}"' for index in range(2, 1500, 2))
    organisation = ORGANISATION.replace(
        'accounts: ["222222222222"]', f"accounts: [{accounts}, {others}]"
    )
    policy = POLICY + "  - {id: r, permit: mistral/*, where: {labels: some}}\n"

    with pytest.raises(
        InvalidInput, match=r"characters, and AWS takes 10240; the longest statement is Bw"
    ):
        compile_text(policy, organisation)
