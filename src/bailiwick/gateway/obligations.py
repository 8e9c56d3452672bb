"""What the gateway holds a permitted request to, besides quotas, and what it cannot hold it to."""

from collections.abc import Iterable
from typing import Any

from bailiwick.decision import Obligations
from bailiwick.errors import Problem
from bailiwick.front import Refused


def unsupported(obligations: Iterable[Obligations]) -> list[Problem]:
    """Find obligations that this gateway cannot keep, for a policy not to be put in force."""
    if any(one.max_input_tokens is not None for one in obligations):
        hint = (
            "limit `max_body_bytes` instead: the gateway has no tokenizer of the models it serves"
        )
        return [Problem("`max_input_tokens` cannot be enforced by this gateway", hint)]
    return []


def check(held: Obligations, bytes_in: int) -> None:
    """Refuse a request that is over a limit."""
    if held.max_input_tokens is not None:
        raise Refused(
            "obligation_unsupported", "the policy asks for a limit that cannot be enforced"
        )
    if held.max_body_bytes is not None and bytes_in > held.max_body_bytes:
        message = f"the policy allows bodies of {held.max_body_bytes} bytes here"
        raise Refused("body_too_large", message)


def counts_tokens(held: Obligations) -> bool:
    """Whether the tokens of an answer must be counted."""
    return any(quota.tokens is not None for quota in held.quotas)


def cap(held: Obligations, limits: tuple[str, ...], body: dict[str, Any]) -> str | None:
    """Lower what the body says of the output's length; say what was changed."""
    if held.max_output_tokens is None or not limits:
        return None
    most = held.max_output_tokens // _choices(body)
    if most < 1:
        raise Refused("body_field", f"`n` may be at most {held.max_output_tokens}", "n")
    given = [name for name in limits if body.get(name) is not None] or [limits[0]]
    capped = [name for name in given if _number(body.get(name), name) > most]
    body.update(dict.fromkeys(capped, most))
    return ", ".join(f"{name}={most}" for name in capped) or None


def _choices(body: dict[str, Any]) -> int:
    """Count the answers that are asked for: they share what may be put out."""
    asked = body.get("n")
    if asked is None:
        return 1
    if type(asked) is not int or asked < 1:
        raise Refused("body_field", "`n` must be a number of answers", "n")
    return asked


def _number(value: object, name: str) -> float:
    if value is None:
        return float("inf")
    if type(value) is not int:
        raise Refused("body_field", f"`{name}` must be a whole number", name)
    return value
