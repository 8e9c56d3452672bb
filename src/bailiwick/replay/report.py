"""The report of a replay as one HTML file that needs nothing else: no network, no script."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from bailiwick.maps import Shade, source, world_map
from bailiwick.places import name_of
from bailiwick.replay.charts import Series, bars, columns, short, stacked_days
from bailiwick.replay.words import sentence, share, summary

MOST_ROWS = 25
MOST_BARS = 12
STEPS = ((0.75, "s4", "75 % and more"), (0.5, "s3", "50 % to 75 %"), (0.25, "s2", "25 % to 50 %"),
         (0.0, "s1", "up to 25 %"))  # fmt: skip
"""Shades of the map: the share of a country's requests that would newly be refused."""


def render(document: Mapping[str, Any]) -> str:
    """Draw the report of a result (``bailiwick.replay/1``)."""
    folder = files("bailiwick") / "replay" / "templates"
    environment = Environment(
        loader=DictLoader({"report.html": (folder / "report.html").read_text("utf-8")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"n": _number, "usd": _usd, "place": _place, "short": short}
    return environment.get_template("report.html").render(
        d=document,
        sentence=sentence(document),
        sentences=summary(document)[1:],
        share=share,
        map=_map(document),
        steps=STEPS,
        map_source=source(),
        days=_days(document),
        models=_models(document),
        most=MOST_ROWS,
    )


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _usd(value: float) -> str:
    return f"{value:,.2f}" if 0 < value < 100 else f"{value:,.0f}"


def _place(code: str | None) -> str:
    """Name a place, or several candidates."""
    if not code:
        return "unknown"
    return " or ".join(f"{name_of(one)} ({one})" for one in code.split("|"))


def _map(document: Mapping[str, Any]) -> Markup:
    shades = {}
    for one in document["by_country"]:
        if one["name"] and "|" not in one["name"]:
            shades[one["name"]] = _shade(one)
    label = "Share of each country's requests that would newly be refused"
    return Markup(world_map(shades, label))  # noqa: S704 - the map escapes what it is given


def _shade(one: Mapping[str, Any]) -> Shade:
    denied, gained = one["newly_denied"]["requests"], one["newly_permitted"]["requests"]
    text = (
        f"{_place(one['name'])}: {one['requests']:,} requests, {denied:,} newly refused "
        f"({share(denied, one['requests'])})"
    )
    if gained:
        text += f", {gained:,} newly permitted"
    if denied:
        part = denied / one["requests"]
        return Shade(next(css for least, css, _ in STEPS if part >= least), text)
    return Shade("gain" if gained else "same", text)


def _days(document: Mapping[str, Any]) -> Markup | None:
    lines = [one for one in document["by_day"] if one["name"]]
    if not lines:
        return None
    chart = stacked_days([one["name"] for one in lines], columns(lines), "Requests by day")
    return Markup(chart)  # noqa: S704 - charts escape what they are given


def _models(document: Mapping[str, Any]) -> Markup:
    rows = []
    for one in sorted(document["by_model"], key=lambda line: -line["requests"])[:MOST_BARS]:
        layers = [Series(each.name, each.css, each.values) for each in columns([one])]
        rows.append((one["name"] or "no model", layers))
    return Markup(bars(rows, "Requests by model"))  # noqa: S704 - charts escape what they are given
