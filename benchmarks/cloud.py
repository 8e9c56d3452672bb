"""Compile a policy for each cloud, proof included: seconds of CPU and memory."""

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime

from bailiwick.bootstrap import read_catalog
from bailiwick.catalog import Catalog
from bailiwick.cloud import Cloud, Tree, read_organisation, regions_of
from bailiwick.cloud.aws import default_profiles
from bailiwick.cloud.azure import azure_models
from bailiwick.cloud.gcp import vertex_models
from bailiwick.decision import DecisionTable, compile_table
from bailiwick.documents import parse_document
from bailiwick.policy import read_policy
from bailiwick.targets import Compiled
from bailiwick.targets.aws import NewModels, bedrock_models, compile_aws
from bailiwick.targets.aws import Options as AwsOptions
from bailiwick.targets.azure import compile_azure
from bailiwick.targets.gcp import compile_gcp
from benchmarks.options import Options
from benchmarks.report import Goal, Section, Spread, Table

NOW = datetime(2026, 11, 28, tzinfo=UTC)
RULES, ACCOUNTS, UNITS = 20, 500, 10
FAMILIES = (
    "anthropic/claude-opus-*", "anthropic/claude-sonnet-*", "anthropic/claude-haiku-*",
    "openai/gpt-5*", "openai/gpt-oss-*", "meta/*", "mistral/*", "deepseek/*", "amazon/*",
    "cohere/*",
)  # fmt: skip
PLACES = ("[US]", "[US, CA]", "EU", "[JP, AU, SG]", "[DE, FR, IE, SE, IT, ES]")


def policy() -> str:
    """Write twenty rules over families, units and places."""
    lines = ["bailiwick: 1", "name: benchmark", "rules:"]
    for number in range(RULES):
        family = FAMILIES[number % len(FAMILIES)]
        place = PLACES[number % len(PLACES)]
        label = f", labels: unit-{number % UNITS}" if number % 3 else ""
        effect = "deny" if number >= 17 else "permit"
        where = f"{{processing: {place}{label}}}"
        lines.append(f"  - {{id: r{number}, {effect}: {family!r}, where: {where}}}")
    return "\n".join(lines) + "\n"


def organisation() -> str:
    """Write five hundred accounts in ten units, in each cloud."""
    each = ACCOUNTS // UNITS
    numbers = [range(unit * each + 1, (unit + 1) * each + 1) for unit in range(UNITS)]
    aws = [
        {
            "id": f"ou-ab12-{unit:08d}",
            "labels": [f"unit-{unit}"],
            "accounts": [f"{one:012d}" for one in mine],
        }
        for unit, mine in enumerate(numbers)
    ]
    gcp = [
        {
            "id": f"folders/{unit + 1}",
            "labels": [f"unit-{unit}"],
            "projects": [f"project-{one}" for one in mine],
        }
        for unit, mine in enumerate(numbers)
    ]
    azure = [
        {
            "id": f"group-{unit}",
            "labels": [f"unit-{unit}"],
            "subscriptions": [f"00000000-0000-0000-0000-{one:012d}" for one in mine],
        }
        for unit, mine in enumerate(numbers)
    ]
    return json.dumps(
        {
            "organisation": "1",
            "name": "benchmark",
            "aws": {"id": "o-exampleorg1", "root": "r-ab12", "units": aws},
            "gcp": {"id": "organizations/1", "folders": gcp},
            "azure": {"id": "root", "groups": azure},
        }
    )


def compile_for(cloud: Cloud, table: DecisionTable, catalog: Catalog, tree: Tree) -> Compiled:
    match cloud:
        case Cloud.AWS:
            options = AwsOptions(default_profiles(), NewModels.LIKE_FAMILY)
            return compile_aws(table, catalog, tree, NOW, options)
        case Cloud.GCP:
            return compile_gcp(table, catalog, tree, NOW)
        case Cloud.AZURE:
            return compile_azure(table, catalog, tree, NOW)


def measure(name: str) -> dict[str, float]:
    """Read, compile and prove once; CPU seconds of this process from here on."""
    cloud, catalog = Cloud(name), read_catalog()
    began = time.process_time()
    table = compile_table(read_policy(policy(), "policy.yaml", catalog), catalog)
    tree = read_organisation(parse_document(organisation(), "org.yaml")).tree(cloud)
    read = time.process_time()
    made = compile_for(cloud, table, catalog, tree)
    models = {Cloud.AWS: bedrock_models, Cloud.GCP: vertex_models, Cloud.AZURE: azure_models}
    return {
        "read": read - began,
        "compile": time.process_time() - read,
        "cells": len(made.cells),
        "statements": len(made.statements),
        "characters": sum(len(text) for text in made.files.values()),
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "models": len(models[cloud](catalog)),
        "regions": len(regions_of(cloud).places),
    }


def run(options: Options) -> Section:
    """Measure in processes of their own, so that memory is that of one compilation."""
    rows, goals = [], []
    for cloud in Cloud:
        found = [_in_a_process(cloud) for _ in range(options.rounds)]
        compiled = Spread.of(one["read"] + one["compile"] for one in found)
        memory = Spread.of(one["mb"] for one in found)
        one = found[0]
        size = (
            f"{RULES} rules, {ACCOUNTS} accounts, {one['regions']:.0f} cloud regions, "
            f"{one['models']:.0f} models"
        )
        numbers = (f"{one[key]:,.0f}" for key in ("cells", "statements", "characters"))
        rows.append((cloud.value, size, compiled.show(1), memory.show(0), *numbers))
        goals += [
            Goal(f"compile, check and matrix for {cloud.value}", "<=", 10, compiled.median, "s"),
            Goal(f"memory of that for {cloud.value}", "<=", 500, memory.median, "MB"),
        ]
    table = Table(
        "Read, compile, and prove on every cell of the matrix",
        ("cloud", "size", "CPU seconds", "MB", "cells", "statements", "characters"),
        rows,
    )
    return Section("Cloud guardrails", (table,), tuple(goals))


def _in_a_process(cloud: Cloud) -> dict[str, float]:
    code = (
        "import json, sys; from benchmarks.cloud import measure; "
        "print(json.dumps(measure(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, cloud.value]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found
