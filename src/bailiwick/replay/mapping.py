"""Which columns of somebody's table mean what: a small YAML file, checked with positions.

    mapping: 1
    columns: {model: model_name, address: client_ip, account: tenant, at: started}
    facts: {billing: billing_country}

What the values of ``columns`` and ``facts`` name is a column, or in JSON a path such as
``usage.prompt_tokens``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from bailiwick.documents import Document
from bailiwick.errors import InvalidInput, Problem
from bailiwick.facts import DIMENSIONS, dimension
from bailiwick.replay.rows import COLUMNS, FACT


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Our columns to theirs."""

    columns: Mapping[str, str]
    """``model``, ``at``, ..., ``fact.NAME`` to the name or path in the log."""
    file: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where the file says so, for messages."""


def read_mapping(document: Document) -> ColumnMapping:
    """Read a mapping file. Raises ``InvalidInput`` with every problem in it."""
    value = document.value
    if not isinstance(value, dict) or value.get("mapping") != "1":
        raise InvalidInput.of(
            "not a column mapping", "begin it with `mapping: 1`", document.position(())
        )
    problems = [
        Problem(f"unknown key `{key}`", "known are columns, facts", document.key_position((key,)))
        for key in value.keys() - {"mapping", "columns", "facts"}
    ]
    found: dict[str, str] = {}
    places: dict[str, str] = {}
    for section in ("columns", "facts"):
        entries = value.get(section, {})
        if not isinstance(entries, dict):
            problems.append(
                Problem(f"`{section}` is not a mapping", None, document.position((section,)))
            )
            continue
        for name, theirs in entries.items():
            problem = _wrong(section, name, theirs)
            if problem:
                here = document.key_position((section, name))
                problems.append(Problem(problem[0], problem[1], here))
                continue
            ours = name if section == "columns" else FACT + name
            found[ours] = str(theirs)
            places[ours] = str(document.position((section, name)))
    if "model" not in found and not problems:
        problems.append(
            Problem(
                "`columns` has no `model`", "name the column with the model", document.position(())
            )
        )
    if problems:
        raise InvalidInput(problems)
    return ColumnMapping(found, document.file, places)


def _wrong(section: str, name: str, theirs: object) -> tuple[str, str | None] | None:
    known = COLUMNS if section == "columns" else tuple(DIMENSIONS)
    if not isinstance(theirs, str):
        return f"`{name}` names no column", "write the name of one column"
    if (section == "columns" and name not in COLUMNS) or (
        section == "facts" and dimension(name) is None
    ):
        near = get_close_matches(name, known, 1)
        what = "column" if section == "columns" else "fact"
        return (
            f"unknown {what} `{name}`",
            f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}",
        )
    return None


OWN = ColumnMapping({name: name for name in COLUMNS})
"""A table in our own shape; its facts are in columns ``fact.NAME``."""

AUDIT_COLUMNS = {
    "at": "at", "model": "model", "account": "account", "key": "key", "recorded": "effect",
}  # fmt: skip

LITELLM = ColumnMapping({
    "at": "startTime", "model": "model", "address": "requester_ip_address", "account": "team_id",
    "key": "api_key", "tokens_in": "prompt_tokens", "tokens_out": "completion_tokens",
    "cost": "spend",
})  # fmt: skip
"""Rows of LiteLLM's table of spend logs. An account is its team, else the user."""

OPENAI_USAGE = ColumnMapping({
    "at": "start_time", "model": "model", "account": "project_id", "key": "api_key_id",
    "requests": "num_model_requests", "tokens_in": "input_tokens", "tokens_out": "output_tokens",
})  # fmt: skip
"""Results of the organisation usage endpoint; they say no address."""

JSON_LOG = ColumnMapping({
    "at": "time", "model": "model", "address": "remote_addr", "account": "account", "key": "key",
    "tokens_in": "tokens_in", "tokens_out": "tokens_out", "cost": "cost",
})  # fmt: skip
"""An access log in JSON lines with these keys, or the usual other names for them (``ALSO``)."""

ALSO = {
    "at": ("time_iso8601", "timestamp", "@timestamp", "start_time", "startTime", "ts",
           "time_local", "at", "msec"),
    "model": ("model_name", "modelId", "request_model", "upstream_http_x_model"),
    "address": ("client_ip", "ip", "remote_ip", "source_ip", "requester_ip_address",
                "downstream_remote_address", "address", "x_forwarded_for"),
    "account": ("team_id", "user", "user_id", "end_user", "tenant", "remote_user", "account_id"),
    "key": ("api_key", "key_id", "api_key_id"),
    "tokens_in": ("prompt_tokens", "input_tokens", "usage.prompt_tokens", "usage.input_tokens"),
    "tokens_out": ("completion_tokens", "output_tokens", "usage.completion_tokens",
                   "usage.output_tokens"),
    "cost": ("spend", "cost_usd", "response_cost"),
}  # fmt: skip
"""Other names that are tried in order where nobody gave a mapping."""
