"""Every log is read whole or what was not read is named and counted."""

import gzip
import json
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.cloud.logs import CloudRecord, DeniedBy, Outcome, Skipped, read_cloud_log
from bailiwick.cloud.logs.pieces import MOST_RECORD, Piece, pieces
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

S3 = cloudtrail(eventSource="s3.amazonaws.com", eventName="PutObject", requestParameters={"a": [1]})


def read(path: Path) -> list[CloudRecord | Skipped]:
    return list(read_cloud_log(path))


def one(tmp_path: Path, record: dict[str, Any]) -> CloudRecord:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(record) + "\n")
    (found,) = read(path)
    assert isinstance(found, CloudRecord), str(found)
    return found


# -- what is read ------------------------------------------------------------------------------


def test_a_cloudtrail_event_names_account_regions_model_and_address(tmp_path: Path) -> None:
    found = one(tmp_path, cloudtrail())

    assert (found.account, found.endpoint, found.processing) == (
        "111111111111",
        "us-west-2",
        "us-east-2",
    )
    assert (found.model, found.through) == (CLAUDE, f"inference-profile/us.{CLAUDE}")
    assert (found.action, found.outcome, found.address) == (
        "infer",
        Outcome.SUCCEEDED,
        "203.0.113.9",
    )
    assert found.at == datetime(2026, 10, 1, 11, 52, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    ("named", "model"),
    [
        (LLAMA, LLAMA),
        (f"eu.{LLAMA}", LLAMA),
        (f"global.{LLAMA}", LLAMA),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{LLAMA}", LLAMA),
        (f"arn:aws:bedrock:us-east-1:111111111111:inference-profile/us.{LLAMA}", LLAMA),
        ("arn:aws:bedrock:us-east-1:111111111111:application-inference-profile/abc", None),
        ("arn:aws:bedrock:us-east-1:111111111111:provisioned-model/abc", None),
        ("arn:aws:bedrock:us-east-1:111111111111:imported-model/abc", None),
    ],
)
def test_only_names_that_say_the_model_give_a_model(
    named: str, model: str | None, tmp_path: Path
) -> None:
    assert one(tmp_path, cloudtrail(requestParameters={"modelId": named})).model == model


@pytest.mark.parametrize(
    ("code", "message", "outcome", "by"),
    [
        ("AccessDenied", denied("arn:aws:bedrock:::foundation-model/x"), "denied", "guardrail"),
        ("AccessDenied", denied("x", "because no identity-based policy allows it"), "denied", "permission"),
        ("AccessDeniedException", "You don't have access to the model", "denied", "permission"),
        ("AccessDenied", "An unknown error occurred", "denied", "unsaid"),
        ("ValidationException", "Access to Anthropic models is not allowed from unsupported countries", "denied", "provider"),
        ("ThrottlingException", "Too many requests", "failed", None),
    ],
)  # fmt: skip
def test_a_refusal_is_told_from_other_errors_and_by_whom_it_is(
    code: str, message: str, outcome: str, by: str | None, tmp_path: Path
) -> None:
    found = one(tmp_path, cloudtrail(errorCode=code, errorMessage=message))

    assert found.outcome == outcome
    assert found.denied_by == by


def test_an_invocation_log_gives_tokens(tmp_path: Path) -> None:
    found = one(tmp_path, invocation())

    assert (found.model, found.endpoint, found.processing) == (LLAMA, "eu-central-1", None)
    assert (found.input_tokens, found.output_tokens) == (120, 40)


def test_a_google_entry_gives_project_location_and_model(tmp_path: Path) -> None:
    found = one(tmp_path, google())

    assert (found.account, found.endpoint, found.processing) == (
        "acme-project",
        "us-central1",
        "us-central1",
    )
    assert (found.model, found.outcome) == ("anthropic/claude-opus-4-1@20250805", Outcome.SUCCEEDED)


def test_the_global_location_does_not_say_where_it_ran(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        google("projects/acme-project/locations/global/publishers/google/models/gemini-2.5-pro"),
    )

    assert (found.endpoint, found.processing) == ("global", None)


def test_a_google_endpoint_names_no_model(tmp_path: Path) -> None:
    found = one(tmp_path, google("projects/acme-project/locations/us-central1/endpoints/42"))

    assert (found.model, found.through) == (None, "endpoints/42")


def test_a_google_batch_job_names_its_model_in_the_request(tmp_path: Path) -> None:
    job = {"batchPredictionJob": {"model": "publishers/google/models/gemini-2.5-pro"}}
    found = one(
        tmp_path,
        google(
            "projects/acme-project/locations/us-central1",
            methodName="google.cloud.aiplatform.v1.JobService.CreateBatchPredictionJob",
            request=job,
        ),
    )

    assert (found.action, found.model) == ("batch", "google/gemini-2.5-pro")


@pytest.mark.parametrize(
    ("status", "by"),
    [
        ({"code": 9, "message": "Organization Policy constraint constraints/vertexai.allowedModels violated for projects/1"}, "guardrail"),
        ({"code": 7, "message": "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x"}, "guardrail"),
        ({"code": 7, "message": "Permission 'aiplatform.endpoints.predict' denied on resource"}, "permission"),
        ({"code": 7, "message": "The caller does not have permission"}, "unsaid"),
        ({"code": 9, "message": "User location is not supported for the API use."}, "provider"),
        ({"code": 8, "message": "Quota exceeded"}, None),
    ],
)  # fmt: skip
def test_a_google_refusal_says_who_refused(
    status: dict[str, Any], by: str | None, tmp_path: Path
) -> None:
    assert one(tmp_path, google(status=status)).denied_by == by


def test_an_azure_entry_reads_properties_written_into_a_string(tmp_path: Path) -> None:
    found = one(tmp_path, azure())

    assert (found.model, found.through, found.endpoint) == (
        "gpt-4o",
        "deployments/chat",
        "swedencentral",
    )
    assert (found.resource, found.address) == (ACCOUNT.lower(), None)


def test_a_new_azure_deployment_gives_its_model_and_kind(tmp_path: Path) -> None:
    found = one(tmp_path, deployment("GlobalStandard"))

    assert (found.action, found.model, found.sku) == ("deploy", "gpt-4o", "GlobalStandard")
    assert found.through == "deployments/chat"


def test_an_azure_deployment_that_a_policy_refused_is_denied_by_a_guardrail(tmp_path: Path) -> None:
    refused = deployment("GlobalBatch", resultType="Failure", resultSignature="Forbidden")
    refused["properties"]["statusMessage"] = '{"error":{"code":"RequestDisallowedByPolicy"}}'
    found = one(tmp_path, refused)

    assert (found.outcome, found.denied_by) == (Outcome.DENIED, DeniedBy.GUARDRAIL)


def test_the_activity_log_of_the_command_line_is_read_like_the_exported_one(tmp_path: Path) -> None:
    found, exported = (
        one(tmp_path, activity("GlobalStandard")),
        one(tmp_path, deployment("GlobalStandard")),
    )
    names = ("at", "action", "account", "resource", "model", "through", "sku", "outcome", "id")

    assert [getattr(found, name) for name in names] == [getattr(exported, name) for name in names]
    assert found.endpoint is None


def test_the_activity_log_of_the_command_line_says_what_a_policy_refused(tmp_path: Path) -> None:
    refused = activity("GlobalBatch", status={"value": "Failed"}, subStatus={"value": "Forbidden"})
    refused["properties"]["statusMessage"] = '{"error":{"code":"RequestDisallowedByPolicy"}}'
    found = one(tmp_path, refused)

    assert (found.outcome, found.denied_by) == (Outcome.DENIED, DeniedBy.GUARDRAIL)


def test_what_only_begins_in_an_activity_log_is_no_deployment(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    begun = [activity("Standard", status={"value": value}) for value in ("Started", "Accepted")]
    other = activity(
        "Standard", operationName={"value": "Microsoft.Authorization/policies/deny/action"}
    )
    path.write_text(json.dumps([*begun, other], indent=2))

    assert [one.unreadable for one in read(path)] == [False, False, False]


@pytest.mark.parametrize("wrapped", ["CloudTrailEvent", "message"])
def test_a_record_written_into_another_one_is_read(wrapped: str, tmp_path: Path) -> None:
    assert one(tmp_path, {"EventId": "1", wrapped: json.dumps(cloudtrail())}).model == CLAUDE


# -- layouts -----------------------------------------------------------------------------------


def layouts(records: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    lines = "\n".join(json.dumps(record) for record in records)
    return {
        "lines.json": lines.encode(),
        "crlf.json": lines.replace("\n", "\r\n").encode(),
        "wrapped.json": json.dumps({"Records": records}).encode(),
        "spread.json": json.dumps({"value": records, "nextLink": "x"}, indent=1).encode(),
        "list.json": json.dumps(records, indent=2).encode(),
        "batches.json": "\n".join(json.dumps({"records": [one]}) for one in records).encode(),
        "objects.json": "\n".join(json.dumps(one, indent=1) for one in records).encode(),
        "bom.json": b"\xef\xbb\xbf" + lines.encode(),
        "packed.log": gzip.compress(lines.encode()),
        "members.gz": b"".join(gzip.compress((line + "\n").encode()) for line in lines.split("\n")),
    }


RECORDS = [
    cloudtrail(),
    google(),
    S3,
    azure(),
    invocation(),
    deployment("Standard"),
    activity("Standard"),
]


@pytest.mark.parametrize("name", layouts(RECORDS))
def test_every_layout_gives_the_same_records(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(layouts(RECORDS)[name])

    found = read(tmp_path)

    assert [isinstance(one, CloudRecord) for one in found] == [one is not S3 for one in RECORDS]
    assert [one.where.record for one in found] == list(range(1, len(RECORDS) + 1))
    assert not any(one.unreadable for one in found if isinstance(one, Skipped))


@pytest.mark.parametrize("name", layouts(RECORDS))
@pytest.mark.parametrize("chunk_bytes", [1, 7, 64, 1000])
def test_records_are_cut_alike_wherever_a_chunk_ends(
    name: str, chunk_bytes: int, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(layouts(RECORDS)[name])
    whole = list(pieces(path, lambda _: None))

    assert list(pieces(path, lambda _: None, chunk_bytes)) == whole


def test_lines_count_from_one_in_files_that_are_spread_out(tmp_path: Path) -> None:
    path = tmp_path / "spread.json"
    path.write_text(json.dumps({"Records": [cloudtrail()] * 2}, indent=1))
    lines = path.read_text().split("\n")

    first, second = read(path)

    assert lines[first.where.line - 1].strip() == "{"
    assert lines[second.where.line - 1].strip() == "{"
    assert second.where.line > first.where.line


def test_a_folder_is_read_in_order_and_without_the_signatures(tmp_path: Path) -> None:
    for name in ("CloudTrail/2026/b.json", "CloudTrail/2025/a.json", "CloudTrail-Digest/d.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"Records": [cloudtrail()]}))

    assert [Path(one.where.file).name for one in read(tmp_path)] == ["a.json", "b.json"]


# -- what cannot be read -----------------------------------------------------------------------


def test_a_line_that_is_not_json_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    good = json.dumps(cloudtrail())
    path.write_text("\n".join([good, "{'eventName': 1}", good, good[:-20], good]))

    found = read(path)

    assert [str(one.where) for one in found if isinstance(one, Skipped)] == [
        f"{path}:2: record 2",
        f"{path}:4: record 4",
    ]
    assert sum(isinstance(one, CloudRecord) for one in found) == 3


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{}", "no log that is known"),
        ("[1]", "no record"),
        ("42", "no record"),
        ('{"eventName": "InvokeModel"}', "no log that is known"),
        (json.dumps(cloudtrail(eventTime="2026-10-01T11:52:37")), "no zone"),
        (json.dumps(azure(properties="{")), "cannot be read"),
        ("[" * 5000, "no record"),
    ],
)
def test_a_record_of_no_known_kind_is_unreadable_and_never_ignored(
    line: str, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(S3) + "\n" + line + "\n")

    _, found = read(path)

    assert isinstance(found, Skipped)
    assert found.unreadable
    assert why in str(found)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_gzip_file_that_ends_early_says_so_and_gives_what_came_before(
    share: float, tmp_path: Path
) -> None:
    text = "\n".join(json.dumps(cloudtrail(requestID=str(number))) for number in range(3000))
    packed = gzip.compress(text.encode())
    path = tmp_path / "log.json.gz"
    path.write_bytes(packed[: int(len(packed) * share)])

    *records, last = read(path)

    assert isinstance(last, Skipped)
    assert last.reason == "the gzip file ends early"
    assert last.rest
    assert sum(isinstance(one, CloudRecord) for one in records) > 100


def test_a_damaged_gzip_file_is_named(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(json.dumps(cloudtrail()).encode() * 500))
    packed[40] ^= 0xFF
    path = tmp_path / "log.gz"
    path.write_bytes(packed)

    last = read(path)[-1]

    assert isinstance(last, Skipped)
    assert "damaged gzip" in str(last)


@pytest.mark.parametrize("cut", [1, 2, 30, 900])
def test_a_list_that_ends_early_says_so(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"Records": [cloudtrail()] * 3})[:-cut])

    found = read(path)

    assert isinstance(found[-1], Skipped)
    assert found[-1].rest
    assert len(found) >= 2


def test_a_list_with_a_wrong_record_stops_there_and_says_so(tmp_path: Path) -> None:
    good = json.dumps(cloudtrail())
    path = tmp_path / "log.json"
    path.write_text(f'{{"Records": [{good}, {{"a": tru}}, {good}]}}')

    first, second = read(path)

    assert isinstance(first, CloudRecord)
    assert str(second).startswith(f"{path}:1: record 2: not JSON")
    assert "the rest of the file was not read" in str(second)


def test_utf_16_is_named_and_not_read_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps([azure()]), encoding="utf-16")

    (found,) = read(path)

    assert "UTF-16" in str(found)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (found,) = read(tmp_path / "missing.json")

    assert "no such file" in str(found)


@pytest.mark.parametrize("begin", ["", '{"Records": [', "["])
def test_a_record_without_end_is_given_up_in_bounded_memory(begin: str, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write(begin + '{"eventName": "')
        for _ in range(80):
            file.write("x" * (1 << 20))
        file.write('"}\n')

    tracemalloc.start()
    (found,) = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert isinstance(found, Skipped)
    assert found.unreadable
    assert peak < 6 * MOST_RECORD


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_damage_makes_reading_fail_or_lose_a_line_unsaid(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name, whole = data.draw(st.sampled_from(sorted(layouts(RECORDS).items())))
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        match data.draw(st.sampled_from(["cut", "flip", "insert"])):
            case "cut":
                del damaged[at : at + data.draw(st.integers(1, 400))]
            case "flip" if damaged:
                damaged[at] = data.draw(st.integers(0, 255))
            case _:
                damaged[at:at] = data.draw(st.binary(max_size=20))
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(damaged)

    found = read(path)

    lines = [one for one in damaged.split(b"\n") if one.strip()]
    if name == "lines.json" and not any(isinstance(one, Skipped) and one.rest for one in found):
        assert len(found) == len(lines)


def test_cutting_gives_texts_that_are_the_records(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"Records": RECORDS}))

    texts = [one.text for one in pieces(path, lambda _: None) if isinstance(one, Piece)]

    assert [json.loads(text) for text in texts] == RECORDS
