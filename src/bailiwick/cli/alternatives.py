"""``bailiwick alternatives``, ``catalog compare`` and ``catalog gap``: what to use instead."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bailiwick.alternatives import (
    Candidate,
    Comparison,
    Needs,
    compare,
    find_alternatives,
    gaps,
    resident,
)
from bailiwick.bootstrap import read_catalog, read_settings, with_prices
from bailiwick.catalog import Catalog, Model, Sourced
from bailiwick.cli.options import AsJson, At, Config, moment
from bailiwick.cli.output import FAILED, OK, say, say_json, say_table
from bailiwick.cli.policy import compiled
from bailiwick.decision import DecisionTable
from bailiwick.documents import Value
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.facts import DIMENSIONS, UNKNOWN, Fact, Facts, read_fact
from bailiwick.places import canonical, suggestions

Extra = Annotated[
    list[Path] | None, typer.Option("--catalog", help="A file that extends the built-in catalogue.")
]
Context = Annotated[int, typer.Option("--context", help="Tokens in and out together.")]
Needed = Annotated[str | None, typer.Option("--needs", help="Features, as in `tools,image_input`.")]
Least = Annotated[list[str] | None, typer.Option("--min", help="Least score, as in `mmlu_pro=84`.")]
MaxPrice = Annotated[
    str | None, typer.Option("--max-price", help="USD for one million input tokens.")
]


def alternatives(
    policy: Annotated[Path, typer.Option("--policy", "-p", help="The policy file.")],
    model: Annotated[str, typer.Option("--model", "-m", help="The model that is wanted.")],
    place: Annotated[str, typer.Option("--from", help="Where the caller lives: ISO 3166 code.")],
    context: Context = 0,
    output: Annotated[int, typer.Option("--output", help="Tokens of the answer.")] = 0,
    needs: Needed = None,
    least: Least = None,
    max_price: MaxPrice = None,
    fact: Annotated[
        list[str] | None, typer.Option("--fact", help="Any other fact, NAME=VALUE.")
    ] = None,
    config: Config = None,
    every: Annotated[bool, typer.Option("--all", help="List those that do not fit too.")] = False,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """List what may be used instead of a model, best first.

    The caller is an ordinary resident unless `--fact` says otherwise. With `--config`, only models
    that an upstream serves count, each decided where that upstream runs it. Exit status: 1 if
    nothing fits.
    """
    loaded, table = compiled(policy)
    now = moment(at)
    catalog = with_prices(loaded.catalog, now)
    wanted = _model(catalog, model)
    facts = Facts(wanted.id, now, {**resident(_place(place)), **_given(fact)})
    asked = read_needs(catalog, context, output, needs, least, max_price)
    found = find_alternatives(table, catalog, facts, asked, route=route_of(config))
    shown = found if every else [one for one in found if one.fit.fits is not False]
    if as_json:
        say_json(_document(wanted, facts, table, shown))
    else:
        _say(wanted, facts, table, shown, len(found) - len(shown))
    raise typer.Exit(OK if any(one.fit.fits for one in found) else FAILED)


def read_needs(
    catalog: Catalog,
    context: int,
    output: int,
    needs: str | None,
    least: list[str] | None,
    max_price: str | None,
) -> Needs:
    """Read what is asked of a model from options."""
    features = frozenset(one.strip() for one in (needs or "").split(",") if one.strip())
    unknown = sorted(features - set(DIMENSIONS["features"].values))
    if unknown:
        known = ", ".join(DIMENSIONS["features"].values)
        raise InvalidInput.of(f"unknown feature `{unknown[0]}`", f"known are {known}")
    price = _decimal("--max-price", max_price) if max_price else None
    return Needs(context, output, features, dict(_scores(catalog, least or [])), price)


def _scores(catalog: Catalog, least: list[str]) -> Iterator[tuple[str, Decimal]]:
    known = {name for model in catalog.models.values() for name in model.scores}
    for text in least:
        name, equals, number = text.partition("=")
        if not equals:
            raise InvalidInput.of(f"`--min {text}` is not BENCHMARK=SCORE")
        if name not in known:
            raise InvalidInput.of(
                f"no model of the catalogue has a score of `{name}`",
                f"known are {', '.join(sorted(known))}",
            )
        yield name, _decimal("--min", number)


def _decimal(option: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidInput.of(f"`{option}`: `{text}` is not a number") from None


def route_of(config: Path | None) -> Callable[[str], Mapping[str, Fact] | None] | None:
    """Say where each model runs by the upstreams of a gateway; ``None`` without settings."""
    if config is None:
        return None
    from bailiwick.bootstrap.upstreams import upstream_facts

    upstreams = read_settings(config).upstreams

    def route(model: str) -> Mapping[str, Fact] | None:
        wild = f"{model.partition('/')[0]}/*"
        served = next((one for one in upstreams if {model, wild} & one.models.keys()), None)
        if served is None:
            return None
        nowhere = dict.fromkeys(("processing", "egress", "endpoint"), UNKNOWN)
        return {**nowhere, **upstream_facts(served)}

    return route


def _place(text: str) -> str:
    place = canonical(text)
    if place is None:
        near = " or ".join(f"`{one}`" for one in suggestions(text))
        raise InvalidInput.of(
            f"unknown place `{text}`", f"did you mean {near}?" if near else "see `bailiwick places`"
        )
    return place


def _given(texts: list[str] | None) -> dict[str, Fact]:
    given: dict[str, Fact] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput.of(f"`--fact {text}` is not NAME=VALUE")
        written: Value = [*value.split(",")] if value else []
        given[name] = read_fact(name, written)
    return given


def _model(catalog: Catalog, name: str) -> Model:
    found = catalog.resolve(name)
    if found is None:
        raise BailiwickError(f"no model is called `{name}`", "`bailiwick catalog list` lists them")
    return catalog.models[found]


def _say(
    wanted: Model, facts: Facts, table: DecisionTable, shown: list[Candidate], left: int
) -> None:
    place = ", ".join(sorted(facts.values["address"]))  # type: ignore[arg-type]  # it is a place
    own = table.decide(facts)
    why = ", ".join(own.determining or [one.code for one in own.reasons])
    say(f"{escape(wanted.id)} from {place}: {own.effect.value} ({escape(why)})")
    if not shown:
        say("no permitted model fits")
    else:
        say_table(
            ["rank", "model", "fits", "context", "price in/out", "scores", "openness",
             "different from what was wanted"],
            (_row(one) for one in shown),
        )  # fmt: skip
        say("rank 1: no other that fits alike is better in everything (quality, context, price)")
        for line in sorted(_sources(shown)):
            say(f"[dim]{escape(line)}[/]")
    if left:
        say(f"{left} permitted models do not fit; --all lists them")


def _row(one: Candidate) -> list[str]:
    model = one.model
    scores = ", ".join(f"{name} {score.value}" for name, score in sorted(model.scores.items()))
    return [
        str(one.front), model.id, _fits(one), _number(model.context_tokens), _prices(model),
        scores, model.openness.value,
        "; ".join(difference_words(one.comparison)) if one.comparison else "",
    ]  # fmt: skip


def _fits(one: Candidate) -> str:
    parts = []
    if one.fit.lacking:
        parts.append("no: " + "; ".join(one.fit.lacking))
    elif one.fit.unknown:
        parts.append("not known: " + "; ".join(one.fit.unknown))
    else:
        parts.append("yes")
    if one.depends_on:
        parts.append("if " + ", ".join(one.depends_on) + " satisfy the policy")
    return "; ".join(parts)


def _number(figure: Sourced[int] | None) -> str:
    return str(figure.value) if figure else "unknown"


def _prices(model: Model) -> str:
    sides = (model.prices.get(name) for name in ("input", "output"))
    return "/".join(f"{side.value.normalize():f}" if side else "?" for side in sides)


def difference_words(one: Comparison) -> Iterator[str]:
    """Say what is different in words, each a short phrase."""
    for each in one.figures:
        if each.change and each.comparable:
            ratio = f" ({each.ratio:+.0%})" if each.ratio is not None else ""
            yield f"{each.name} {each.change.normalize():+f}{ratio}"
    if one.inputs_lost:
        yield "no input of " + ", ".join(one.inputs_lost)
    if one.inputs_won:
        yield "also input of " + ", ".join(one.inputs_won)
    if one.openness[0] is not one.openness[1]:
        yield f"{one.openness[1].value} and not {one.openness[0].value}"
    if one.provider_country[0] != one.provider_country[1]:
        yield f"provider in {one.provider_country[1]}"


def _sources(shown: list[Candidate]) -> set[str]:
    return {
        f"{figure.status.value}, {figure.as_of}: {figure.source}"
        for one in shown
        for figure in _figures(one.model)
    }


def _figures(model: Model) -> Iterator[Sourced[Any]]:
    yield from (one for one in (model.context_tokens, model.output_tokens) if one)
    yield from model.prices.values()
    yield from model.scores.values()


def _document(
    wanted: Model, facts: Facts, table: DecisionTable, shown: list[Candidate]
) -> dict[str, Any]:
    own = table.decide(facts)
    return {
        "schema": "bailiwick-alternatives/1",
        "wanted": wanted.id,
        "decision": {"effect": own.effect.value, "determining": own.determining},
        "revision": table.revision,
        "alternatives": [_candidate(one) for one in shown],
    }


def _candidate(one: Candidate) -> dict[str, Any]:
    return {
        "model": one.model.id,
        "rank": one.front,
        "effect": one.decision.effect.value,
        "determining": one.decision.determining,
        "depends_on": one.depends_on,
        "fits": one.fit.fits,
        "lacking": one.fit.lacking,
        "unknown": one.fit.unknown,
        "openness": one.model.openness.value,
        "provider_country": one.model.provider_country,
        "context_tokens": _sourced(one.model.context_tokens),
        "prices": {name: _sourced(price) for name, price in one.model.prices.items()},
        "scores": {name: _sourced(score) for name, score in one.model.scores.items()},
        "differences": [*difference_words(one.comparison)] if one.comparison else [],
    }


def _sourced(figure: Sourced[Any] | None) -> dict[str, Any] | None:
    if figure is None:
        return None
    value = float(figure.value) if isinstance(figure.value, Decimal) else figure.value
    return {**asdict(figure), "value": value, "status": figure.status.value}


def compare_models(
    before: Annotated[str, typer.Argument(help="A model, by any of its names.")],
    after: Annotated[str, typer.Argument(help="The model to compare with it.")],
    catalog: Extra = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Compare two models figure by figure, each with its source."""
    known = with_prices(read_catalog(catalog or ()), moment(at))
    found = compare(_model(known, before), _model(known, after))
    if as_json:
        figures = [
            {
                "name": one.name, "before": _sourced(one.before), "after": _sourced(one.after),
                "change": float(one.change) if one.change is not None else None,
                "comparable": one.comparable,
            }
            for one in found.figures
        ]  # fmt: skip
        say_json({**asdict(found), "figures": figures})
        return
    say_table(
        ["figure", found.before, found.after, "change", "source"],
        (
            [one.name, _value(one.before), _value(one.after),
             f"{one.change:+f}" if one.change is not None and one.comparable else "",
             _source(one.before, one.after)]
            for one in found.figures
        ),
    )  # fmt: skip
    say("; ".join(escape(one) for one in difference_words(found)))


def _value(figure: Sourced[Decimal] | None) -> str:
    return f"{figure.value.normalize():f}" if figure else "unknown"


def _source(*figures: Sourced[Decimal] | None) -> str:
    said = [f"{one.status.value}, {one.as_of}: {one.source}" for one in figures if one]
    words = " | ".join(dict.fromkeys(said))
    return words if len(dict.fromkeys(said)) < 2 else f"not of one source: {words}"


def gap(
    catalog: Extra = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Compare the best restricted model with the best open one, for each benchmark.

    Only scores of one source are compared with one another.
    """
    known: datetime = moment(at)
    found = gaps(with_prices(read_catalog(catalog or ()), known).models.values())
    if as_json:
        say_json(
            [
                {
                    "benchmark": one.benchmark,
                    "restricted": {
                        "model": one.restricted[0],
                        **(_sourced(one.restricted[1]) or {}),
                    },
                    "open": {"model": one.open[0], **(_sourced(one.open[1]) or {})},
                    "gap": float(one.gap),
                }
                for one in found
            ]
        )
        return
    if not found:
        say("no benchmark has scores of one source for both kinds of model")
        return
    say_table(
        ["benchmark", "best restricted", "score", "best open", "score", "gap", "source"],
        (
            [one.benchmark, one.restricted[0], _value(one.restricted[1]), one.open[0],
             _value(one.open[1]), f"{one.gap:+f}", _source(one.restricted[1], one.open[1])]
            for one in found
        ),
    )  # fmt: skip
