"""An audit misses no hole, however small: what is deployed is told apart as the policy is.

Each guardrail here refuses everything but one small thing, which the policy may or may not permit.
"""

import json
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.cloud import Cloud, Questions, regions_of
from bailiwick.cloud.azure import azure_models
from bailiwick.cloud.gcp import host_of, vertex_models
from bailiwick.cloud.zones import SKUS
from bailiwick.targets import azure, gcp
from bailiwick.targets.deployed import audit_exports
from bailiwick.targets.judged import Audit, Kind
from targets.aws_compiling import work_on
from targets.every_cloud import NOW, parts
from targets.test_published import ORGANISATION, POLICY, values

few = settings(max_examples=12)


@cache
def questions(cloud: Cloud) -> Questions:
    return Questions(parts(POLICY, ORGANISATION)[0], regions_of(cloud), NOW)


def found(cloud: Cloud, given_: list[tuple[Any, str]]) -> Audit:
    table, catalog, organisation = parts(POLICY, ORGANISATION)
    return audit_exports(cloud, table, catalog, organisation.tree(cloud), NOW, given_)


# -- AWS ---------------------------------------------------------------------------------------

MODELS = work_on(POLICY, ORGANISATION).models
REGIONS = sorted(regions_of(Cloud.AWS).places)


@few
@given(model=st.sampled_from(MODELS), region=st.sampled_from(REGIONS), role=st.booleans())
def test_one_model_in_one_region_is_not_missed_in_aws(model: Any, region: str, role: bool) -> None:
    body: dict[str, Any] = {"Sid": "Most", "Effect": "Deny", "Action": "*"}
    if role:  # everything is refused, to everybody but one role
        body |= {
            "Resource": "*",
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/odd-*"}},
        }
    else:
        body |= {"NotResource": [f"arn:aws:bedrock:{region}::foundation-model/{model.id}"]}
    document = {"Version": "2012-10-17", "Statement": [body]}
    tree = parts(POLICY, ORGANISATION)[2].tree(Cloud.AWS)
    asked = questions(Cloud.AWS)
    here = asked.where(region, (region,))
    permitted = all(asked.permits(one, here, model.model) for one in tree.accounts())

    audited = found(Cloud.AWS, [(document, "odd.json")])

    through = [cell for gap in audited.gaps if gap.kind is Kind.LETS_THROUGH for cell in gap.cells]
    if role:
        assert through
        assert all(cell.profile.startswith("direct, aws:principalarn arn:") for cell in through)
    else:
        assert bool(through) is not permitted
        assert {(cell.model, cell.region) for cell in through} <= {(model.model, region)}


# -- Google Cloud ------------------------------------------------------------------------------

VERTEX = vertex_models(parts(POLICY, ORGANISATION)[1])
LOCATIONS = gcp.Choices(questions(Cloud.GCP), VERTEX).locations


@few
@given(model=st.sampled_from(VERTEX), location=st.sampled_from(LOCATIONS))
def test_one_model_at_one_host_is_not_missed_in_google(model: Any, location: str) -> None:
    hosts = [host_of(one) for one in LOCATIONS if one != location]
    exported = [
        ({"name": "organizations/1/policies/vertexai.allowedModels",
          "spec": {"rules": [{"values": {"allowedValues": [f"{model.name}:predict"]}}]}}, "m.json"),
        ({"name": "organizations/1/policies/gcp.restrictEndpointUsage",
          "spec": {"rules": [{"values": {"deniedValues": hosts}}]}}, "h.json"),
    ]  # fmt: skip
    choices = gcp.Choices(questions(Cloud.GCP), [model])
    tree = parts(POLICY, ORGANISATION)[2].tree(Cloud.GCP)
    permitted = all(
        choices.permits(one, model, "predict", there)
        for one in tree.accounts()
        for there in ([location] if location != "global" else LOCATIONS)
    )

    audited = found(Cloud.GCP, exported)

    through = {
        (cell.model, cell.region)
        for gap in audited.gaps
        if gap.kind is Kind.LETS_THROUGH
        for cell in gap.cells
        if cell.action == "predict"
    }
    assert bool(through) is not permitted
    if location != "global":
        assert through <= {(one, location) for one in model.models}


# -- Azure -------------------------------------------------------------------------------------

AZURE = azure_models(parts(POLICY, ORGANISATION)[1])
PLACES = sorted(regions_of(Cloud.AZURE).places)


@few
@given(model=st.sampled_from(AZURE), location=st.sampled_from(PLACES), sku=st.sampled_from(SKUS))
def test_one_deployment_in_one_location_is_not_missed_in_azure(
    model: Any, location: str, sku: str
) -> None:
    kind, name = model.name.split("/")
    base = "Microsoft.CognitiveServices/accounts"
    rule = {
        "if": {
            "anyOf": [
                {"allOf": [{"field": "type", "equals": base}, {"field": "location", "notEquals": location}]},
                {"allOf": [
                    {"field": "type", "equals": f"{base}/deployments"},
                    {"not": {"allOf": [
                        {"field": f"{base}/deployments/model.name", "equals": name},
                        {"field": f"{base}/deployments/model.format", "equals": kind},
                        {"field": f"{base}/deployments/sku.name", "equals": sku},
                    ]}},
                ]},
            ]
        },
        "then": {"effect": "deny"},
    }  # fmt: skip
    choices = azure.Choices(questions(Cloud.AZURE), [model])
    tree = parts(POLICY, ORGANISATION)[2].tree(Cloud.AZURE)
    permitted = all(choices.permits(one, model, sku, location) for one in tree.accounts())

    audited = found(Cloud.AZURE, values({"rule": json.loads(json.dumps(rule))}))

    through = {
        (cell.model, cell.region, cell.profile)
        for gap in audited.gaps
        if gap.kind is Kind.LETS_THROUGH
        for cell in gap.cells
        if cell.action == "deploy"
    }
    assert bool(through) is not permitted
    assert through <= {(one, location, sku) for one in model.models}
