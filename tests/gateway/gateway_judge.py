"""A small judge that decides for real, from a table one can read at a glance.

Addresses 203.0.113.0/24 are in XA, 198.51.100.0/24 in XB, others nowhere. XA may use everything; XB
nothing; nowhere, everything but ``anthropic/claude-frontier``. What the key is called adds the rest.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bailiwick.decision import Decision, Effect, Obligations, Quota, Reason
from bailiwick.gateway import Services
from bailiwick.pipeline import Alike, Asked, Judged, Outcome, Unauthenticated, Unavailable
from bailiwick.policy import Refusal

CATALOGUE = {
    "anthropic/claude-test": "anthropic/claude-test",
    "claude-test": "anthropic/claude-test",
    "anthropic/claude-frontier": "anthropic/claude-frontier",
    "openai/gpt-test": "openai/gpt-test",
    "gpt-test": "openai/gpt-test",
    "openai/nowhere": "openai/nowhere",
}
NOWHERE = "openai/nowhere"
"""Permitted, and served by no upstream."""

OBLIGATIONS = {
    "key-quota": Obligations(quotas=(Quota("q", "day", "account", requests=2),)),
    "key-two-quotas": Obligations(
        quotas=(
            Quota("a", "day", "model", requests=1),
            Quota("b", "day", "everybody", requests=3),
        )
    ),
    "key-tokens": Obligations(quotas=(Quota("t", "day", "key", tokens=20),)),
    "key-capped": Obligations(max_output_tokens=100),
    "key-small": Obligations(max_body_bytes=300),
    "key-input": Obligations(max_input_tokens=5),
    "key-headers": Obligations(headers=(("X-Moderation", "strict"), ("Anthropic-Beta", "ours"))),
}
UNAVAILABLE = {"key-audit": "audit_unavailable", "key-accounts": "accounts_unavailable"}
KEYS = {"key-a", "key-slow", "key-bug", *OBLIGATIONS, *UNAVAILABLE}


@dataclass(frozen=True)
class Located:
    address: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class Account:
    id: str
    key_id: str


@dataclass(frozen=True)
class Durable:
    judged: Judged

    async def durable(self) -> Judged:
        return self.judged


class TableJudge:
    """Decides from the tables above; writes what happens to a file, one JSON object a line."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def write(self, event: Mapping[str, Any]) -> None:
        with self._log.open("a") as file:
            file.write(json.dumps({**event, "pid": os.getpid()}, default=list) + "\n")

    def ended(self, asked: Asked, judged: Judged, at: datetime) -> str | None:
        return None

    def version(self) -> object:
        return None

    def judge_now(
        self, asked: Asked, at: datetime, size: int = 0, alike: Alike | None = None
    ) -> Judged | Durable:
        located = self._admit(asked)
        model = CATALOGUE.get(asked.model or "")
        decision = _decide(asked, model, located)
        judged = Judged(
            id="dec_" + secrets.token_hex(16), decision=decision, model=model,
            account=Account(asked.key or "", asked.key or ""), located=located, revision="r1",
            controlled=True, layer="edge",
        )  # fmt: skip
        self.write({
            "event": "judged", "id": judged.id, "model": model, "asked": asked.model, "peer": asked.peer,
            "features": sorted(asked.features), "action": asked.action, "dialect": asked.dialect,
            "path": asked.path, "effect": decision.effect.value, "headers": list(asked.headers),
        })  # fmt: skip
        return Durable(judged) if decision.permitted else judged

    def alike(self, asked: Asked) -> Alike:
        return Alike()

    def arrangement(self, asked: Asked) -> None:
        return None

    def outcome(self, judged: Judged, outcome: Outcome) -> None:
        self.write({
            "event": "outcome", "id": judged.id, "status": outcome.status, "kind": outcome.kind,
            "bytes_in": outcome.bytes_in, "bytes_out": outcome.bytes_out,
            "first_byte_ms": outcome.first_byte_ms, "upstream": outcome.upstream,
        })  # fmt: skip

    def permitted_models(self, asked: Asked, at: datetime) -> tuple[str, ...]:
        located = self._admit(asked)
        every = sorted(set(CATALOGUE.values()))
        return tuple(one for one in every if _decide(asked, one, located).permitted)

    def _admit(self, asked: Asked) -> Located:
        if _kind(asked) not in KEYS:
            raise Unauthenticated("revoked" if asked.key == "key-revoked" else "unknown")
        if asked.key in UNAVAILABLE:
            raise Unavailable(UNAVAILABLE[asked.key])
        if asked.key == "key-bug":
            raise RuntimeError("a bug")
        given = [value for name, value in asked.headers if name == "x-forwarded-for"]
        address = given[-1].rpartition(",")[2].strip() if given else asked.peer
        place = {"203.0.113": ("XA",), "198.51.100": ("XB",)}.get(address.rpartition(".")[0], ())
        return Located(address, place)


def _kind(asked: Asked) -> str:
    """What a key is called, without what tells it from others of its kind."""
    return (asked.key or "").partition(":")[0]


def _decide(asked: Asked, model: str | None, located: Located) -> Decision:
    if model is None:
        return Decision(Effect.DENY, (), (Reason("model.unknown"),))
    if "XB" in located.places:
        return Decision(Effect.DENY, ("no-xb",), (Reason("rule.denied", "no-xb", "operator"),))
    if not located.places and model == "anthropic/claude-frontier":
        reason = Reason("evidence.missing", "frontier", "operator", "address")
        return Decision(Effect.DENY, ("frontier",), (reason,))
    if "audio_input" in asked.features:
        reason = Reason("feature.denied", "no-audio", "operator", "features", "audio_input")
        return Decision(Effect.DENY, ("no-audio",), (reason,))
    held = OBLIGATIONS.get(_kind(asked), Obligations())
    return Decision(Effect.PERMIT, ("all",), (), held)


def services(log: str, refusal: Mapping[str, Any], fault: str | None = None) -> Services:
    """Make what a worker of the tests works with."""
    if fault is not None:
        raise RuntimeError(fault)
    judge = TableJudge(Path(log))
    style = Refusal(**refusal)

    async def start() -> None:
        judge.write({"event": "start"})

    async def stop() -> None:
        judge.write({"event": "stop"})

    return Services(
        judge=judge,
        record=lambda event: judge.write({"event": "refusal", **event}),
        style=lambda: style,
        status=lambda: {"ready": True, "revision": "r1"},
        start=start,
        stop=stop,
    )
