"""About how many tokens a request takes: rather too many than too few.

There is no tokenizer here, and each model has its own. Three characters of ASCII count as a token,
which English, code and JSON nearly always stay below, and a character of another script as about
two. What is sent as base64 counts as nothing, since only the model knows what it makes of it. The
longest answer that is asked for is part of it: it has to fit into the same context.
"""

from math import ceil
from typing import Any, Final

ASCII_PER_TOKEN: Final = 3
MORE_PER_BYTE: Final = 0.75
"""Tokens for each byte of UTF-8 beyond the first of a character."""
LONGEST_ANSWER: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")
DATA: Final = frozenset({"data", "file_data", "b64_json"})
"""Keys with base64."""


def estimate_tokens(body: dict[str, Any]) -> int:
    """Estimate the context that a request needs, its answer included."""
    answer = max((n for name in LONGEST_ANSWER if isinstance(n := body.get(name), int)), default=0)
    return ceil(_tokens(body)) + answer


def _tokens(body: Any) -> float:
    """Add up every text, the names of keys too; nothing is recursive, however deep it is."""
    found = 0.0
    waiting = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found += _of_text(value)
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value
            waiting += (one for name, one in value.items() if name not in DATA)
        else:
            found += 1
    return found


def _of_text(text: str) -> float:
    if text.startswith("data:"):
        return 0
    more = 0 if text.isascii() else len(text.encode("utf-8", "surrogatepass")) - len(text)
    return len(text) / ASCII_PER_TOKEN + more * MORE_PER_BYTE
