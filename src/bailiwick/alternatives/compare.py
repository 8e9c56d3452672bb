"""What is different between two models, and what a change from one to the other takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from bailiwick.catalog import Model, Openness, Sourced


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two models."""

    name: str
    before: Sourced[Decimal] | None
    after: Sourced[Decimal] | None

    @property
    def change(self) -> Decimal | None:
        """How much more it is; ``None`` where one of the two is not known."""
        if self.before is None or self.after is None:
            return None
        return self.after.value - self.before.value

    @property
    def ratio(self) -> Decimal | None:
        """How much more, as a part of what it was."""
        if self.change is None or self.before is None or not self.before.value:
            return None
        return self.change / self.before.value

    @property
    def comparable(self) -> bool:
        """Scores of different sources are not comparable with one another."""
        is_score = not self.name.startswith(("context", "output", "price"))
        same = self.before and self.after and self.before.source == self.after.source
        return not is_score or bool(same)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is different in a second model."""

    before: str
    after: str
    figures: tuple[Difference, ...]
    inputs_lost: tuple[str, ...]
    inputs_won: tuple[str, ...]
    openness: tuple[Openness, Openness]
    provider_country: tuple[str, str]


@dataclass(frozen=True, slots=True)
class BenchmarkGap:
    """The best restricted model against the best one whose weights can be had."""

    benchmark: str
    restricted: tuple[str, Sourced[Decimal]]
    open: tuple[str, Sourced[Decimal]]

    @property
    def gap(self) -> Decimal:
        """How many points the restricted one is ahead."""
        return self.restricted[1].value - self.open[1].value


@dataclass(frozen=True, slots=True)
class Migration:
    """One thing to code for."""

    what: str
    how: str


def compare(before: Model, after: Model) -> Comparison:
    """Say what is different in ``after``."""
    lost = _inputs(before) - _inputs(after) if after.modalities else set()
    won = _inputs(after) - _inputs(before) if before.modalities else set()
    return Comparison(
        before.id,
        after.id,
        tuple(_figures(before, after)),
        tuple(sorted(lost)),
        tuple(sorted(won)),
        (before.openness, after.openness),
        (before.provider_country, after.provider_country),
    )


def _inputs(model: Model) -> set[str]:
    return set(model.modalities.value.input) if model.modalities else set()


def _figures(before: Model, after: Model) -> Iterator[Difference]:
    yield Difference("context", _whole(before.context_tokens), _whole(after.context_tokens))
    yield Difference("output", _whole(before.output_tokens), _whole(after.output_tokens))
    for name in ("input", "output"):
        yield Difference(f"price {name}", before.prices.get(name), after.prices.get(name))
    for name in sorted({*before.scores, *after.scores}):
        yield Difference(name, before.scores.get(name), after.scores.get(name))


def _whole(figure: Sourced[int] | None) -> Sourced[Decimal] | None:
    if figure is None:
        return None
    return Sourced(Decimal(figure.value), figure.source, figure.as_of, figure.status)


def gaps(models: Iterable[Model]) -> list[BenchmarkGap]:
    """Compare restricted with open models, for each benchmark that both kinds have.

    Only scores of one source are compared: the source with the most models of both kinds counts.
    """
    every = list(models)
    names = sorted({name for one in every for name in one.scores})
    return [gap for name in names if (gap := _gap(every, name))]


def _gap(models: list[Model], benchmark: str) -> BenchmarkGap | None:
    scored = [(one, one.scores[benchmark]) for one in models if benchmark in one.scores]
    by_source: dict[str, list[tuple[Model, Sourced[Decimal]]]] = {}
    for model, score in scored:
        by_source.setdefault(score.source, []).append((model, score))
    sides = [
        (len(rows), closed, open_)
        for rows in by_source.values()
        if (closed := _best(rows, restricted=True)) and (open_ := _best(rows, restricted=False))
    ]
    if not sides:
        return None
    _, closed, open_ = max(sides, key=lambda one: one[0])
    return BenchmarkGap(benchmark, closed, open_)


def _best(
    rows: list[tuple[Model, Sourced[Decimal]]], *, restricted: bool
) -> tuple[str, Sourced[Decimal]] | None:
    mine = [
        (model.id, score)
        for model, score in rows
        if (model.openness is Openness.RESTRICTED) is restricted
    ]
    return max(mine, key=lambda one: one[1].value) if mine else None


DIALECTS = {"anthropic": "anthropic"}
"""Providers whose own dialect is not OpenAI's; many serve both."""

_TO_OPENAI = {
    "path": "`/v1/messages` becomes `/v1/chat/completions`",
    "system": "the top-level `system` becomes a message of role `system` or `developer`",
    "max_tokens": "required before; now optional, `max_completion_tokens` for newer models",
    "content blocks": "`image` and `document` sources become `image_url` and `file` parts",
    "tools": "`input_schema` becomes `function.parameters`",
    "tool calls": "`tool_use` blocks become `tool_calls`, whose arguments are JSON text",
    "tool results": "`tool_result` blocks become messages of role `tool`",
    "streaming": "typed events become `data:` chunks with `delta`, ended by `[DONE]`",
    "stop_reason": "`end_turn`, `max_tokens`, `tool_use` become `stop`, `length`, `tool_calls`",
    "usage": "`input_tokens`, `output_tokens` become `prompt_tokens`, `completion_tokens`",
    "thinking": "`thinking` blocks and signatures have no equal; `reasoning_effort` is near",
    "cache_control": "prompt caching is not marked; it is automatic or not there",
}
_TO_ANTHROPIC = {
    "path": "`/v1/chat/completions` becomes `/v1/messages`, with `anthropic-version`",
    "system": "messages of role `system` or `developer` become the top-level `system`",
    "max_tokens": "must be given",
    "tools": "`function.parameters` becomes `input_schema`",
    "tool calls": "`tool_calls` become `tool_use` blocks, whose input is an object",
    "tool results": "messages of role `tool` become `tool_result` blocks of a `user` message",
    "messages": "roles take turns, and the first is `user`",
    "response_format": "output by JSON schema has another key, or is a forced tool",
    "n, logprobs, seed": "have no equal",
    "streaming": "`data:` chunks become typed events; there is no `[DONE]`",
    "finish_reason": "`stop`, `length`, `tool_calls` become `end_turn`, `max_tokens`, `tool_use`",
}


def dialect_notes(before: Model, after: Model) -> tuple[Migration, ...]:
    """List what a change of dialect asks of the code that calls; nothing within one dialect."""
    old, new = (DIALECTS.get(one.provider, "openai") for one in (before, after))
    if old == new:
        return ()
    notes = _TO_OPENAI if old == "anthropic" else _TO_ANTHROPIC
    return tuple(Migration(what, how) for what, how in notes.items())
