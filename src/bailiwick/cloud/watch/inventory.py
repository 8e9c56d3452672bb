"""What opaque names in logs stand for: profiles, provisioned throughput, deployments, endpoints.

Read from the clouds' own listings. A name that no listing explains stays unexplained, and every
call through it is undetermined.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from bailiwick.cloud.logs import CloudRecord, bedrock_model, vertex_model
from bailiwick.errors import InvalidInput, Position


@dataclass(frozen=True, slots=True)
class Served:
    """What stands behind one opaque name."""

    model: str | None = None
    regions: frozenset[str] | None = None
    """Cloud regions that may run it, if a listing says so."""
    sku: str | None = None
    """Azure: the kind of deployment."""


@dataclass(slots=True)
class Inventory:
    """Opaque names and what they stand for. Deployments seen in an activity log are added."""

    served: dict[str, Served] = field(default_factory=dict)

    def of(self, record: CloudRecord) -> Served:
        """Find what a record's call went through; nothing known where no listing has it."""
        return self.served.get(key_of(record), NOTHING) if record.through else NOTHING

    def learn(self, record: CloudRecord) -> None:
        """Remember a deployment that was made before the calls to it."""
        if record.action == "deploy" and record.sku and record.through:
            self.served[key_of(record)] = Served(record.model, None, record.sku)


NOTHING = Served()


def key_of(record: CloudRecord) -> str:
    """Name what a record's call went through, apart from other accounts' names."""
    return f"{record.resource or record.account}/{record.through}".lower()


def read_inventory(texts: Iterable[tuple[str, str]]) -> Inventory:
    """Read listings, each as ``(text, file name)``. Raises ``InvalidInput`` for anything else.

    Known are the JSON of ``aws bedrock list-inference-profiles``, ``list-provisioned-model-
    throughputs`` and ``list-custom-model-deployments``, ``az cognitiveservices account deployment
    list`` and ``gcloud ai endpoints list``.
    """
    inventory = Inventory()
    for text, file in texts:
        try:
            listing = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise InvalidInput.of(f"not JSON: {error}", None, Position(file)) from None
        found = dict(_entries(listing))
        if not found:
            raise InvalidInput.of(
                "no listing that is known, or an empty one",
                "see docs/cloud/logs.md for the commands that write one",
                Position(file),
            )
        inventory.served |= found
    return inventory


def _entries(listing: object) -> Iterator[tuple[str, Served]]:
    """Find every object of a listing that names something opaque."""
    if isinstance(listing, list):
        for one in listing:
            yield from _entries(one)
    elif isinstance(listing, Mapping):
        found = _aws(listing) or _azure(listing) or _google(listing)
        if found:
            yield found
            return
        for inner in listing.values():
            if isinstance(inner, list):
                yield from _entries(inner)


ARNS = (
    "inferenceProfileArn", "provisionedModelArn", "customModelDeploymentArn",
)  # fmt: skip
MODELS = ("foundationModelArn", "baseModelArn", "modelArn")


def _aws(one: Mapping[str, object]) -> tuple[str, Served] | None:
    arn = next((value for name in ARNS if isinstance(value := one.get(name), str)), None)
    if arn is None:
        return None
    account, through = arn.split(":")[4], arn.split(":", 5)[5]
    listed = one.get("models")
    arns = [str(item.get("modelArn")) for item in listed] if isinstance(listed, list) else []
    arns += [str(one[name]) for name in MODELS if name in one]
    models = {bedrock_model(item)[0] for item in arns}
    regions = {item.split(":")[3] for item in arns}
    model = models.pop() if len(models) == 1 else None
    return f"{account}/{through}".lower(), Served(model, frozenset(regions) or None)


def _azure(one: Mapping[str, object]) -> tuple[str, Served] | None:
    name, sku, properties = one.get("id"), one.get("sku"), one.get("properties")
    if not (isinstance(name, str) and isinstance(properties, Mapping) and "model" in properties):
        return None
    account, _, deployment = name.lower().partition("/deployments/")
    model = properties["model"]
    return f"{account}/deployments/{deployment}", Served(
        _text(model, "name"), None, _text(sku, "name")
    )


def _google(one: Mapping[str, object]) -> tuple[str, Served] | None:
    name, deployed = one.get("name"), one.get("deployedModels")
    if not (isinstance(name, str) and isinstance(deployed, list) and "/endpoints/" in name):
        return None
    models = {vertex_model(str(_text(item, "model"))) for item in deployed}
    project = name.split("/")[1]
    endpoint = name.rpartition("/")[2]
    return f"{project}/endpoints/{endpoint}".lower(), Served(
        models.pop() if len(models) == 1 else None
    )


def _text(value: object, key: str) -> str | None:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else None
