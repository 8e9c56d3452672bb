"""What opaque names in logs stand for: profiles, provisioned throughput, deployments, endpoints.

Read from the clouds' own listings. A name that no listing explains stays unexplained, and every
call through it is undetermined.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from bailiwick.cloud.logs import CloudRecord, bedrock_model, vertex_model
from bailiwick.cloud.regions import Cloud
from bailiwick.errors import InvalidInput, Position


@dataclass(frozen=True, slots=True)
class Served:
    """What stands behind one opaque name."""

    model: str | None = None
    regions: frozenset[str] | None = None
    """Cloud regions that may run it, if a listing says so."""
    sku: str | None = None
    """Azure: the kind of deployment."""
    cloud: Cloud | None = None
    account: str | None = None
    """AWS account, Google project (its id or number) or Azure subscription that it is in."""
    resource: str | None = None
    """Azure: the account that it is in, as a resource id in lower case."""
    through: str = ""
    """The name itself, as calls say it."""
    location: str | None = None
    """Cloud region that it is in, if its name says so."""


@dataclass(slots=True)
class Inventory:
    """Opaque names and what they stand for. Deployments seen in an activity log are added."""

    served: dict[str, Served] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    """Azure: accounts, as resource ids in lower case, and where they are."""

    def of(self, record: CloudRecord) -> Served:
        """Find what a record's call went through; nothing known where no listing has it."""
        return self.served.get(key_of(record), NOTHING) if record.through else NOTHING

    def learn(self, record: CloudRecord) -> None:
        """Remember a deployment that was made before the calls to it."""
        if record.action == "deploy" and record.sku and record.through:
            self.served[key_of(record)] = Served(record.model, None, record.sku)

    def rename(self, projects: Mapping[str, str]) -> None:
        """Put ids in place of the numbers by which Google's listings name projects."""
        for key, served in list(self.served.items()):
            number, _, rest = key.partition("/")
            if number in projects:
                del self.served[key]
                named = replace(served, account=projects[number])
                self.served[f"{projects[number]}/{rest}"] = named


NOTHING = Served()


def key_of(record: CloudRecord) -> str:
    """Name what a record's call went through, apart from other accounts' names."""
    return f"{record.resource or record.account}/{record.through}".lower()


def read_inventory(texts: Iterable[tuple[str, str]], *, may_be_empty: bool = False) -> Inventory:
    """Read listings, each as ``(text, file name)``. Raises ``InvalidInput`` for anything else.

    Known are the JSON of ``aws bedrock list-inference-profiles``, ``list-provisioned-model-
    throughputs``, ``list-custom-model-deployments``, ``list-imported-models`` and
    ``list-marketplace-model-endpoints``, of ``az cognitiveservices account list`` and ``account
    deployment list``, and of ``gcloud ai endpoints list``. ``may_be_empty``: a listing of a known
    kind without anything in it says that there is nothing.
    """
    inventory = Inventory()
    for text, file in texts:
        try:
            listing = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise InvalidInput.of(f"not JSON: {error}", None, Position(file)) from None
        found = dict(_entries(listing))
        places = dict(_places(listing))
        if not (found or places or (may_be_empty and _is_empty(listing))):
            raise InvalidInput.of(
                "no listing that is known, or an empty one",
                "see docs/cloud/logs.md for the commands that write one",
                Position(file),
            )
        inventory.served |= found
        inventory.locations |= places
    return inventory


LISTS = (
    "inferenceProfileSummaries", "provisionedModelSummaries", "modelDeploymentSummaries",
    "modelSummaries", "marketplaceModelEndpoints", "value",
)  # fmt: skip
"""Keys that hold a listing, where it is no list itself."""


def _is_empty(listing: object) -> bool:
    if isinstance(listing, Mapping):
        return any(listing.get(name) == [] for name in LISTS)
    return listing == []


def _entries(listing: object) -> Iterator[tuple[str, Served]]:
    """Find every object of a listing that names something opaque."""
    if isinstance(listing, list):
        for one in listing:
            yield from _entries(one)
    elif isinstance(listing, Mapping):
        served = _aws(listing) or _azure(listing) or _google(listing)
        if served:
            yield f"{served.resource or served.account}/{served.through}".lower(), served
            return
        for inner in listing.values():
            if isinstance(inner, list):
                yield from _entries(inner)


ARNS = (
    "inferenceProfileArn", "provisionedModelArn", "customModelDeploymentArn", "endpointArn",
)  # fmt: skip
MODELS = ("foundationModelArn", "baseModelArn", "modelArn")
IMPORTED = ":imported-model/"


def _aws(one: Mapping[str, object]) -> Served | None:
    arn = next((value for name in ARNS if isinstance(value := one.get(name), str)), None)
    imported = one.get("modelArn")
    if arn is None and isinstance(imported, str) and IMPORTED in imported:
        arn, one = imported, {}
    if arn is None or arn.count(":") < 5:
        return None
    _, _, _, region, account, through = arn.split(":", 5)
    listed = one.get("models")
    arns = [str(item.get("modelArn")) for item in listed] if isinstance(listed, list) else []
    arns += [str(one[name]) for name in MODELS if name in one]
    models = {bedrock_model(item)[0] for item in arns}
    regions = {item.split(":")[3] for item in arns if item.count(":") > 3}
    model = models.pop() if len(models) == 1 else None
    return Served(
        model, frozenset(regions) or None, None, Cloud.AWS, account, None, through, region
    )


def _azure(one: Mapping[str, object]) -> Served | None:
    name, sku, properties = one.get("id"), one.get("sku"), one.get("properties")
    if not (isinstance(name, str) and isinstance(properties, Mapping) and "model" in properties):
        return None
    account, _, deployment = name.lower().partition("/deployments/")
    model = properties["model"]
    return Served(
        _text(model, "name"),
        None,
        _text(sku, "name"),
        Cloud.AZURE,
        account.split("/")[2] if account.startswith("/subscriptions/") else None,
        account,
        f"deployments/{deployment}",
    )


def _places(listing: object) -> Iterator[tuple[str, str]]:
    """Find where Azure's accounts are."""
    rows = listing.get("value") if isinstance(listing, Mapping) else listing
    for one in rows if isinstance(rows, list) else ():
        name, location = _text(one, "id"), _text(one, "location")
        last = (name or "").lower().rpartition("/accounts/")
        if location and last[1] and "/" not in last[2]:
            yield str(name).lower(), location


def _google(one: Mapping[str, object]) -> Served | None:
    name, deployed = one.get("name"), one.get("deployedModels")
    if not (isinstance(name, str) and isinstance(deployed, list) and "/endpoints/" in name):
        return None
    models = {vertex_model(str(_text(item, "model"))) for item in deployed}
    parts = name.split("/")
    return Served(
        models.pop() if len(models) == 1 else None,
        None,
        None,
        Cloud.GCP,
        parts[1],
        None,
        f"endpoints/{parts[-1]}",
        parts[3] if parts[2] == "locations" else None,
    )


def _text(value: object, key: str) -> str | None:
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else None
