"""Summarise shadow mode: where a policy that was only tried answered otherwise, by our own records.

The gateway writes into each record of a decision what the policy beside would have said
(``shadow``). Nothing is decided again here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bailiwick.errors import InvalidInput
from bailiwick.replay.logs import LogOptions, placed_lines, plan
from bailiwick.replay.rows import Skipped, arrow, line_of

SCHEMA = "bailiwick.shadow/1"
MOST = 25


def summarise_shadow(paths: Sequence[Path]) -> dict[str, Any]:
    """Count what the records of some audit logs or exports say of the shadow."""
    skipped = Skipped()
    counts: Counter[str] = Counter()
    revisions: Counter[str] = Counter()
    groups: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    examples: list[dict[str, Any]] = []
    accounts: dict[str, set[str]] = defaultdict(set)
    for place, event in _events(paths, skipped):
        shadow = event.get("shadow")
        if not isinstance(shadow, dict):
            counts["without_shadow"] += 1
            continue
        change = _change(event, shadow)
        counts[change] += 1
        revisions[f"{event.get('revision', '')[:12]} beside {shadow.get('revision', '')[:12]}"] += 1
        for group, name in _names(event, shadow).items():
            groups[group][name][change] += 1
        if event.get("account"):
            accounts[change].add(event["account"])
        if change != "same" and len(examples) < MOST:
            examples.append({"at": line_of(place), "change": change, **_example(event, shadow)})
    compared = sum(counts.values()) - counts["without_shadow"]
    return {
        "schema": SCHEMA,
        "records": sum(counts.values()),
        "compared": compared,
        **{name: counts[name] for name in ("same", "newly_denied", "newly_permitted", "otherwise")},
        "without_shadow": counts["without_shadow"],
        "accounts_newly_denied": len(accounts["newly_denied"]),
        "accounts_newly_permitted": len(accounts["newly_permitted"]),
        "revisions": dict(revisions),
        **{f"by_{group}": _sorted(names) for group, names in groups.items()},
        "examples": examples,
        "skipped": dict(skipped.counts),
        "notes": skipped.notes,
    }


def _change(event: Mapping[str, Any], shadow: Mapping[str, Any]) -> str:
    now, then = event.get("effect"), shadow.get("effect")
    if now != then:
        return "newly_permitted" if then == "permit" else "newly_denied"
    return "otherwise" if "reasons" in shadow else "same"


def _names(event: Mapping[str, Any], shadow: Mapping[str, Any]) -> dict[str, str]:
    address = event.get("evidence", {}).get("address", "unknown")
    place = "|".join(address) if isinstance(address, list) else str(address)
    reasons = (shadow.get("reasons") or [{}])[0]
    why = " ".join(str(reasons[key]) for key in ("code", "rule", "dimension") if key in reasons)
    return {
        "model": str(event.get("model")),
        "country": place,
        "account": str(event.get("account")),
        "reason": why or "permitted",
    }


def _example(event: Mapping[str, Any], shadow: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "model", "account", "effect", "determining", "evidence")
    return {**{name: event.get(name) for name in names}, "shadow": shadow}


def _sorted(names: Mapping[str, Counter[str]]) -> list[dict[str, Any]]:
    def changed(counts: Counter[str]) -> int:
        return sum(counts.values()) - counts["same"]

    ordered = sorted(names.items(), key=lambda one: (-changed(one[1]), one[0]))
    return [
        {"name": name, "records": sum(counts.values()), **counts}
        for name, counts in ordered
        if changed(counts)
    ]


def _events(paths: Sequence[Path], skipped: Skipped) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Go through the decisions of audit logs: segments, JSON Lines or Parquet."""
    for chunk in plan(paths, LogOptions()):
        if chunk.kind == "parquet":
            yield from _of_parquet(chunk.file, chunk.start)
        elif chunk.kind == "jsonl":
            for place, line in placed_lines(chunk, skipped):
                yield from _of_line(place, line, skipped)
        else:
            raise InvalidInput.of(
                f"`{chunk.file}` holds no audit records", "name an audit folder or an export of it"
            )


def _of_line(place: str, line: bytes, skipped: Skipped) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not line.strip():
        return
    try:
        record = msgspec.json.decode(line)
        event = record["event"]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        skipped.add("no audit record", [place], 1)
        return
    if isinstance(event, dict) and event.get("kind") == "decision":
        yield place, event


def _of_parquet(file: str, group: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    columns = ["kind", "model", "account", "effect", "revision", "id", "rest"]
    with arrow().parquet.ParquetFile(file) as parquet:
        if not set(columns) <= set(parquet.schema_arrow.names):
            raise InvalidInput.of(f"`{file}` is no export of an audit log")
        first = sum(parquet.metadata.row_group(at).num_rows for at in range(group))
        for at, row in enumerate(parquet.read_row_group(group, columns).to_pylist(), first + 1):
            if row["kind"] == "decision":
                yield f"{file}:{at}", {**row, **msgspec.json.decode(row["rest"] or "{}")}
