"""The result in sentences."""

from collections.abc import Mapping
from typing import Any


def summary(document: Mapping[str, Any]) -> list[str]:
    """Say in a few sentences what the change does."""
    totals, method = document["totals"], document["method"]
    lines = [sentence(document)]
    if totals["newly_permitted"]["requests"]:
        permitted = totals["newly_permitted"]
        lines.append(
            f"It would newly permit {permitted['requests']:,} requests "
            f"of {permitted['accounts']:,} accounts."
        )
    unsure = document["confidence"]
    shaky = unsure["contested"] + unsure["unknown"]
    if shaky:
        lines.append(
            f"Of what changes, {shaky:,} requests rest on evidence that is contested "
            f"({unsure['contested']:,}) or missing ({unsure['unknown']:,})."
        )
    lines += [
        f"The logs do not say `{one['fact']}` of any request; rules that ask for it saw unknown."
        for one in document["evidence"]
        if not one["known"] and one["unknown"]
    ]
    lines += _dates(document)
    if document["partial"]:
        chunks = method["chunks"]
        lines.insert(
            0,
            f"PARTIAL: it was stopped after {chunks['read']} of {chunks['all']} pieces of logs.",
        )
    rows = document["rows"]
    lines.append(
        f"{rows['read']:,} rows read: {rows['judged']:,} judged, {rows['skipped']:,} skipped."
    )
    return lines


def sentence(document: Mapping[str, Any]) -> str:
    """Say the most important in one sentence."""
    totals = document["totals"]
    denied, whole = totals["newly_denied"], totals["all"]
    name = document["method"]["policy"]["name"]
    if not denied["requests"]:
        return f"The policy `{name}` would newly refuse none of {whole['requests']:,} requests."
    money = f", {denied['cost_usd']:,.0f} USD" if denied["cost_usd"] else ""
    return (
        f"The policy `{name}` would newly refuse {denied['requests']:,} of "
        f"{whole['requests']:,} requests ({share(denied['requests'], whole['requests'])}) "
        f"of {denied['accounts']:,} of "
        f"{whole['accounts']:,} accounts{money}."
    )


def share(part: float, whole: float) -> str:
    """Write a share in percent."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent >= 0.1 or not part else "less than 0.1 %"


def _dates(document: Mapping[str, Any]) -> list[str]:
    return [
        f"From {one['from'][:10]} ({', '.join(one['rules'])}): the same traffic would see "
        f"{one['newly_denied']['requests']:,} requests newly refused and "
        f"{one['newly_permitted']['requests']:,} newly permitted."
        for one in document["dates"]
    ]
