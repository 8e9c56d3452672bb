"""What a new world must prove before it judges anybody, and what an operator should know of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bailiwick.bootstrap.upstreams import upstream_facts
from bailiwick.decision import check_policy, run_examples
from bailiwick.errors import BailiwickError, InvalidInput, Problem, Severity
from bailiwick.gateway import Upstream, require_sdk, serving, unsupported
from bailiwick.location import Locator
from bailiwick.pipeline import World
from bailiwick.policy import Policy
from bailiwick.settings import Settings, UpstreamSettings

WELL_KNOWN = ("193.0.6.139", "202.12.29.175", "192.0.32.10", "8.8.8.8")
"""Addresses that any source about the whole internet locates."""
MOST_NAMED = 5


def prove(
    world: World, settings: Settings, upstreams: tuple[Upstream, ...], now: datetime
) -> list[Problem]:
    """Check a world. Raises ``InvalidInput`` if it must not be used; returns warnings otherwise."""
    policy = world.table.policy
    errors = [
        *_failed_examples(world, now),
        *unsupported(rule.obligations for rule in policy.rules),
        *_translation(policy),
    ]
    if errors:
        raise InvalidInput(errors)
    return [
        *(one for one in policy.warnings if one.severity is Severity.WARNING),
        *(one for one in check_policy(world.table, now) if one.severity is Severity.WARNING),
        *_location(world.locator, now),
        *_never(world, settings, upstreams, now),
    ]


def _translation(policy: Policy) -> Iterator[Problem]:
    """Import what translates between dialects before a request needs it."""
    if any(one.translate for one in policy.fallbacks):
        try:
            require_sdk()
        except BailiwickError as error:
            yield Problem(error.message, error.help, code="fallback.translate")


def _failed_examples(world: World, now: datetime) -> Iterator[Problem]:
    """Report the policy's own tests that fail."""
    for result in run_examples(world.table.policy, world.catalog, now):
        if not result.passed:
            yield Problem(
                f"the policy's own test `{result.example.note}` fails: {'; '.join(result.wrong)}",
                "`bailiwick policy test` shows it; correct the rule or the test",
                result.example.position,
                code="policy.test",
            )


def _location(locator: Locator, now: datetime) -> Iterator[Problem]:
    if not any(locator.locate(address, now).places for address in WELL_KNOWN):
        yield _warning(
            "the location sources know none of some well-known addresses",
            "with sources about your own networks only, everybody else is somewhere unknown",
            "location.blind",
        )
    for name, reason in locator.refused.items():
        yield _warning(
            f"location source `{name}`: its newer file is refused: {reason}",
            "the last good one stays in use",
            "location.refused",
        )
    for row in locator.status(now):
        if row.freshness.value != "fresh":
            yield _warning(
                f"location source `{row.name}` is {row.freshness.value}: built {row.built_at}",
                "`bailiwick data import` brings newer data",
                f"location.{row.freshness.value}",
            )


def _never(
    world: World, settings: Settings, upstreams: tuple[Upstream, ...], now: datetime
) -> Iterator[Problem]:
    """Report upstreams from whose places the policy can never permit a controlled model."""
    for upstream in settings.upstreams:
        barred = sorted(
            model
            for model in world.table.policy.controlled & world.catalog.models.keys()
            if _serves(upstreams, upstream, model)
            and world.layers.is_ruled_out(model, now, upstream_facts(upstream))
            and not world.layers.is_ruled_out(model, now, {})
        )
        if barred:
            shown = ", ".join(barred[:MOST_NAMED]) + (" ..." if len(barred) > MOST_NAMED else "")
            yield _warning(
                f"upstream `{upstream.name}`: {len(barred)} controlled models can never be "
                f"permitted there: {shown}",
                f"its places are: processing {_listed(upstream.processing)}, egress "
                f"{upstream.egress or 'unknown'}, endpoint {upstream.endpoint or 'unknown'}",
                "upstream.never",
            )


def _serves(upstreams: tuple[Upstream, ...], upstream: UpstreamSettings, model: str) -> bool:
    found = (serving(upstreams, dialect, model) for dialect in upstream.dialects)
    return any(one is not None and one.name == upstream.name for one in found)


def _listed(places: Sequence[str]) -> str:
    return " and ".join(places) if places else "unknown"


def _warning(message: str, help_: str, code: str) -> Problem:
    return Problem(message, help_, severity=Severity.WARNING, code=code)
