"""What an account is told: rendered when it happens, in the transaction in which it happens.

A notice waits in an outbox until it has left (``delivery``). Its appeal token is in the database
only so long; after that only the token's hash is.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import insert

from bailiwick.accounts import machine, schema
from bailiwick.accounts.change import Change
from bailiwick.accounts.wording import for_how_long, how_to_fix, plain_reason
from bailiwick.policy import Policy, RuleEffect

TOKEN = "[[appeal-token]]"  # noqa: S105 - it marks where a token goes
TOLD = frozenset({machine.RESTRICTED, machine.SUSPENDED, machine.TERMINATED, machine.CLOSED})
"""Statuses that are told, and ``active`` where it follows one of them."""
STAYS = "billing, export of your data, and appeal"
MOST_MODELS = 12
_PUT, _OFFER = insert(schema.notices), insert(schema.appeals)


@dataclass(frozen=True, slots=True)
class Told:
    """What a notice says of one change."""

    account: str
    name: str
    source: str
    target: str
    code: str
    rule: str | None
    facts: Sequence[Mapping[str, object]]
    by_person: bool
    cure_s: int | None
    then: str | None


def new_token() -> tuple[str, bytes]:
    """Make an appeal token (256 random bits) and its hash."""
    token = secrets.token_urlsafe(32)
    return token, token_hash(token)


def token_hash(token: str) -> bytes:
    """Hash a token, as it is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def add_notice(
    change: Change, told: Told, seq: int, policy: Policy, *, appeal_link: str | None, appeal: bool
) -> str:
    """Put the notice of a change into the outbox; returns its id."""
    identity = f"ntc_{secrets.token_hex(12)}"
    token = None
    if appeal:
        token, hashed = new_token()
        _offer_appeal(change, told.account, hashed, seq, policy)
    subject = f"Your account {told.account} is {_word(told.target)}"
    body = render(
        "notice.txt", notice_fields(told, identity, change.at, policy, appeal_link, appeal)
    )
    put(change, identity, told.account, told.target, f"transition:{seq}", subject, body, token)
    return identity


def put(
    change: Change,
    identity: str,
    account: str,
    kind: str,
    about: str,
    subject: str,
    body: str,
    token: str | None = None,
) -> None:
    """Put a rendered notice into the outbox."""
    change.write(
        _PUT,
        {
            "id": identity,
            "account_id": account,
            "kind": kind,
            "about": about,
            "created_at": change.at,
            "subject": subject[:200],
            "body": body,
            "token": token,
            "attempts": 0,
            "next_at": change.at,
        },
    )


def notice_fields(
    told: Told, identity: str, at: int, policy: Policy, link: str | None, appeal: bool
) -> dict[str, Any]:
    """Gather what the template says."""
    review = policy.review
    when = datetime.fromtimestamp(at / 1000, UTC)
    until = when + timedelta(seconds=review.appeal_open_s)
    adverse = told.target in machine.ADVERSE
    curing = told.then is not None and told.target == machine.RESTRICTED
    return {
        "at": f"{when:%Y-%m-%d %H:%M} UTC",
        "account": told.account,
        "name": told.name,
        "status": _word(told.target),
        "policy": policy.name,
        "rule": told.rule,
        "reason": plain_reason(told.code, [dict(one) for one in told.facts]),  # type: ignore[arg-type]
        "facts": told.facts,
        "decided_by": "a person" if told.by_person else "automation, without a person",
        "off": _off(told.target, policy),
        "works": _works(told.target),
        "fix": how_to_fix(told.code) if adverse else None,
        "fix_within": for_how_long(told.cure_s) if curing and told.cure_s else None,
        "then": told.then if curing else None,
        "link": (link.replace("{token}", TOKEN) if link else f"appeal token {TOKEN}")
        if appeal
        else None,
        "object_until": f"{until:%Y-%m-%d}",
        "answer_within": for_how_long(review.appeal_s),
        "reference": identity,
    }


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("bailiwick.accounts"),
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        auto_reload=False,
    )


def render(template: str, fields: Mapping[str, Any]) -> str:
    """Fill a template; nothing in a field can add a line that the template does not have."""
    plain = {key: _one_line(value) for key, value in fields.items()}
    text = _environment().get_template(template).render(plain)
    return re.sub(r"\n{3,}", "\n\n", text)


def _one_line(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, Mapping):
        return {key: _one_line(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_one_line(part) for part in value]
    return value


def _offer_appeal(change: Change, account: str, hashed: bytes, seq: int, policy: Policy) -> None:
    change.write(
        _OFFER,
        {
            "id": f"apl_{secrets.token_hex(12)}",
            "account_id": account,
            "token_hash": hashed,
            "transition_seq": seq,
            "round": 1,
            "created_at": change.at,
            "expires_at": change.at + policy.review.appeal_open_s * 1000,
            "state": "offered",
        },
    )


def _word(status: str) -> str:
    return {"in_review": "in review", "active": "reinstated"}.get(status, status)


def _off(status: str, policy: Policy) -> str | None:
    if status == machine.RESTRICTED:
        permits = (rule for rule in policy.rules if rule.effect is RuleEffect.PERMIT)
        names = sorted(
            policy.controlled.intersection(chain.from_iterable(one.models for one in permits))
        )
        more = f" and {len(names) - MOST_MODELS} more" if len(names) > MOST_MODELS else ""
        return "controlled models: " + ", ".join(names[:MOST_MODELS]) + more
    if status in {machine.SUSPENDED, machine.TERMINATED, machine.CLOSED}:
        return "all models"
    return None


def _works(status: str) -> str:
    if status == machine.RESTRICTED:
        return f"all other models, {STAYS}"
    return STAYS if status in TOLD else "everything that the policy permits"


def as_json(facts: Sequence[Mapping[str, object]]) -> str:
    """Write facts as they are stored."""
    return json.dumps(list(facts), sort_keys=True)
