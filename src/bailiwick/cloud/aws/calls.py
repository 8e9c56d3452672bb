"""One call is several authorization checks: the expander.

A call through an inference profile is checked on the profile, on the model in the region that is
called, and on the model in every region that may run it; a global one on a model ARN without a
region, with ``aws:RequestedRegion`` = ``unspecified``. If any check is denied the call is denied.
Whoever looks at one action and one resource only answers wrongly.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html and
geographic-cross-region-inference.html beside it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bailiwick.cloud.aws.actions import MANTLE, aws_actions
from bailiwick.cloud.aws.profiles import UNSPECIFIED, Profiles
from bailiwick.errors import InvalidInput
from bailiwick.shapes import did_you_mean

OPAQUE = ("provisioned-model", "custom-model-deployment", "imported-model", "marketplace")
"""Types of resources that run a model which no check names."""
ARN = re.compile(
    r"arn:[a-z0-9-]+:bedrock:(?P<region>[a-z0-9-]*):(?P<account>[0-9]*|aws):"
    r"(?P<type>[a-z-]+)/(?P<id>.+)"
)
Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One authorization check: an action on a resource in a context."""

    action: str
    resource: str
    context: Mapping[str, Values] = field(hash=False)
    """Condition keys in lower case to their values."""

    @property
    def region(self) -> str:
        """The value of ``aws:RequestedRegion``."""
        return self.context["aws:requestedregion"][0]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an ordinary role of an account."""

    account: str
    organisation: str
    """``o-...``"""
    path: Values
    """Ids from the root down to the unit of the account; empty: the request does not say."""
    role: str = "example"

    @property
    def context(self) -> dict[str, Values]:
        """Give the keys that describe the principal."""
        paths = ("/".join((self.organisation, *self.path)) + "/",)
        return {
            **({"aws:principalorgpaths": paths} if self.path else {}),
            "aws:principalaccount": (self.account,),
            "aws:principalorgid": (self.organisation,),
            "aws:principalarn": (f"arn:aws:iam::{self.account}:role/{self.role}",),
            "aws:principalisawsservice": ("false",),
            "aws:viaawsservice": ("false",),
        }


@dataclass(frozen=True, slots=True)
class Call:
    """One call as somebody describes it."""

    action: str
    """An IAM action, or an operation such as ``bedrock:Converse``."""
    caller: Caller
    region: str
    model: str = ""
    """A model id, a profile id, or an ARN; empty for actions that name none."""
    over: str = ""
    """For an application profile: the profile or model id that it was made from."""
    context: Mapping[str, Values] = field(default_factory=dict, hash=False)
    """Further condition keys, in lower case."""


def expand(call: Call, profiles: Profiles) -> tuple[Check, ...]:
    """List the checks of a call in order, the first one that AWS makes first.

    Raises ``InvalidInput`` for an action that the catalogue does not know, and for a model that is
    named in no way Bedrock knows.
    """
    actions = aws_actions()
    action = actions.authorized_as(call.action)
    if action is None:
        raise InvalidInput.of(
            f"unknown action `{call.action}`",
            did_you_mean(call.action, (*actions.classes, *actions.operations))
            or "write it as `bedrock:InvokeModel`",
        )
    group = actions.classes[action]
    base = {
        **call.caller.context,
        "aws:requestedregion": (call.region,),
        **{key.lower(): values for key, values in call.context.items()},
    }
    if group in MANTLE:
        named = {"bedrock-mantle:model": (call.model,)} if call.model else {}
        resource = _own(call, "project/default", "bedrock-mantle")
        return (Check(action, resource, {**base, **named}),)
    if not call.model:
        return (Check(action, "*", base),)
    return tuple(_model_checks(call, action, base, profiles))


def _model_checks(
    call: Call, action: str, base: dict[str, Values], profiles: Profiles
) -> Iterator[Check]:
    arn = ARN.fullmatch(call.model)
    kind, name = (arn["type"], arn["id"]) if arn else (_kind(call.model, profiles), call.model)
    if kind == "foundation-model":
        yield Check(action, foundation_model(call.region, name), base)
    elif kind == "inference-profile":
        yield from _through(call, action, base, profiles, name)
    elif kind == "application-inference-profile":
        yield from _application(call, action, base, profiles, call.model if arn else name)
    else:
        yield Check(action, call.model if arn else _own(call, call.model), base)


def _kind(name: str, profiles: Profiles) -> str:
    if "/" in name:
        return name.partition("/")[0]
    if profiles.split(name):
        return "inference-profile"
    if "." in name:
        return "foundation-model"
    raise InvalidInput.of(
        f"`{name}` is no model id, profile id or ARN of Bedrock",
        "a model id has its provider in front, as in `meta.llama3-1-8b-instruct-v1:0`",
    )


def _through(
    call: Call, action: str, base: dict[str, Values], profiles: Profiles, name: str
) -> Iterator[Check]:
    split = profiles.split(name)
    if split is None:
        raise InvalidInput.of(
            f"`{name}` is no inference profile whose regions are known",
            "import the account's own: `aws bedrock list-inference-profiles`",
        )
    profile = _own(call, f"inference-profile/{name}")
    yield Check(action, profile, base)
    if makes_profile(action):
        return
    destinations = profiles.destinations(name, call.region)
    if destinations is None:
        raise InvalidInput.of(
            f"`{name}` is not offered in `{call.region}`, as far as is known",
            f"it is in {', '.join(profiles.sources(name)) or 'no region'}",
        )
    yield from _models(call, action, base, split[1], destinations, profile)


def _application(
    call: Call, action: str, base: dict[str, Values], profiles: Profiles, name: str
) -> Iterator[Check]:
    arn = name if name.startswith("arn:") else _own(call, name)
    yield Check(action, arn, base)
    known = profiles.applications.get(arn)
    if known is not None:
        yield from _models(call, action, base, known.model, known.destinations, arn)
        return
    split = profiles.split(call.over)
    destinations = profiles.destinations(call.over, call.region) if split else (call.region,)
    if not call.over or destinations is None:
        raise InvalidInput.of(
            f"`{arn}`: what this application profile stands for is not known",
            "import the account's own list, or name the profile it was made from",
        )
    yield from _models(call, action, base, split[1] if split else call.over, destinations, arn)


def _models(
    call: Call,
    action: str,
    base: dict[str, Values],
    model: str,
    destinations: Iterable[str],
    profile: str,
) -> Iterator[Check]:
    for region in dict.fromkeys((call.region, *destinations)):
        keys = {"aws:requestedregion": (region,), "bedrock:inferenceprofilearn": (profile,)}
        where = "" if region == UNSPECIFIED else region
        yield Check(action, foundation_model(where, model), {**base, **keys})


def makes_profile(action: str) -> bool:
    """Whether an action is about the profile itself and not about a call through it."""
    return action in {"bedrock:CreateInferenceProfile", "bedrock:CreatePromptRouter"}


def foundation_model(region: str, model: str) -> str:
    """Write the ARN of a model; without a region it is that of a global profile."""
    return f"arn:aws:bedrock:{region}::foundation-model/{model}"


def _own(call: Call, resource: str, service: str = "bedrock") -> str:
    return f"arn:aws:{service}:{call.region}:{call.caller.account}:{resource}"
