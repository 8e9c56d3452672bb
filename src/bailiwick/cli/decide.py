"""``bailiwick decide`` and ``bailiwick explain``: one decision from the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bailiwick.cli.locate import open_locator
from bailiwick.cli.options import AsJson, At, moment
from bailiwick.cli.output import DENIED, OK, say, say_json
from bailiwick.cli.policy import compiled
from bailiwick.decision import (
    SCHEMA,
    Decision,
    DecisionTable,
    Effect,
    Explanation,
    alternatives,
    decision_as_dict,
    explain,
    explanation_as_dict,
    fact_in_words,
    facts_as_dict,
    obligations_in_words,
    permitted_fallbacks,
)
from bailiwick.documents import Value
from bailiwick.errors import InvalidInput
from bailiwick.facts import Fact, Facts, read_facts
from bailiwick.location import Located, pack
from bailiwick.pipeline import location_facts

MOST_ALTERNATIVES = 5
Place = Annotated[list[str] | None, typer.Option(help="ISO 3166 code; several are candidates.")]
Names = Annotated[list[str] | None, typer.Option()]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks: a table, facts, and the location they come from."""

    table: DecisionTable
    facts: Facts
    located: Located | None


def ask(
    policy: Annotated[Path, typer.Option("--policy", "-p", help="The policy file.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model, by any of its names.")],
    address: Annotated[
        str | None, typer.Option("--address", help="IP address, or the place it is used in.")
    ] = None,
    network: Annotated[str | None, typer.Option("--network", help="Network class.")] = None,
    billing: Place = None,
    card: Place = None,
    registered: Place = None,
    document: Place = None,
    phone: Place = None,
    processing: Annotated[list[str] | None, typer.Option(help="Places where it may run.")] = None,
    endpoint: Place = None,
    egress: Place = None,
    label: Annotated[list[str] | None, typer.Option(help="A label of the account.")] = None,
    no_labels: Annotated[
        bool, typer.Option("--no-labels", help="It is known to have none.")
    ] = False,
    feature: Annotated[list[str] | None, typer.Option(help="A feature in use.")] = None,
    principal: Annotated[
        list[str] | None, typer.Option(help="Account, organisation or key.")
    ] = None,
    ownership: Annotated[list[str] | None, typer.Option(help="RULE=yes|no|unknown_share.")] = None,
    status: Annotated[str | None, typer.Option(help="Account status; default active.")] = None,
    action: Annotated[str | None, typer.Option(help="What is asked; default infer.")] = None,
    fact: Annotated[list[str] | None, typer.Option(help="Any other fact, NAME=VALUE.")] = None,
    at: At = None,
) -> Asked:
    """Collect facts from options."""
    loaded, table = compiled(policy)
    given: dict[str, Value] = {"model": model}
    for name, value in {
        "network": network, "billing": billing, "card": card, "registered": registered,
        "document": document, "phone": phone, "processing": processing, "endpoint": endpoint,
        "egress": egress, "labels": label, "features": feature, "principal": principal,
        "status": status, "action": action, "time": at,
    }.items():  # fmt: skip
        if value:
            given[name] = _spelled(value)
    if no_labels:
        given["labels"] = []
    given |= {f"ownership.{name}": value for name, value in _pairs(ownership, "--ownership")}
    given |= dict(_pairs(fact, "--fact"))
    is_place = address is not None and pack(address) is None
    if address is not None and is_place:
        given["address"] = address
    facts = read_facts(given, loaded.catalog, moment(at))
    if address is None or is_place:
        return Asked(table, facts, None)
    located = open_locator().locate(address, facts.at)
    found = {
        **location_facts(located),
        **{key: facts.values[key] for key in ("network",) if network},
    }
    return Asked(table, Facts(facts.model, facts.at, {**facts.values, **found}), located)


def _spelled(value: str | list[str]) -> Value:
    return (
        [*value]
        if isinstance(value, list) and len(value) > 1
        else str(value[0])
        if isinstance(value, list)
        else value
    )


def _pairs(texts: list[str] | None, option: str) -> list[tuple[str, str]]:
    for text in texts or ():
        if "=" not in text:
            raise InvalidInput.of(f"`{option} {text}` is not NAME=VALUE")
    return [(text.split("=", 1)[0], text.split("=", 1)[1]) for text in texts or ()]


def _document(asked: Asked, decision: Decision) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        **decision_as_dict(decision),
        "facts": facts_as_dict(asked.facts),
        "alternatives": list(alternatives(asked.table, asked.facts)),
        "fallback": list(permitted_fallbacks(asked.table, asked.facts)),
        "location": asked.located.as_dict() if asked.located else None,
    }


def _status(decision: Decision) -> int:
    return OK if decision.effect is Effect.PERMIT else DENIED


def _say_decision(asked: Asked, decision: Decision) -> None:
    colour = "green" if decision.permitted else "red"
    contested = "  (contested)" if decision.contested else ""
    model = asked.facts.model or "unknown model"
    say(f"[bold {colour}]{decision.effect.value}[/]{contested}  {model}")
    if decision.determining:
        say(f"  by: {escape(', '.join(decision.determining))}")
    for reason in decision.reasons:
        parts = [
            reason.rule and f"rule {reason.rule}",
            reason.authority and f"of {reason.authority}",
        ]
        about = ", ".join(part for part in [*parts, reason.dimension, reason.detail] if part)
        say(f"  because: {reason.code} {escape(about)}")
    for line in obligations_in_words(decision.obligations):
        say(f"  held to: {escape(line)}")
    known = ", ".join(
        f"{name} {fact_in_words(value)}" for name, value in asked.facts.values.items()
    )
    say(f"  facts: {escape(known)}")
    if asked.located:
        _say_location(asked.located)
    instead = alternatives(asked.table, asked.facts)
    if not decision.permitted and instead:
        shown = ", ".join(instead[:MOST_ALTERNATIVES])
        more = len(instead) - MOST_ALTERNATIVES
        say(f"  permitted instead: {shown}" + (f" and {more} more" if more > 0 else ""))
    say(f"  revision: {decision.revision[:12]}")


def _say_location(located: Located) -> None:
    sources = ", ".join(
        f"{one.source} of {one.built_at:%Y-%m-%d}" if one.built_at else one.source
        for one in located.sources
    )
    places = " or ".join(located.places) or "nowhere known"
    detail = "" if located.subdivision_known else "; subdivisions cannot be told"
    say(f"  location: {located.address} is in {places} ({located.confidence}; {sources}{detail})")


def say_decision(asked: Asked, as_json: bool) -> None:
    """Print a decision and exit with its status."""
    decision = asked.table.decide(asked.facts)
    if as_json:
        say_json(_document(asked, decision))
    else:
        _say_decision(asked, decision)
    raise typer.Exit(_status(decision))


def say_explanation(asked: Asked, as_json: bool) -> None:
    """Print a decision with the evidence by rule and what would have to change."""
    found = explain(asked.table, asked.facts)
    if as_json:
        say_json({**_document(asked, found.decision), "explanation": explanation_as_dict(found)})
    else:
        _say_decision(asked, found.decision)
        _say_rules(found)
        _say_changes(found)
        if fallback := permitted_fallbacks(asked.table, asked.facts):
            say(f"fallback: {escape(', '.join(fallback))} may answer instead, the first that can")
    raise typer.Exit(_status(found.decision))


def _say_rules(found: Explanation) -> None:
    for view in found.rules:
        colour = {"matches": "bold", "does not match": "dim"}.get(view.state, "yellow")
        name = view.rule.id + (f" ({view.rule.detail})" if view.rule.detail else "")
        say(f"[{colour}]{view.rule.effect.value} {escape(name)}: {view.state}[/]")
        for way in view.conditions:
            for one in way:
                asked = f"wants {one.wanted}; is {one.have}: {one.holds}"
                say(f"    {one.dimension}: {escape(asked)}")


def _say_changes(found: Explanation) -> None:
    if found.decision.permitted:
        return
    if not found.changes:
        say("no change of up to three facts would permit this")
    for change in found.changes:
        texts = [f"{name} were {_one_of(fact, values)}" for name, fact, values in change.facts]
        say(f"would be permitted if {escape(' and '.join(texts))}")


def _one_of(fact: Fact, values: tuple[str, ...]) -> str:
    if len(values) < 2 or fact != frozenset(values[:1]):
        return fact_in_words(fact)
    more = len(values) - MOST_ALTERNATIVES
    return (
        "one of "
        + ", ".join(values[:MOST_ALTERNATIVES])
        + (f" and {more} more" if more > 0 else "")
    )


def command(say_it: Callable[[Asked, bool], None], help_text: str) -> Callable[..., None]:
    """Make a command of the options of ``ask`` and a way to print what they ask."""

    def run(*, as_json: bool = False, **options: Any) -> None:
        say_it(ask(**options), as_json)

    asked = signature(ask)
    as_json = Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=AsJson)
    run.__signature__ = asked.replace(parameters=[*asked.parameters.values(), as_json])  # type: ignore[attr-defined]  # how a function says its signature
    run.__annotations__ = {**ask.__annotations__, "as_json": AsJson}
    run.__doc__ = help_text
    return run


decide = command(say_decision, "Decide one request. Exit status: 0 permit, 3 deny, 2 bad input.")
explain_command = command(
    say_explanation, "Explain one decision: evidence by rule, and what would change it."
)
