"""Compile a policy to service control policies, proof included: seconds of CPU and memory."""

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime

from bailiwick.bootstrap import read_catalog
from bailiwick.cloud import Cloud, read_organisation, regions_of
from bailiwick.cloud.aws import default_profiles
from bailiwick.decision import compile_table
from bailiwick.documents import parse_document
from bailiwick.policy import read_policy
from bailiwick.targets.aws import NewModels, bedrock_models, compile_aws
from bailiwick.targets.aws import Options as AwsOptions
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
    """Write five hundred accounts in ten units."""
    each = ACCOUNTS // UNITS
    units = [
        {
            "id": f"ou-ab12-{unit:08d}",
            "labels": [f"unit-{unit}"],
            "accounts": [f"{unit * each + index:012d}" for index in range(1, each + 1)],
        }
        for unit in range(UNITS)
    ]
    aws = {"id": "o-exampleorg1", "root": "r-ab12", "units": units}
    return json.dumps({"organisation": "1", "name": "benchmark", "aws": aws})


def measure() -> dict[str, float]:
    """Read, compile and prove once; CPU seconds of this process from here on."""
    catalog = read_catalog()
    began = time.process_time()
    table = compile_table(read_policy(policy(), "policy.yaml", catalog), catalog)
    tree = read_organisation(parse_document(organisation(), "org.yaml")).tree(Cloud.AWS)
    read = time.process_time()
    options = AwsOptions(default_profiles(), NewModels.LIKE_FAMILY)
    made = compile_aws(table, catalog, tree, NOW, options)
    return {
        "read": read - began,
        "compile": time.process_time() - read,
        "cells": len(made.cells),
        "statements": len(made.statements),
        "characters": sum(len(text) for text in made.files.values()),
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "models": len(bedrock_models(catalog)),
        "regions": len(regions_of(Cloud.AWS).places),
    }


def run(options: Options) -> Section:
    """Measure in processes of their own, so that memory is that of one compilation."""
    code = "import json; from benchmarks.cloud import measure; print(json.dumps(measure()))"
    found = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(options.rounds)
    ]
    compiled = Spread.of(one["read"] + one["compile"] for one in found)
    memory = Spread.of(one["mb"] for one in found)
    one = found[0]
    regions, models = int(one["regions"]), int(one["models"])
    size = f"{RULES} rules, {ACCOUNTS} accounts, {regions} cloud regions, {models} models"
    row = (
        size,
        compiled.show(1),
        memory.show(0),
        f"{one['cells']:,.0f}",
        f"{one['statements']:.0f}",
        f"{one['characters']:,.0f}",
    )
    table = Table(
        "AWS: read, compile, and prove on every cell of the matrix",
        ("size", "CPU seconds", "MB", "cells", "statements", "characters"),
        [row],
    )
    goals = (
        Goal("compile, check and matrix for AWS", "<=", 10, compiled.median, "s"),
        Goal("memory of that", "<=", 500, memory.median, "MB"),
    )
    return Section("Cloud guardrails", (table,), goals)
