"""Model names as clouds write them, cut to what the catalogue knows, and what stands in between."""

import re
from functools import lru_cache

BEDROCK = re.compile(
    r"arn:aws[a-z-]*:bedrock:(?P<region>[a-z0-9-]*):(?P<account>\d*):(?P<kind>[a-z-]+)/(?P<name>.+)"
)
PLAIN = frozenset({"foundation-model", "inference-profile"})
GEOGRAPHIC = re.compile(r"(?:us-gov|us|eu|apac|jp|au|ca|global)\.")
VERTEX = re.compile(r"(?:.*/)?publishers/(?P<publisher>[^/]+)/models/(?P<model>[^/:]+)")
LOCATION = re.compile(r"(?:.*/)?locations/(?P<location>[^/]+)")
PROJECT = re.compile(r"(?:.*/)?projects/(?P<project>[^/]+)")


@lru_cache(maxsize=8192)
def bedrock_model(named: str) -> tuple[str | None, str | None]:
    """Split a Bedrock model id or ARN into the model's name and what stands in front of it.

    A profile that Amazon defines names its model. An application profile, provisioned throughput
    and custom models do not: the model is ``None`` and has to come from an inventory.
    """
    found = BEDROCK.fullmatch(named)
    name = found["name"] if found else named
    if found and found["kind"] not in PLAIN:
        return None, f"{found['kind']}/{name}"
    if prefix := GEOGRAPHIC.match(name):
        return name[prefix.end() :], f"inference-profile/{name}"
    return name, None


@lru_cache(maxsize=8192)
def vertex_model(resource: str) -> str | None:
    """Find the ``publisher/model`` a Vertex AI resource names; ``None`` for endpoints."""
    found = VERTEX.match(resource)
    return f"{found['publisher']}/{found['model']}" if found else None


@lru_cache(maxsize=8192)
def google_location(resource: str) -> str | None:
    """Find the location in a Google resource name."""
    found = LOCATION.match(resource)
    return found["location"] if found else None


@lru_cache(maxsize=8192)
def google_project(resource: str) -> str | None:
    """Find the project in a Google resource name."""
    found = PROJECT.match(resource)
    return found["project"] if found else None


def names_of(model: str) -> tuple[str, ...]:
    """List what the catalogue may call a model of a record: with its publisher, and without."""
    publisher, slash, name = model.partition("/")
    return (model, name) if slash and publisher else (model,)
