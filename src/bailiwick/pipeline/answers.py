"""What the audit log is told of answers to another gateway's questions, many in one record."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bailiwick.pipeline.questions import Answer, Bench, Question
from bailiwick.pipeline.record import account_fields, data_fields

MOST_ANSWERS = 100
"""Answers in one record; more take another one."""


def answers_events(
    asker: str,
    path: str,
    bench: Bench,
    questions: Sequence[Question],
    answers: Sequence[Answer],
    client: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Describe answers to another gateway's questions, many in one record.

    Each is a line: effect, action, model, and what decided.
    """
    background = {
        "kind": "answers",
        "asker": asker,
        "path": path,
        "revision": bench.world.revision,
        **client,
        **account_fields(bench.account),
        "evidence": bench.evidence(),
        **data_fields(bench.located),
    }
    for start in range(0, len(answers), MOST_ANSWERS):
        some = answers[start : start + MOST_ANSWERS]
        asked = questions[start : start + MOST_ANSWERS]
        lines = [_answer_line(one, a) for one, a in zip(asked, some, strict=True)]
        yield {**background, "id": some[0].id, "answers": lines}


def _answer_line(question: Question, answer: Answer) -> str:
    decision = answer.decision
    because = decision.determining or tuple(one.code for one in decision.reasons)
    model = answer.model or (f"?{question.model[:200]}" if question.model else "-")
    return f"{decision.effect} {question.action} {model} {','.join(because[:8])}"
