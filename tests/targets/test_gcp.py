"""What is compiled for Google is what the policy says, never wider, and Google's own types read it."""

import json
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.bootstrap import read_catalog
from bailiwick.cloud import Answer, Cloud, Coverage, read_organisation
from bailiwick.cloud.gcp import Call, OrgPolicies, checks, read_org_policy, read_perimeters
from bailiwick.decision import compile_table
from bailiwick.documents import parse_document
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.policy import read_policy
from bailiwick.targets import Compiled, Stage
from bailiwick.targets.deployed import audit_exports
from bailiwick.targets.gcp import Choices, Matrix, compile_gcp, scopes
from bailiwick.targets.judged import prove
from bailiwick.targets.product import choose

NOW = datetime(2026, 11, 28, tzinfo=UTC)
OPUS = "publishers/anthropic/models/claude-opus-4-1"
LLAMA = "publishers/meta/models/llama-3.3-70b-instruct-maas"
POLICY = """\
bailiwick: 1
name: x
places: {us: {include: [US], territories: inherit}}
rules:
  - {id: frontier, permit: anthropic/claude-*, where: {endpoint: us, processing: us, labels: frontier}}
  - {id: open, permit: [meta/llama-*, openai/gpt-oss-*]}
"""
ORGANISATION = """\
organisation: 1
name: x
gcp:
  id: organizations/1
  folders:
    - {id: folders/111, labels: [frontier], projects: [{id: frontier-project, number: "4711"}]}
    - {id: folders/222, projects: [{id: exempt-project, exempt: "agreed"}]}
  projects: [{id: open-project, number: "4712"}]
"""


@cache
def compiled(
    policy: str = POLICY, organisation: str = ORGANISATION, stage: Stage = Stage.ENFORCE
) -> Compiled:
    catalog = read_catalog()
    table = compile_table(read_policy(policy, "policy.yaml", catalog), catalog)
    tree = read_organisation(parse_document(organisation, "org.yaml")).tree(Cloud.GCP)
    return compile_gcp(table, catalog, tree, NOW, stage)


def policies(made: Compiled) -> OrgPolicies:
    read = [
        read_org_policy(json.loads(text), name)
        for name, text in made.files.items()
        if "/policies/" in text and "customConstraints" not in text
    ]
    return OrgPolicies.of(one for one in read if one)


def answer(
    found: OrgPolicies, path: tuple[str, ...], host: str, model: str, action: str = "predict"
) -> Answer:
    answers = [found.check(path, *check).answer for check in checks(Call(host, model, action))]
    return Answer.DENY if Answer.DENY in answers else Answer.ALLOW


FRONTIER = ("organizations/1", "folders/111", "projects/frontier-project")
OPEN = ("organizations/1", "projects/open-project")
EXEMPT = ("organizations/1", "folders/222", "projects/exempt-project")
US, DE, WORLD = (
    "us-central1-aiplatform.googleapis.com",
    "europe-west3-aiplatform.googleapis.com",
    "aiplatform.googleapis.com",
)


@pytest.mark.parametrize(
    ("path", "host", "model", "want"),
    [
        (FRONTIER, US, OPUS, "allow"),
        (FRONTIER, US, f"{OPUS}@20250805", "allow"),
        (FRONTIER, "aiplatform.us.rep.googleapis.com", OPUS, "allow"),
        (FRONTIER, "aiplatform.eu.rep.googleapis.com", OPUS, "deny"),
        (FRONTIER, DE, OPUS, "deny"),
        (FRONTIER, WORLD, OPUS, "deny"),
        (FRONTIER, US, LLAMA, "allow"),
        (FRONTIER, US, "publishers/google/models/gemini-2.5-pro", "deny"),
        (FRONTIER, US, "publishers/nobody/models/new", "deny"),
        (OPEN, US, OPUS, "deny"),
        (OPEN, DE, LLAMA, "allow"),
        (OPEN, WORLD, LLAMA, "allow"),
        (EXEMPT, DE, OPUS, "allow"),
        (("organizations/1", "projects/opened-tomorrow"), US, OPUS, "deny"),
        (("organizations/1", "folders/111", "projects/opened-tomorrow"), DE, OPUS, "deny"),
        (("organizations/1", "folders/111", "projects/opened-tomorrow"), US, OPUS, "allow"),
    ],
)
def test_the_example_is_held_as_the_policy_says(
    path: tuple[str, ...], host: str, model: str, want: str
) -> None:
    assert answer(policies(compiled()), path, host, model) == want


def test_counting_tokens_comes_with_any_model() -> None:
    assert (
        answer(policies(compiled()), OPEN, US, "publishers/google/models/count-tokens") == "allow"
    )


def test_a_policy_is_set_only_where_it_differs_from_above() -> None:
    names = {json.loads(text)["name"] for text in compiled().files.values()}

    assert "folders/111/policies/vertexai.allowedModels" in names
    assert "projects/exempt-project/policies/vertexai.allowedModels" in names
    assert not any(name.startswith("projects/frontier-project") for name in names)
    assert not any(name.startswith("folders/222/") for name in names)


def test_what_google_cannot_tell_apart_is_stricter_and_said() -> None:
    residues = {one.rule: one for one in compiled().residues}

    assert residues["frontier"].coverage is Coverage.EXACT
    assert residues["open"].coverage is Coverage.STRICTER
    assert "folders/111" in residues["open"].note


def test_the_same_input_gives_the_same_bytes() -> None:
    one, two = compiled(), compiled.__wrapped__()

    assert (one.files, one.terraform, one.reports()) == (two.files, two.terraform, two.reports())


def test_a_dry_run_refuses_nothing_and_says_so() -> None:
    made = compiled(stage=Stage.DRY_RUN)

    assert all('"spec"' not in text for text in made.files.values())
    assert any("dry-run" in note for note in made.notes)


def test_googles_own_types_read_every_policy_back() -> None:
    orgpolicy = pytest.importorskip("google.cloud.orgpolicy_v2")
    made = {
        **compiled().files,
        **{f"dry-{k}": v for k, v in compiled(stage=Stage.DRY_RUN).files.items()},
    }

    for name, text in made.items():
        value = json.loads(text)
        if "customConstraints" in value["name"]:
            read = orgpolicy.CustomConstraint.from_json(text)
            again = orgpolicy.CustomConstraint.to_dict(read)
            assert again["name"] == value["name"]
        else:
            read = orgpolicy.Policy.from_json(text)
            again = json.loads(
                orgpolicy.Policy.to_json(read, always_print_fields_with_no_presence=False)
            )
            spec = value.get("spec") or value["dryRunSpec"]
            found = again.get("spec") or again["dryRunSpec"]
            assert again["name"] == value["name"], name
            assert found["rules"] == spec["rules"], name


@pytest.mark.parametrize("change", ["drop", "widen", "host", "inherit"])
def test_output_that_does_something_else_is_refused(change: str) -> None:
    catalog = read_catalog()
    table = compile_table(read_policy(POLICY, "policy.yaml", catalog), catalog)
    tree = read_organisation(parse_document(ORGANISATION, "org.yaml")).tree(Cloud.GCP)
    from bailiwick.cloud import Questions, regions_of
    from bailiwick.cloud.gcp import vertex_models

    choices = Choices(Questions(table, regions_of(Cloud.GCP), NOW), vertex_models(catalog))
    cases = list(Matrix(choices, tree, policies(compiled())).cases())
    values = {name: json.loads(text) for name, text in compiled().files.items()}
    models = values["folders-111.vertexai.allowedModels.json"]["spec"]
    hosts = values["folders-111.gcp.restrictEndpointUsage.json"]["spec"]
    match change:
        case "drop":
            models["rules"][0]["values"]["allowedValues"].pop()
        case "widen":
            models["rules"][0]["values"]["allowedValues"].append(
                "publishers/google/models/gemini-2.5-pro:predict"
            )
        case "host":
            hosts["rules"][0]["values"]["deniedValues"].remove(DE)
        case "inherit":
            models["inheritFromParent"] = True
            models["rules"][0]["values"] = {"deniedValues": [f"{OPUS}:predict"]}
    changed = [
        read_org_policy(value, name)
        for name, value in values.items()
        if "/policies/" in value["name"]
    ]

    with pytest.raises(BailiwickError, match="the output would not do"):
        prove_all(OrgPolicies.of(one for one in changed if one), cases)


def test_every_single_change_of_the_output_is_noticed() -> None:
    """No value, host or policy of the output is without a cell that needs it."""
    catalog = read_catalog()
    table = compile_table(read_policy(POLICY, "policy.yaml", catalog), catalog)
    tree = read_organisation(parse_document(ORGANISATION, "org.yaml")).tree(Cloud.GCP)
    from bailiwick.cloud import Questions, regions_of
    from bailiwick.cloud.gcp import vertex_models

    choices = Choices(Questions(table, regions_of(Cloud.GCP), NOW), vertex_models(catalog))
    cases = list(Matrix(choices, tree, policies(compiled())).cases())
    texts = {n: t for n, t in compiled().files.items() if json.loads(t)["name"].count("/policies/")}
    survivors = []
    for name, text in texts.items():
        value = json.loads(text)
        for rule in value["spec"]["rules"]:
            for values in (rule.get("values") or {}).values():
                for one in list(values):
                    if "count-tokens" in one:
                        continue
                    values.remove(one)
                    if survives({**texts, name: json.dumps(value)}, cases):
                        survivors.append((name, one))
                    values.append(one)
        if survives({n: t for n, t in texts.items() if n != name}, cases):
            survivors.append((name, "whole"))

    assert survivors == []


def prove_all(found: OrgPolicies, cases: list) -> None:
    prove(case.judge(found) for case in cases)


def survives(texts: dict[str, str], cases: list) -> bool:
    read = [read_org_policy(json.loads(text), name) for name, text in texts.items()]
    try:
        prove_all(OrgPolicies.of(one for one in read if one), cases)
    except BailiwickError:
        return False
    return True


# -- what a policy can ask ---------------------------------------------------------------------


def test_a_rule_that_google_cannot_see_needs_somebody_who_enforces_it() -> None:
    hidden = POLICY.replace("labels: frontier}", "labels: frontier, address: us}")

    with pytest.raises(InvalidInput, match="address"):
        compiled(hidden)


ADDRESS = (
    POLICY.replace("labels: frontier}", "labels: frontier, address: us}")
    + "acknowledge: [{cloud: gcp, of: [address, network], by: perimeter}]\n"
)


def test_countries_become_an_access_level() -> None:
    made = compiled(ADDRESS)
    level = json.loads(made.files["bailiwick_1.level.json"])

    assert "US" in level["basic"]["conditions"][0]["regions"]
    assert "DE" not in level["basic"]["conditions"][0]["regions"]
    assert "${var.access_policy}" in made.terraform["bailiwick.tf.json"]


def test_a_perimeter_lets_the_level_in_and_is_a_dry_run_first() -> None:
    made, tried = compiled(ADDRESS), compiled(ADDRESS, stage=Stage.DRY_RUN)
    level = "accessPolicies/ACCESS_POLICY/accessLevels/bailiwick_1"
    inside = {
        "resources": ["projects/4711"],
        "accessLevels": [level],
        "restrictedServices": ["aiplatform.googleapis.com"],
    }
    enforced = json.loads(made.files["bailiwick_1.perimeter.json"])
    first = json.loads(tried.files["bailiwick_1.perimeter.json"])

    assert enforced["status"] == inside
    assert (first["spec"], first["useExplicitDryRunSpec"]) == (inside, True)
    assert "status" not in first
    assert not any("open-project" in one.says for one in made.statements if "perimeter" in one.file)
    reached = {(one.account, one.region): one.permit for one in made.cells if one.action == "reach"}
    assert reached["frontier-project", "US"]
    assert not reached["frontier-project", "DE"]
    assert reached["open-project", "DE"]


def test_a_project_without_its_number_is_named_with_the_command_that_gives_it() -> None:
    without = ORGANISATION.replace(', number: "4711"', "")

    with pytest.raises(InvalidInput, match="`frontier-project` needs its `number`") as caught:
        compiled(ADDRESS, without)
    (problem,) = caught.value.problems
    assert "gcloud projects describe frontier-project" in (problem.help or "")
    assert problem.position is not None


def test_a_project_that_no_country_suits_is_closed_to_the_outside() -> None:
    """One model from one country only, another from another: no country has everything."""
    split = (
        "bailiwick: 1\nname: x\nrules:\n"
        "  - {id: a, permit: anthropic/claude-*, where: {address: US}}\n"
        "  - {id: b, permit: meta/llama-*, where: {address: DE}}\n"
        "acknowledge: [{cloud: gcp, of: [address, network], by: perimeter}]\n"
    )
    closed = json.loads(compiled(split).files["bailiwick_closed.perimeter.json"])

    assert closed["status"]["accessLevels"] == []
    assert closed["status"]["resources"] == ["projects/4712", "projects/4711"]


def test_without_a_perimeter_levels_are_written_and_said_to_do_nothing() -> None:
    made = compiled(ADDRESS.replace("by: perimeter", "by: edge"))

    assert "bailiwick_1.level.json" in made.files
    assert not any("perimeter.json" in name for name in made.files)
    assert any("do nothing until" in note for note in made.notes)


LEVEL = {"name": "accessPolicies/1/accessLevels/us", "basic": {"conditions": [{"regions": ["US"]}]}}
AROUND = {
    "name": "accessPolicies/1/servicePerimeters/p",
    "status": {
        "resources": ["projects/4711"],
        "accessLevels": ["accessPolicies/1/accessLevels/us"],
        "restrictedServices": ["aiplatform.googleapis.com"],
    },
}


def changed(value: dict[str, object], **inside: object) -> dict[str, object]:
    return {**value, "status": {**AROUND["status"], **inside}}


@pytest.mark.parametrize(
    ("level", "perimeter", "us", "de"),
    [
        (LEVEL, AROUND, "allow", "deny"),
        (LEVEL, changed(AROUND, restrictedServices=["storage.googleapis.com"]), "allow", "allow"),
        (LEVEL, changed(AROUND, resources=["projects/1"]), "allow", "allow"),
        (LEVEL, changed(AROUND, accessLevels=[]), "deny", "deny"),
        (LEVEL, changed(AROUND, ingressPolicies=[{"ingressFrom": {}}]), "allow", "undetermined"),
        (LEVEL, {**AROUND, "perimeterType": "PERIMETER_TYPE_BRIDGE"}, "allow", "allow"),
        (LEVEL, {"name": AROUND["name"], "useExplicitDryRunSpec": True, "spec": AROUND["status"]}, "allow", "allow"),
        ({**LEVEL, "basic": {"conditions": [{"regions": ["US"], "negate": True}]}}, AROUND, "undetermined", "undetermined"),
        ({**LEVEL, "basic": {"conditions": [{"regions": ["US"]}, {"regions": ["DE"]}]}}, AROUND, "deny", "deny"),
        ({**LEVEL, "basic": {"combiningFunction": "OR", "conditions": [{"regions": ["US"]}, {"regions": ["DE"]}]}}, AROUND, "allow", "allow"),
        ({"name": LEVEL["name"], "custom": {}}, AROUND, "undetermined", "undetermined"),
        ({"name": "accessPolicies/1/accessLevels/other"}, AROUND, "undetermined", "undetermined"),
    ],
)  # fmt: skip
def test_a_perimeter_is_evaluated_as_far_as_it_can_be_told(
    level: dict[str, object], perimeter: dict[str, object], us: str, de: str
) -> None:
    found = read_perimeters([(level, "level.json"), (perimeter, "perimeter.json")])

    assert (found.check("4711", "US").answer, found.check("4711", "DE").answer) == (us, de)


def test_a_deployed_perimeter_is_judged_where_the_policy_counts_on_it() -> None:
    catalog = read_catalog()
    table = compile_table(read_policy(ADDRESS, "policy.yaml", catalog), catalog)
    tree = read_organisation(parse_document(ORGANISATION, "org.yaml")).tree(Cloud.GCP)
    made = {name: json.loads(text) for name, text in compiled(ADDRESS).files.items()}

    def judged(files: dict[str, object]) -> list[str]:
        given = [(value, name) for name, value in files.items()]
        found = audit_exports(Cloud.GCP, table, catalog, tree, NOW, given)
        return [f"{gap.kind}: {gap.by}" for gap in found.gaps]

    without = {name: one for name, one in made.items() if "perimeter" not in name}
    assert judged(made) == []
    assert judged(without) == ["lets through: no perimeter holds the project"]


def test_web_search_of_partner_models_becomes_a_list_of_features() -> None:
    features = (
        POLICY
        + "  - {id: no-search, deny: anthropic/*, where: {features: {any: [web_search]}}}\n"
        + "acknowledge: [{cloud: gcp, of: features, by: edge}]\n"
    )
    made = compiled(features)
    folder = json.loads(made.files["organizations-1.vertexai.allowedPartnerModelFeatures.json"])

    values = folder["spec"]["rules"][0]["values"]["allowedValues"]
    assert f"{LLAMA}:web_search" in values
    assert not any("anthropic" in one for one in values)


def test_a_policy_that_permits_nothing_denies_everything() -> None:
    made = compiled("bailiwick: 1\nname: x\nrules: [{id: no, deny: '*'}]\n")

    assert answer(policies(made), OPEN, US, LLAMA) == "deny"
    assert '"denyAll":true' in made.files["organizations-1.vertexai.allowedModels.json"]


def test_batch_and_online_are_one_action_so_both_must_be_permitted() -> None:
    only_online = POLICY.replace("labels: frontier}", "labels: frontier, action: infer}")

    assert answer(policies(compiled(only_online)), FRONTIER, US, OPUS) == "deny"


# -- the evaluator -----------------------------------------------------------------------------


def policy(resource: str, **spec: object) -> dict[str, object]:
    return {"name": f"{resource}/policies/vertexai.allowedModels", "spec": spec}


def check(*given: dict[str, object], value: str = "a") -> tuple[str, str]:
    read = [read_org_policy(one, "x.json") for one in given]
    found = OrgPolicies.of(one for one in read if one).check(
        ("organizations/1", "folders/2"), "vertexai.allowedModels", value
    )
    return found.answer.value, found.policy


ORG, FOLDER = "organizations/1", "folders/2"
A, B, NOT_A = (
    {"values": {"allowedValues": ["a"]}},
    {"values": {"allowedValues": ["is:b"]}},
    {"values": {"deniedValues": ["a"]}},
)


@pytest.mark.parametrize(
    ("given", "a", "b"),
    [
        ([], "allow", "allow"),
        ([policy(ORG, rules=[A])], "allow", "deny"),
        ([policy(ORG, rules=[NOT_A])], "deny", "allow"),
        ([policy(ORG, rules=[{"denyAll": True}])], "deny", "deny"),
        ([policy(ORG, rules=[A]), policy(FOLDER, rules=[B])], "deny", "allow"),
        ([policy(ORG, rules=[A]), policy(FOLDER, inheritFromParent=True, rules=[B])], "allow", "allow"),
        ([policy(ORG, rules=[NOT_A]), policy(FOLDER, inheritFromParent=True, rules=[A])], "deny", "deny"),
        ([policy(ORG, rules=[NOT_A]), policy(FOLDER, rules=[A])], "allow", "deny"),
        ([policy(ORG, rules=[{"denyAll": True}]), policy(FOLDER, reset=True)], "allow", "allow"),
        ([policy(ORG, rules=[{"denyAll": True}]), policy(FOLDER, rules=[{"allowAll": True}])], "allow", "allow"),
        ([policy(ORG, rules=[{"values": {"allowedValues": ["in:group"]}}])], "undetermined", "undetermined"),
        ([policy(ORG, rules=[{**NOT_A, "condition": {"expression": "x"}}])], "undetermined", "allow"),
        ([policy(ORG, rules=[A, {**A, "condition": {"expression": "x"}}])], "allow", "deny"),
    ],
)  # fmt: skip
def test_policies_are_merged_down_the_hierarchy_and_deny_wins(
    given: list[dict[str, object]], a: str, b: str
) -> None:
    assert (check(*given)[0], check(*given, value="b")[0]) == (a, b)


@pytest.mark.parametrize(
    "value", [{}, [], "x", {"name": "x"}, {"name": "a/policies/b", "spec": {"rules": [1]}}]
)
def test_what_is_no_policy_is_named(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"x\.json"):
        read_org_policy(value, "x.json")


# -- choosing ----------------------------------------------------------------------------------

ROWS = st.dictionaries(
    st.tuples(st.sampled_from("mnop"), st.sampled_from("12")),
    st.frozensets(st.sampled_from("ABCD")),
)


@settings(max_examples=200)
@given(rows=ROWS)
def test_a_choice_never_holds_more_than_is_permitted_and_cannot_grow(
    rows: dict[tuple[str, str], frozenset[str]],
) -> None:
    found = choose(rows, lambda item: item[0])

    assert all(found.places <= rows[item] for item in found.items)
    assert all(item in found.items for item, row in rows.items() if row and found.places <= row)
    assert bool(found.items) == any(rows.values())


def test_the_scopes_are_every_resource_once() -> None:
    tree = read_organisation(parse_document(ORGANISATION, "org.yaml")).tree(Cloud.GCP)

    assert sorted(one.resource for one in scopes(tree)) == [
        "folders/111", "folders/222", "organizations/1",
        "projects/exempt-project", "projects/frontier-project", "projects/open-project",
    ]  # fmt: skip
