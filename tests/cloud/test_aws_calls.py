"""What one call is checked for."""

import json
from datetime import date

import pytest

from bailiwick.cloud.aws import Call, Caller, Check, default_profiles, expand, import_profiles
from bailiwick.errors import InvalidInput

WHO = Caller("111111111111", "o-exampleorg1", ("r-ab12", "ou-ab12-aaaaaaaa"))
MODEL = "anthropic.claude-opus-4-1-20250805-v1:0"


def checks(
    action: str, region: str, model: str, over: str = "", profiles=None
) -> tuple[Check, ...]:
    return expand(Call(action, WHO, region, model, over), profiles or default_profiles())


def seen(found: tuple[Check, ...]) -> list[tuple[str, str]]:
    return [(one.resource.removeprefix("arn:aws:bedrock:"), one.region) for one in found]


def test_a_plain_model_is_one_check() -> None:
    assert seen(checks("bedrock:Converse", "us-east-1", MODEL)) == [
        (f"us-east-1::foundation-model/{MODEL}", "us-east-1")
    ]


def test_a_geographic_profile_is_checked_on_itself_and_on_the_model_in_every_region() -> None:
    found = checks("bedrock:InvokeModel", "us-west-1", f"us.{MODEL}")

    assert seen(found) == [
        (f"us-west-1:111111111111:inference-profile/us.{MODEL}", "us-west-1"),
        (f"us-west-1::foundation-model/{MODEL}", "us-west-1"),
        (f"us-east-1::foundation-model/{MODEL}", "us-east-1"),
        (f"us-east-2::foundation-model/{MODEL}", "us-east-2"),
        (f"us-west-2::foundation-model/{MODEL}", "us-west-2"),
    ]
    profile = (found[0].resource,)
    assert [one.context.get("bedrock:inferenceprofilearn") for one in found] == [
        None,
        *[profile] * 4,
    ]


def test_a_global_profile_ends_in_a_model_without_a_region() -> None:
    found = checks("bedrock:InvokeModel", "eu-central-1", f"global.{MODEL}")

    assert seen(found)[-1] == (f"::foundation-model/{MODEL}", "unspecified")
    assert len(found) == 3


def test_an_application_profile_hides_what_it_was_made_from() -> None:
    found = checks(
        "bedrock:InvokeModel", "us-east-1", "application-inference-profile/abc", f"global.{MODEL}"
    )

    arn = "arn:aws:bedrock:us-east-1:111111111111:application-inference-profile/abc"
    assert found[0].resource == arn
    assert found[-1].region == "unspecified"
    assert found[-1].context["bedrock:inferenceprofilearn"] == (arn,)


@pytest.mark.parametrize(
    "name", ["provisioned-model/x", "custom-model-deployment/x", "imported-model/x"]
)
def test_what_is_opaque_has_no_check_of_a_model(name: str) -> None:
    assert seen(checks("bedrock:InvokeModel", "us-east-1", name)) == [
        (f"us-east-1:111111111111:{name}", "us-east-1")
    ]


def test_the_second_front_door_names_the_model_in_a_key_only() -> None:
    (found,) = checks("bedrock-mantle:CreateInference", "us-east-1", MODEL)

    assert found.resource == "arn:aws:bedrock-mantle:us-east-1:111111111111:project/default"
    assert found.context["bedrock-mantle:model"] == (MODEL,)


def test_a_check_says_who_calls() -> None:
    (found,) = checks("bedrock:InvokeModel", "us-east-1", MODEL)

    assert found.context["aws:principalaccount"] == ("111111111111",)
    assert found.context["aws:principalorgpaths"] == ("o-exampleorg1/r-ab12/ou-ab12-aaaaaaaa/",)


@pytest.mark.parametrize(
    ("action", "region", "model", "message"),
    [
        ("bedrock:Hallucinate", "us-east-1", MODEL, "unknown action `bedrock:Hallucinate`"),
        ("bedrock:InvokeModel", "us-east-1", f"eu.{MODEL}", "is not offered in `us-east-1`"),
        ("bedrock:InvokeModel", "us-east-1", "claude", "`claude` is no model id"),
        ("bedrock:InvokeModel", "us-east-1", "application-inference-profile/x", "is not known"),
    ],
)
def test_what_cannot_be_expanded_is_named(
    action: str, region: str, model: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        checks(action, region, model)


def listed(*profiles: tuple[str, list[str]]) -> str:
    return json.dumps(
        {
            "inferenceProfileSummaries": [
                {"inferenceProfileArn": arn, "models": [{"modelArn": model} for model in models]}
                for arn, models in profiles
            ]
        }
    )


def test_the_list_of_an_account_takes_precedence() -> None:
    region = "arn:aws:bedrock:{}::foundation-model/" + MODEL
    arn = "arn:aws:bedrock:us-east-1:111111111111:inference-profile/us." + MODEL
    own = "arn:aws:bedrock:us-east-1:111111111111:application-inference-profile/mine"
    text = listed((arn, [region.format("us-east-1")]), (own, [region.format("us-west-2")]))

    profiles = import_profiles(default_profiles(), [("list.json", text)], date(2026, 11, 1))

    through = checks("bedrock:InvokeModel", "us-east-1", f"us.{MODEL}", profiles=profiles)
    assert [one.region for one in through] == ["us-east-1", "us-east-1"]
    mine = checks("bedrock:InvokeModel", "us-east-1", own, profiles=profiles)
    assert [one.region for one in mine] == ["us-east-1", "us-east-1", "us-west-2"]


@pytest.mark.parametrize("text", ["", "{}", '{"inferenceProfileSummaries": []}', listed(("x", []))])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"list.json"):
        import_profiles(default_profiles(), [("list.json", text)], date(2026, 11, 1))
