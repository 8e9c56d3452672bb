"""What a Vertex AI call is checked for: the host that is called, and the model's action.

Host and path can differ: the global host serves every location that a path names. So the host
says who may serve, and a call through the global host may be served anywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bailiwick.cloud.zones import GLOBAL_LOCATION, MULTI_REGIONS

MODELS = "vertexai.allowedModels"
FEATURES = "vertexai.allowedPartnerModelFeatures"
ENDPOINTS = "gcp.restrictEndpointUsage"
OWN_ENDPOINTS = "custom.bailiwickOwnEndpoints"
"""Refuses endpoints that one deploys oneself: no constraint sees which model they will serve."""
GLOBAL_HOST = "aiplatform.googleapis.com"
ACTIONS = ("predict", "deploy", "tune")
"""What a model policy can name. ``predict`` is online and batch, with and without streaming."""
POLICY_ACTIONS = {"predict": ("infer", "batch"), "deploy": ("deploy",), "tune": ("tune",)}


def host_of(location: str) -> str:
    """Name the host that serves one location only, or the global one."""
    if location == GLOBAL_LOCATION:
        return GLOBAL_HOST
    if location in MULTI_REGIONS:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-{GLOBAL_HOST}"


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a publisher's model."""

    host: str
    model: str
    """``publishers/PUBLISHER/models/MODEL``, with or without a version."""
    action: str
    features: tuple[str, ...] = ()
    """Features of a partner's model that need permission, such as ``web_search``."""


def checks(call: Call) -> Iterator[tuple[str, str]]:
    """Give every ``(constraint, value)`` that must be allowed for the call to succeed."""
    name = call.model.partition("@")[0]
    yield ENDPOINTS, call.host
    yield MODELS, f"{name}:{call.action}"
    if not name.startswith("publishers/google/"):
        yield from ((FEATURES, f"{name}:{feature}") for feature in call.features)
