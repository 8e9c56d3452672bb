"""Where inference profiles may run a model: a dated table, or what an account itself lists.

The table that comes with the package gives each geography's widest set of destinations, whatever
the model. ``import_profiles`` reads the output of ``aws bedrock list-inference-profiles``, which is
the authority, and takes precedence for every profile and source region that it names.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files

from bailiwick.cloud.questions import GLOBAL
from bailiwick.errors import InvalidInput

UNSPECIFIED = "unspecified"
"""What ``aws:RequestedRegion`` holds where a global profile runs."""
MODEL_ARN = re.compile(
    r"arn:[a-z0-9-]+:bedrock:(?P<region>[a-z0-9-]*)::foundation-model/(?P<id>.+)"
)
PROFILE_ARN = re.compile(
    r"arn:[a-z0-9-]+:bedrock:(?P<region>[a-z0-9-]+):[0-9]{12}:"
    r"(?P<type>application-inference-profile|inference-profile)/(?P<id>.+)"
)


@dataclass(frozen=True, slots=True)
class Application:
    """An application profile, as far as an account's list tells."""

    arn: str
    model: str
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profiles:
    """What is known of inference profiles."""

    as_of: date
    source: str
    geographies: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Prefix to source region to destinations, for any model."""
    listed: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """``(profile id, source region)`` to destinations, from an account's own list."""
    applications: Mapping[str, Application] = field(default_factory=dict)
    """ARN of an application profile to what it stands for."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """List the geographic prefixes and ``global``."""
        return (*sorted(self.geographies), GLOBAL)

    def split(self, name: str) -> tuple[str, str] | None:
        """Split a profile id into prefix and model id; ``None`` if it has no known prefix."""
        prefix, _, model = name.partition(".")
        return (prefix, model) if model and prefix in self.prefixes else None

    def destinations(self, profile: str, region: str) -> tuple[str, ...] | None:
        """Where ``profile`` called in ``region`` may run; ``(UNSPECIFIED,)`` for a global one.

        ``None``: it is not offered there, as far as this table knows.
        """
        found = self.listed.get((profile, region))
        if found is not None:
            return found
        split = self.split(profile)
        if split is None:
            return None
        if split[0] == GLOBAL:
            return (UNSPECIFIED,)
        return self.geographies[split[0]].get(region)

    def sources(self, profile: str) -> tuple[str, ...]:
        """List the regions where a geographic profile can be called, sorted."""
        prefix = profile.partition(".")[0]
        own = {region for name, region in self.listed if name == profile}
        return tuple(sorted(own | set(self.geographies.get(prefix, ()))))


@cache
def default_profiles() -> Profiles:
    """Read the table that comes with the package."""
    path = files("bailiwick") / "data" / "cloud" / "aws_profiles.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    geographies = {
        prefix: {source: tuple(found) for source, found in routes.items()}
        for prefix, routes in value["geographies"].items()
    }
    return Profiles(date.fromisoformat(value["as_of"]), value["source"], geographies)


def import_profiles(base: Profiles, texts: Iterable[tuple[str, str]], as_of: date) -> Profiles:
    """Add the output of ``list-inference-profiles``, one ``(file, text)`` for each region asked.

    Raises ``InvalidInput`` for text that is not such output.
    """
    listed, applications = dict(base.listed), dict(base.applications)
    for file, text in texts:
        for summary in _summaries(file, text):
            _add(file, summary, listed, applications)
    return replace(
        base,
        as_of=as_of,
        source="list-inference-profiles",
        listed=listed,
        applications=applications,
    )


def _summaries(file: str, text: str) -> list[dict[str, object]]:
    try:
        value = json.loads(text)
        found = value["inferenceProfileSummaries"]
    except (ValueError, KeyError, TypeError):
        raise InvalidInput.of(
            f"{file}: no list of inference profiles",
            "write it with `aws bedrock list-inference-profiles --output json`",
        ) from None
    if not isinstance(found, list) or not found:
        raise InvalidInput.of(f"{file}: the list of inference profiles is empty")
    return found


def _add(
    file: str,
    summary: Mapping[str, object],
    listed: dict[tuple[str, str], tuple[str, ...]],
    applications: dict[str, Application],
) -> None:
    try:
        arn = str(summary["inferenceProfileArn"])
        models = [MODEL_ARN.fullmatch(str(one["modelArn"])) for one in summary["models"]]  # type: ignore[attr-defined]
    except (KeyError, TypeError):
        raise InvalidInput.of(f"{file}: a profile without ARN or models: {summary}") from None
    profile = PROFILE_ARN.fullmatch(arn)
    if profile is None or not models or None in models:
        raise InvalidInput.of(f"{file}: `{arn}` names models that are not foundation models")
    found = [one for one in models if one is not None]
    where = {one["region"] or UNSPECIFIED for one in found}
    destinations = (UNSPECIFIED,) if UNSPECIFIED in where else tuple(sorted(where))
    if profile["type"] == "inference-profile":
        listed[profile["id"], profile["region"]] = destinations
    else:
        applications[arn] = Application(arn, found[0]["id"], destinations)
