"""The estimate of tokens errs to the safe side."""

from typing import Any

import pytest

from bailiwick.gateway.estimate import estimate_tokens

ENGLISH = "The quick brown fox jumps over the lazy dog. " * 100
"""1,000 tokens of GPT-4o, which has one for each word and full stop."""
CODE = "for (let i = 0; i < n; i++) { total += prices[i] * 1.19; }\n"


def asked(content: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}], **more}


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (ENGLISH, 1000, 1600),
        (CODE, 20, 35),
        ("\u4f60\u597d\u4e16\u754c" * 100, 400, 800),
        ("\u0437\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439" * 10, 30, 120),
        ("", 0, 0),
    ],
)
def test_texts_take_no_more_than_estimated(text: str, least: int, most: int) -> None:
    found = estimate_tokens(asked(text)) - estimate_tokens(asked(""))

    assert least <= found <= most


def test_the_longest_answer_is_part_of_it() -> None:
    assert estimate_tokens(asked("", max_tokens=1000)) >= 1000
    assert estimate_tokens(asked("", max_completion_tokens=70)) >= 70


def test_base64_counts_as_nothing() -> None:
    block = {"type": "image", "source": {"type": "base64", "data": "A" * 1_000_000}}
    url = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}

    assert estimate_tokens(asked([block, url])) < 100


def test_a_deep_body_is_estimated_too() -> None:
    deep: Any = "x"
    for _ in range(10_000):
        deep = [deep]

    assert estimate_tokens(asked(deep)) < 20
