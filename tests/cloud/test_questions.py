"""What a policy asks of a cloud: three answers, decided once a class, and who enforces the rest."""

from datetime import UTC, datetime

import pytest

from bailiwick.bootstrap import read_catalog
from bailiwick.cloud import (
    GLOBAL,
    Cloud,
    Coverage,
    Questions,
    coverage_of,
    read_organisation,
    regions_of,
    require_acknowledged,
)
from bailiwick.decision import Effect, compile_table
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from bailiwick.policy import read_policy

NOW = datetime(2026, 11, 28, tzinfo=UTC)
OPUS, LLAMA = "anthropic/claude-opus-4-1", "meta/llama-3.1-8b"
ORGANISATION = """\
organisation: 1
name: x
aws:
  id: o-exampleorg1
  root: r-ab12
  units:
    - {id: ou-ab12-aaaaaaaa, labels: [frontier], accounts: ["111111111111"]}
  accounts: ["222222222222", {id: "333333333333", exempt: "agreed"}]
"""
POLICY = """\
bailiwick: 1
name: x
places: {us: {include: [US], territories: inherit}}
rules:
  - {id: frontier, permit: anthropic/claude-*, where: {processing: us, labels: frontier}}
  - {id: open, permit: meta/llama-*}
"""


def ask(policy: str = POLICY, organisation: str = ORGANISATION):
    catalog = read_catalog()
    table = compile_table(read_policy(policy, "policy.yaml", catalog), catalog)
    tree = read_organisation(parse_document(organisation, "org.yaml")).tree(Cloud.AWS)
    questions = Questions(table, regions_of(Cloud.AWS), NOW)
    return questions, {one.id: one for one in tree.accounts() if one.is_listed}


def test_account_region_and_model_decide() -> None:
    questions, accounts = ask()
    inside, outside = accounts["111111111111"], accounts["222222222222"]
    us, frankfurt = (questions.where(region, [region]) for region in ("us-east-1", "eu-central-1"))

    assert questions.permits(inside, us, OPUS)
    assert not questions.permits(inside, frankfurt, OPUS)
    assert not questions.permits(outside, us, OPUS)
    assert questions.permits(outside, frankfurt, LLAMA)
    assert questions.permits(accounts["333333333333"], frankfurt, OPUS)


def test_every_place_of_processing_must_be_inside() -> None:
    questions, accounts = ask()
    inside = accounts["111111111111"]

    mixed = questions.where("us-east-1", ["us-east-1", "ca-central-1"])
    anywhere = questions.where("us-east-1", GLOBAL)

    assert not questions.permits(inside, mixed, OPUS)
    assert not questions.permits(inside, anywhere, OPUS)
    assert questions.permits(inside, anywhere, LLAMA)


def test_a_region_or_model_that_no_table_lists_is_not_permitted() -> None:
    questions, accounts = ask()
    inside = accounts["111111111111"]

    assert not questions.permits(inside, questions.where("xx-new-9", ["xx-new-9"]), OPUS)
    assert not questions.permits(inside, questions.where("us-east-1", ["us-east-1"]), "acme/new")


def test_accounts_regions_and_models_that_no_rule_tells_apart_share_a_class() -> None:
    questions, accounts = ask()
    direct = [questions.where(region, [region]) for region in questions.regions.places]

    assert len({questions.where_class(one) for one in direct}) == 2
    assert questions.account_class(accounts["222222222222"]) == questions.account_class(
        accounts["333333333333"]
    )
    assert questions.model_class(OPUS) == questions.model_class("anthropic/claude-opus-4")


ADDRESS = POLICY.replace("processing: us,", "processing: us, address: us,")


def test_what_another_layer_knows_is_undetermined_and_passes() -> None:
    questions, accounts = ask(ADDRESS)
    us = questions.where("us-east-1", ["us-east-1"])

    decision = questions.decide(accounts["111111111111"], us, OPUS)

    assert decision.effect is Effect.UNDETERMINED
    assert questions.permits(accounts["111111111111"], us, OPUS)


def residues(policy: str):
    return {one.rule: one for one in coverage_of(ask(policy)[0], Cloud.AWS, [OPUS, LLAMA])}


def test_a_rule_that_comes_out_weaker_is_refused_until_the_policy_names_who_enforces_it() -> None:
    found = residues(ADDRESS)

    assert found["open"].coverage is Coverage.EXACT
    assert found["frontier"].coverage is Coverage.WEAKER
    assert found["frontier"].missing == ("address", "network")
    with pytest.raises(
        InvalidInput, match=r"policy.yaml:5:5: rule `frontier` would come out weaker"
    ):
        require_acknowledged(found.values(), Cloud.AWS)

    said = ADDRESS + "acknowledge: [{cloud: aws, of: [address, network], by: edge}]\n"
    require_acknowledged(residues(said).values(), Cloud.AWS)
    assert residues(said)["frontier"].enforced_by == (("address", "edge"), ("network", "edge"))


def test_an_acknowledgement_counts_for_its_cloud_and_rules_only() -> None:
    for said in (
        "acknowledge: [{cloud: gcp, of: [address, network], by: edge}]\n",
        "acknowledge: [{cloud: aws, of: [address, network], by: edge, rules: [open]}]\n",
        "acknowledge: [{cloud: aws, of: [address], by: edge}]\n",
    ):
        with pytest.raises(InvalidInput):
            require_acknowledged(residues(ADDRESS + said).values(), Cloud.AWS)


@pytest.mark.parametrize(
    ("rule", "coverage", "missing"),
    [
        ("{id: r, deny: '*', where: {address: DE}}", Coverage.NOT_EXPRESSIBLE, ("address",)),
        ("{id: r, deny: '*', where: {billing: DE}}", Coverage.EXACT, ()),
        ("{id: r, deny: '*', where_any: {billing: DE, address: DE}}", Coverage.WEAKER, ("address",)),
        ("{id: r, restrict: '*', to: {max_output_tokens: 9}}", Coverage.NOT_EXPRESSIBLE, ("obligations",)),
        ("{id: r, deny: '*', from: 2027-01-01}", Coverage.WEAKER, ("time",)),
        ("{id: r, permit: '*', until: 2027-01-01}", Coverage.WEAKER, ("time",)),
    ],
)  # fmt: skip
def test_each_rule_says_how_far_a_cloud_holds_it(
    rule: str, coverage: Coverage, missing: tuple[str, ...]
) -> None:
    found = residues(POLICY + f"  - {rule}\n")["r"]

    assert (found.coverage, found.missing) == (coverage, missing)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("[{cloud: aws, of: [adress], by: edge}]", "unknown dimension `adress`"),
        ("[{cloud: aws, of: [address], by: edge, rules: [nobody]}]", "no rule is called `nobody`"),
        ("[{cloud: moon, of: [address], by: edge}]", "is not one of"),
        ("[{cloud: aws, of: [address], by: hope}]", "is not one of"),
        ("[{cloud: aws, of: [address]}]", "missing key `by`"),
    ],
)
def test_an_acknowledgement_that_cannot_be_meant_is_refused(said: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        ask(POLICY + f"acknowledge: {said}\n")


def test_an_acknowledgement_decides_nothing() -> None:
    before, _ = ask(ADDRESS)
    after, _ = ask(ADDRESS + "acknowledge: [{cloud: aws, of: [address, network], by: edge}]\n")

    assert before.table.revision == after.table.revision
