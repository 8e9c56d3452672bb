"""Charts as inline SVG: no script, and every mark says in its title what it stands for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

WIDTH, HEIGHT = 720, 220
LEFT, BOTTOM, TOP = 62, 26, 10


@dataclass(frozen=True, slots=True)
class Series:
    """One layer of a stack."""

    name: str
    css: str
    values: Sequence[float]


def stacked_days(days: Sequence[str], series: Sequence[Series], label: str) -> str:
    """Draw one bar for each day, layers on top of one another."""
    whole = [sum(one.values[at] for one in series) for at in range(len(days))]
    top = nice(max(whole, default=0) or 1)
    wide = (WIDTH - LEFT) / max(len(days), 1)
    parts = [_open(WIDTH, HEIGHT, label), *_rules(top)]
    for at, day in enumerate(days):
        y = float(HEIGHT - BOTTOM)
        for one in series:
            tall = one.values[at] / top * (HEIGHT - BOTTOM - TOP)
            if tall <= 0:
                continue
            y -= tall
            parts.append(
                f'<rect class="{one.css}" x="{LEFT + at * wide + 1:.1f}" y="{y:.1f}" '
                f'width="{max(wide - 2, 0.5):.1f}" height="{tall:.1f}">'
                f"<title>{escape(day)}: {one.values[at]:,.0f} {escape(one.name)}</title></rect>"
            )
        if at % max(len(days) // 6, 1) == 0:
            x = LEFT + (at + 0.5) * wide
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
                f"{escape(day[5:])}</text>"
            )
    return "".join([*parts, "</svg>"])


def _rules(top: float) -> list[str]:
    parts = []
    for step in range(5):
        value = top * step / 4
        y = HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP)
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{short(value)}</text>"
        )
    return parts


def bars(rows: Sequence[tuple[str, Sequence[Series]]], label: str) -> str:
    """Draw one stacked bar for each name, one below another."""
    name_width, step = 235, 28
    height = step * len(rows) + 8
    top = max((sum(one.values[0] for one in series) for _, series in rows), default=0) or 1
    room = WIDTH - name_width - 62
    parts = [_open(WIDTH, height, label)]
    for at, (name, series) in enumerate(rows):
        x, y = float(name_width), 4 + at * step
        parts.append(
            f'<text class="name" x="{name_width - 8}" y="{y + 15}" text-anchor="end">'
            f"{escape(cut(name, 34))}</text>"
        )
        for one in series:
            wide = one.values[0] / top * room
            if wide <= 0:
                continue
            parts.append(
                f'<rect class="{one.css}" x="{x:.1f}" y="{y}" width="{max(wide, 1):.1f}" '
                f'height="20">'
                f"<title>{escape(name)}: {one.values[0]:,.0f} {escape(one.name)}</title></rect>"
            )
            x += max(wide, 1)
        whole = sum(one.values[0] for one in series)
        parts.append(f'<text class="tick" x="{x + 6:.1f}" y="{y + 15}">{short(whole)}</text>')
    return "".join([*parts, "</svg>"])


def _open(width: float, height: float, label: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(label, quote=True)}">'
    )


def nice(value: float) -> float:
    """Round up to a figure that is easy to read on an axis."""
    step = 10 ** (len(str(int(value))) - 1)
    steps = (float(step * part) for part in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10))
    return next(one for one in steps if one >= value)


def short(value: float) -> str:
    """Write a number briefly: 1.2 M."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= 0.9995 * unit:
            text = f"{value / unit:.1f}"
            return text.removesuffix(".0") + name
    return f"{value:.0f}"


def cut(text: str, most: int) -> str:
    """Cut a name that is too long for its place."""
    return text if len(text) <= most else text[: most - 1] + "…"


def columns(lines: Sequence[Mapping[str, Any]]) -> list[Series]:
    """Give lines of a result as layers: permitted, newly denied, denied as before."""
    denied = [one["newly_denied"]["requests"] for one in lines]
    permitted = [one["newly_permitted"]["requests"] for one in lines]
    still = [one["denied_after"] - one["newly_denied"]["requests"] for one in lines]
    rest = [
        one["requests"] - each - new - old
        for one, each, new, old in zip(lines, denied, permitted, still, strict=True)
    ]
    return [
        Series("requests permitted as before", "kept", rest),
        Series("requests newly permitted", "gained", permitted),
        Series("requests newly refused", "lost", denied),
        Series("requests refused as before", "refused", still),
    ]
