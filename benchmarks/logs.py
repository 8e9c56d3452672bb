"""Cloud logs: records a second of one core, reading alone and judged against a policy."""

import gzip
import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from bailiwick.bootstrap import read_catalog
from bailiwick.cloud import read_organisation
from bailiwick.cloud.logs import read_cloud_log
from bailiwick.cloud.watch import Judge, WatchReport, watch
from bailiwick.decision import compile_table
from bailiwick.documents import parse_document
from bailiwick.policy import read_policy
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table

RECORDS = 60_000
POLICY = """\
bailiwick: 1
name: logs
places: {us: {include: [US], territories: inherit}}
rules:
  - {id: frontier, permit: anthropic/claude-*, where: {processing: us, labels: frontier}}
  - {id: open, permit: meta/llama-*}
"""
REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1")
MODELS = (
    "us.anthropic.claude-opus-4-1-20250805-v1:0",
    "anthropic.claude-sonnet-4-6",
    "eu.anthropic.claude-sonnet-4-6",
    "meta.llama3-3-70b-instruct-v1:0",
    "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-1-8b-instruct-v1:0",
)


def _event(random: Random, number: int) -> dict[str, Any]:
    account = f"{random.randrange(500):012d}"
    region = random.choice(REGIONS)
    at = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=number)
    return {
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:session",
            "arn": f"arn:aws:sts::{account}:assumed-role/app/session",
            "accountId": account,
            "sessionContext": {"sessionIssuer": {"type": "Role", "accountId": account}},
        },
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "bedrock.amazonaws.com",
        "eventName": random.choice(("InvokeModel", "Converse", "ConverseStream")),
        "awsRegion": region,
        "sourceIPAddress": f"192.0.2.{random.randrange(256)}",
        "userAgent": "Boto3/1.40 md/Botocore#1.40 ua/2.1 os/linux lang/python#3.12",
        "requestParameters": {"modelId": random.choice(MODELS)},
        "responseElements": None,
        "additionalEventData": {"inferenceRegion": region},
        "requestID": f"{number:08x}-0000-0000-0000-000000000000",
        "eventID": f"{number:08x}-0000-0000-0000-000000000001",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "clientProvidedHostHeader": f"bedrock-runtime.{region}.amazonaws.com",
        },
    }


def _judge() -> tuple[Judge, WatchReport]:
    catalog = read_catalog()
    table = compile_table(read_policy(POLICY, "policy.yaml", catalog), catalog)
    accounts = ", ".join(f'{{id: "{n:012d}", labels: [frontier]}}' for n in range(500))
    text = (
        "organisation: 1\nname: x\n"
        f"aws: {{id: o-exampleorg1, root: r-ab12, accounts: [{accounts}]}}\n"
    )
    organisation = read_organisation(parse_document(text, "org.yaml"))
    return Judge(table, catalog, organisation), WatchReport(table.revision)


def _read(path: Path) -> int:
    return sum(1 for _ in read_cloud_log(path))


def _watch(path: Path) -> int:
    judge, report = _judge()
    watch(judge, read_cloud_log(path), report)
    if report.unreadable or report.judged != RECORDS:
        raise AssertionError("the log was not judged whole")
    return report.records


def _parse(path: Path) -> int:
    """Read the same lines with the standard library alone, as a script would."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        if path.suffix == ".json":
            return len(json.load(file)["Records"])
        return sum(1 for line in file if json.loads(line)["eventName"])


def run(options: Options) -> Section:
    """Measure."""
    random = Random(7)
    events = [_event(random, number) for number in range(RECORDS)]
    with tempfile.TemporaryDirectory() as folder:
        lines = "\n".join(map(json.dumps, events))
        files = {
            "JSON lines": Path(folder) / "log.jsonl",
            "JSON lines, gzip": Path(folder) / "log.jsonl.gz",
            "CloudTrail's own files": Path(folder) / "log.json",
        }
        files["JSON lines"].write_text(lines)
        files["JSON lines, gzip"].write_bytes(gzip.compress(lines.encode()))
        files["CloudTrail's own files"].write_text(json.dumps({"Records": events}))
        taken = _rounds(files, options.rounds)
    rows = [
        (
            name,
            *(
                f"{RECORDS / taken[name, what].median:,.0f}"
                for what in ("standard library", "read", "watch")
            ),
        )
        for name in files
    ]
    slowest = min(RECORDS / taken[name, "watch"].median for name in files)
    return Section(
        "Cloud logs",
        (
            Table(
                f"{RECORDS:,} CloudTrail records, a second of CPU",
                ("", "parsed only, standard library", "read as records", "judged"),
                rows,
                ("500 accounts, 5 regions, 5 names of models. Judged is the whole command.",),
            ),
        ),
        (Goal("CloudTrail records judged, a second and core", ">=", 20_000, slowest, ""),),
        (),
    )


def _rounds(files: dict[str, Path], rounds: int) -> dict[tuple[str, str], Spread]:
    whats: dict[str, Callable[[Path], int]] = {
        "standard library": _parse,
        "read": _read,
        "watch": _watch,
    }
    taken: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for name, path in files.items():
            for what, function in whats.items():
                began = time.process_time()
                function(path)
                taken.setdefault((name, what), []).append(time.process_time() - began)
    return {key: Spread.of(values) for key, values in taken.items()}
