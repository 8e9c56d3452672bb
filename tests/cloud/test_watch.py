"""What clouds logged is judged as the gateway would judge it, and nothing is ok that was not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bailiwick.bootstrap import read_catalog
from bailiwick.cloud import read_organisation
from bailiwick.cloud.logs import CloudRecord, read_cloud_log
from bailiwick.cloud.watch import (
    Inventory,
    Judge,
    Judgement,
    Verdict,
    WatchReport,
    read_inventory,
    watch,
)
from bailiwick.decision import DecisionTable, compile_table
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from bailiwick.policy import read_policy
from cloud.cloud_logs import (
    ACCOUNT,
    CLAUDE,
    LLAMA,
    activity,
    azure,
    cloudtrail,
    denied,
    deployment,
    google,
    invocation,
)

POLICY = """\
bailiwick: 1
name: x
places: {us: {include: [US], territories: inherit}}
rules:
  - {id: frontier, permit: [anthropic/claude-*, openai/gpt-4o], where: {processing: us, labels: frontier}}
  - {id: open, permit: meta/llama-*}
  - {id: later, deny: meta/llama-*, from: 2026-11-01, where: {processing: us}}
  - {id: gemini, permit: google/gemini-*, where: {address: us}}
  - {id: embargo, deny: google/gemini-*, where: {endpoint: [DE]}}
"""
ORGANISATION = """\
organisation: 1
name: x
aws:
  id: o-exampleorg1
  root: r-ab12
  units:
    - {id: ou-ab12-aaaaaaaa, labels: [frontier], accounts: ["111111111111"]}
  accounts: ["222222222222", {id: "333333333333", exempt: "agreed"}]
gcp: {id: organizations/1, projects: [{id: acme-project, labels: [frontier]}]}
azure:
  id: root
  subscriptions: [{id: 00000000-0000-0000-0000-000000000001, labels: [frontier]}]
"""


def compiled() -> tuple[DecisionTable, Any]:
    catalog = read_catalog()
    return compile_table(read_policy(POLICY, "policy.yaml", catalog), catalog), catalog


def judge(inventory: Inventory | None = None) -> Judge:
    organisation = read_organisation(parse_document(ORGANISATION, "org.yaml"))
    return Judge(*compiled(), organisation, inventory)


def records(tmp_path: Path, *given: dict[str, Any]) -> Iterator[CloudRecord]:
    path = tmp_path / "log.json"
    path.write_text("\n".join(map(json.dumps, given)))
    for one in read_cloud_log(path):
        assert isinstance(one, CloudRecord), str(one)
        yield one


def judged(
    tmp_path: Path, *given: dict[str, Any], inventory: Inventory | None = None
) -> list[Judgement]:
    judging = judge(inventory)
    return [judging.judge(one) for one in records(tmp_path, *given)]


def verdict(
    tmp_path: Path, given: dict[str, Any], inventory: Inventory | None = None
) -> tuple[str, str]:
    (found,) = judged(tmp_path, given, inventory=inventory)
    return found.verdict.value, found.reason


VERTEX = "projects/acme-project/locations/{}/publishers/{}"
CLAUDE_THERE = "anthropic/models/claude-opus-4-1@20250805"
GEMINI = "google/models/gemini-2.5-pro"
FRANKFURT = {
    "awsRegion": "eu-central-1",
    "requestParameters": {"modelId": CLAUDE},
    "additionalEventData": None,
}
REFUSED = {"errorCode": "AccessDenied", "errorMessage": denied("x")}
NOT_MINE = {
    "errorCode": "AccessDenied",
    "errorMessage": denied("x", "because no identity-based policy allows it"),
}


@pytest.mark.parametrize(
    ("record", "want", "why"),
    [
        (cloudtrail(), "ok", "permitted and succeeded"),
        (cloudtrail(**FRANKFURT), "drift", "permit.none"),
        (cloudtrail(**FRANKFURT, **REFUSED), "ok", "denied by the policy"),
        (cloudtrail(**FRANKFURT, **NOT_MINE), "ok", "denied by the policy"),
        (cloudtrail(**REFUSED), "drift", "permitted, but a guardrail denied it"),
        (cloudtrail(**NOT_MINE), "undetermined", "own permissions"),
        (cloudtrail(errorCode="AccessDenied", errorMessage="no"), "undetermined", "does not say by what"),
        (cloudtrail(errorCode="ThrottlingException"), "undetermined", "ThrottlingException"),
        (cloudtrail(userIdentity={"accountId": "222222222222"}), "drift", "permit.none"),
        (cloudtrail(userIdentity={"accountId": "333333333333"}), "ok", "exempt: agreed"),
        (cloudtrail(userIdentity={"accountId": "999999999999"}), "undetermined", "not in the organisation file"),
        (cloudtrail(requestParameters={"modelId": f"global.{CLAUDE}"}), "drift", "permit.none"),
        (cloudtrail(requestParameters={"modelId": "acme.new-model-v1"}), "drift", "does not know"),
        (cloudtrail(requestParameters={"agentId": "A"}, eventName="InvokeAgent"), "undetermined", "does not say the model"),
        (cloudtrail(requestParameters=None), "undetermined", "does not say the model"),
        (cloudtrail(awsRegion="xx-new-1", requestParameters={"modelId": CLAUDE}, additionalEventData=None), "undetermined", "processing"),
        (invocation(), "ok", "permitted and succeeded"),
        (google(VERTEX.format("europe-west1", CLAUDE_THERE)), "drift", "permit.none"),
        (google(VERTEX.format("us-east5", CLAUDE_THERE)), "ok", "permitted"),
        (google(VERTEX.format("us", CLAUDE_THERE)), "ok", "permitted"),
        (google(VERTEX.format("global", CLAUDE_THERE)), "drift", "permit.none"),
        (google(VERTEX.format("us-east5", GEMINI)), "undetermined", "not known here: address"),
        (google(VERTEX.format("europe-west3", GEMINI)), "drift", "rule.denied"),
        (google("projects/acme-project/locations/us-east5/endpoints/1"), "undetermined", "does not say the model"),
        (azure(), "undetermined", "not known here"),
        (deployment("Standard"), "undetermined", "not known here: processing"),
        (deployment("Standard", location="swedencentral"), "drift", "permit.none"),
        (deployment("Standard", location="eastus2"), "ok", "permitted"),
        (deployment("DataZoneStandard", location="eastus2"), "ok", "permitted"),
        (deployment("GlobalStandard", location="eastus2"), "drift", "permit.none"),
        (deployment("SomethingNew", location="eastus2"), "undetermined", "processing"),
    ],
)  # fmt: skip
def test_the_verdict_follows_from_policy_and_outcome(
    record: dict[str, Any], want: str, why: str, tmp_path: Path
) -> None:
    found, reason = verdict(tmp_path, record)

    assert found == want, reason
    assert why in reason


def test_a_rule_counts_from_its_date_on(tmp_path: Path) -> None:
    us = {"requestParameters": {"modelId": LLAMA}, "additionalEventData": None}
    before, after = judged(
        tmp_path,
        cloudtrail(**us, eventTime="2026-10-31T23:59:59Z"),
        cloudtrail(**us, eventTime="2026-11-01T00:00:00Z"),
    )

    assert (before.verdict, after.verdict) == (Verdict.OK, Verdict.DRIFT)
    assert after.rules == ("later",)


# -- opaque names ------------------------------------------------------------------------------

PROFILE = "arn:aws:bedrock:us-west-2:111111111111:application-inference-profile/abc"
LISTING = {
    "inferenceProfileSummaries": [
        {
            "inferenceProfileName": "team",
            "inferenceProfileArn": PROFILE,
            "models": [
                {"modelArn": f"arn:aws:bedrock:us-west-2::foundation-model/{CLAUDE}"},
                {"modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}"},
            ],
        }
    ]
}


def listed(*listings: object) -> Inventory:
    return read_inventory((json.dumps(one), "listing.json") for one in listings)


def test_an_application_profile_is_undetermined_until_a_listing_explains_it(tmp_path: Path) -> None:
    record = cloudtrail(requestParameters={"modelId": PROFILE})

    assert verdict(tmp_path, record)[0] == "undetermined"
    assert verdict(tmp_path, record, listed(LISTING))[0] == "ok"


def test_a_profile_is_judged_by_every_region_it_may_send_to(tmp_path: Path) -> None:
    everywhere = json.loads(json.dumps(LISTING).replace("bedrock:us-east-1::", "bedrock:::"))
    record = cloudtrail(requestParameters={"modelId": PROFILE})

    assert verdict(tmp_path, record, listed(everywhere))[0] == "drift"


def test_provisioned_throughput_is_explained_by_its_listing(tmp_path: Path) -> None:
    arn = "arn:aws:bedrock:eu-central-1:111111111111:provisioned-model/p1"
    listing = {
        "provisionedModelSummaries": [
            {
                "provisionedModelArn": arn,
                "foundationModelArn": f"arn:aws:bedrock:eu-central-1::foundation-model/{CLAUDE}",
            }
        ]
    }
    record = cloudtrail(
        awsRegion="eu-central-1", requestParameters={"modelId": arn}, additionalEventData=None
    )

    assert verdict(tmp_path, record, listed(listing))[0] == "drift"


def test_an_azure_call_is_judged_by_the_kind_of_its_deployment(tmp_path: Path) -> None:
    def listing(sku: str) -> Inventory:
        return listed(
            [
                {
                    "id": f"{ACCOUNT}/deployments/chat",
                    "sku": {"name": sku, "capacity": 1},
                    "properties": {"model": {"format": "OpenAI", "name": "gpt-4o"}},
                }
            ]
        )

    us = azure(location="eastus2")

    assert verdict(tmp_path, us, listing("Standard"))[0] == "ok"
    assert verdict(tmp_path, us, listing("GlobalProvisionedManaged"))[0] == "drift"


def test_an_azure_deployment_in_the_log_explains_the_calls_after_it(tmp_path: Path) -> None:
    made, called = judged(
        tmp_path, deployment("GlobalBatch", location="eastus2"), azure(location="eastus2")
    )

    assert (made.verdict, called.verdict) == (Verdict.DRIFT, Verdict.DRIFT)


def test_where_an_account_is_comes_from_the_list_of_accounts(tmp_path: Path) -> None:
    where = listed([{"id": ACCOUNT, "location": "eastus2", "kind": "OpenAI"}])

    assert verdict(tmp_path, activity("Standard"))[0] == "undetermined"
    assert verdict(tmp_path, activity("Standard"), where)[0] == "ok"
    assert verdict(tmp_path, activity("GlobalBatch"), where)[0] == "drift"


def test_a_google_endpoint_is_explained_by_its_listing(tmp_path: Path) -> None:
    listing = [
        {
            "name": "projects/acme-project/locations/us-east5/endpoints/42",
            "deployedModels": [{"model": "publishers/anthropic/models/claude-opus-4-1@20250805"}],
        }
    ]
    record = google("projects/acme-project/locations/us-east5/endpoints/42")

    assert verdict(tmp_path, record, listed(listing))[0] == "ok"


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '[{"id": "x"}]'])
def test_a_listing_that_explains_nothing_is_an_error(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"listing\.json"):
        read_inventory([(text, "listing.json")])


# -- reports -----------------------------------------------------------------------------------


def test_totals_add_up_to_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    given = [cloudtrail(), cloudtrail(**FRANKFURT), cloudtrail(eventName="ListFoundationModels"),
             cloudtrail(requestParameters=None)]  # fmt: skip
    path.write_text("\n".join([*map(json.dumps, given), "{", "[]"]))
    report = WatchReport("r")

    watch(judge(), read_cloud_log(path), report)

    assert report.records == 6
    assert report.records == report.judged + report.other + report.unreadable
    assert [report.verdicts[one] for one in Verdict] == [1, 1, 1]
    assert (report.other, report.unreadable) == (1, 2)


def test_alike_records_are_one_finding_with_a_count_and_an_example(tmp_path: Path) -> None:
    report = WatchReport("r")

    watch(judge(), records(tmp_path, *[cloudtrail(**FRANKFURT)] * 3), report)
    (found,) = report.of(Verdict.DRIFT)

    assert found.count == 3
    assert found.example.line == 1
    assert (found.kind.account, found.kind.endpoint) == ("111111111111", "eu-central-1")


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "org.yaml").write_text(ORGANISATION)
    words = [sys.executable, "-m", "bailiwick", "cloud", "watch", "policy.yaml", *arguments]
    return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)


def write(tmp_path: Path, *given: object) -> None:
    (tmp_path / "log.json").write_text(
        "\n".join(one if isinstance(one, str) else json.dumps(one) for one in given)
    )


@pytest.mark.parametrize(
    ("given", "options", "status"),
    [
        ([cloudtrail()], [], 0),
        ([cloudtrail(**FRANKFURT)], [], 1),
        ([cloudtrail(), "{"], [], 1),
        ([cloudtrail(), cloudtrail(requestParameters=None)], [], 0),
        ([cloudtrail(), cloudtrail(requestParameters=None)], ["--strict"], 1),
        ([cloudtrail(eventName="ListFoundationModels")], [], 1),
    ],
)
def test_the_exit_status_says_whether_the_logs_are_as_the_policy_says(
    given: list[object], options: list[str], status: int, tmp_path: Path
) -> None:
    write(tmp_path, *given)

    done = run(tmp_path, "log.json", "--org", "org.yaml", *options)

    assert done.returncode == status, done.stdout + done.stderr


def test_an_unreadable_line_is_named_with_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, cloudtrail(), "{")

    done = run(tmp_path, "log.json", "--org", "org.yaml")

    assert "log.json:2: record 2: not JSON" in done.stderr
    assert (
        "2 records: 1 ok, 0 drift, 0 undetermined; 0 not about models, 1 unreadable" in done.stdout
    )


def test_json_has_every_number_and_no_caller(tmp_path: Path) -> None:
    write(tmp_path, cloudtrail(**FRANKFURT))

    done = run(tmp_path, "log.json", "--org", "org.yaml", "--json")
    found = json.loads(done.stdout)

    assert found["verdicts"] == {"ok": 0, "drift": 1, "undetermined": 0}
    assert found["findings"][0]["rules"] == []
    assert "203.0.113.9" not in done.stdout
    assert "user/x" not in done.stdout


def test_the_callers_address_counts_only_where_it_is_asked_for(tmp_path: Path) -> None:
    gemini = VERTEX.format("us-east5", GEMINI)
    write(tmp_path, google(gemini, requestMetadata={"callerIp": "8.8.8.8"}))
    options = ["--org", "org.yaml", "--strict"]

    without = run(tmp_path, "log.json", *options)
    located = run(tmp_path, "log.json", *options, "--locate")

    assert "not known here: address" in without.stdout
    assert (without.returncode, located.returncode) == (1, 0), located.stdout


def test_a_log_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    done = run(tmp_path, "missing.json")

    assert done.returncode == 2
    assert "`missing.json` has no files" in done.stderr
