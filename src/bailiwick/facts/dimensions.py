"""The dimensions a request is described by, and what each one's values look like.

The table in the policy reference (``docs/policy.md``) has the same rows; a test compares them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How the values of a dimension combine and how a condition reads them."""

    CHOICE = "choice"
    """One value of a closed list. Several values are candidates."""
    PLACE = "place"
    """One place, ISO 3166-1 alpha-2 or ISO 3166-2. Several values are candidates."""
    ALL_PLACES = "all_places"
    """Every place at once: a permit needs all of them inside, a deny needs one of them inside."""
    SET = "set"
    """A set of names; the empty set is known and has no names."""


class Layer(StrEnum):
    """Who can know a dimension first."""

    EDGE = "edge"
    ACCOUNT = "account"
    CLOUD = "cloud"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing a request can be asked about."""

    name: str
    kind: Kind
    layer: Layer
    values: tuple[str, ...] = ()
    """The closed list of a choice, strongest first; empty where the list is open."""

    @property
    def is_set(self) -> bool:
        """Whether several values are one fact and not candidates."""
        return self.kind in {Kind.SET, Kind.ALL_PLACES}


ACTIONS = (
    "infer",
    "count_tokens",
    "list_models",
    "batch",
    "tune",
    "deploy",
    "subscribe",
    "sign_up",
    "create_key",
)

NETWORKS = (
    "tor",
    "residential_proxy",
    "proxy",
    "vpn",
    "relay",
    "hosting",
    "residential",
    "non_routable",
)
"""Network classes, strongest first: where two sources differ, the earlier one is kept.

``residential`` is an ordinary access network: a source that would know says nobody stands in
front. ``non_routable`` is an address that is not on the public internet; it has no place.
"""

STATUSES = (
    "none",
    "active",
    "in_review",
    "restricted",
    "suspended",
    "pending",
    "terminated",
    "closed",
)
"""Account statuses. ``none``: no account stands behind the request, and the settings allow that."""

FEATURES = (
    "image_input",
    "audio_input",
    "video_input",
    "document_input",
    "image_output",
    "audio_output",
    "tools",
    "web_search",
    "code_execution",
    "computer_use",
    "structured_output",
    "reasoning",
    "streaming",
    "unrecognised",
)
"""What a request can use of a model. ``unrecognised``: a content block or tool we do not know."""

OWNERSHIP_OUTCOMES = ("yes", "no", "unknown_share")

DIMENSIONS: dict[str, Dimension] = {
    dimension.name: dimension
    for dimension in (
        Dimension("action", Kind.CHOICE, Layer.EDGE, ACTIONS),
        Dimension("address", Kind.PLACE, Layer.EDGE),
        Dimension("network", Kind.CHOICE, Layer.EDGE, NETWORKS),
        Dimension("holder", Kind.PLACE, Layer.EDGE),
        Dimension("billing", Kind.PLACE, Layer.ACCOUNT),
        Dimension("card", Kind.PLACE, Layer.ACCOUNT),
        Dimension("registered", Kind.PLACE, Layer.ACCOUNT),
        Dimension("document", Kind.PLACE, Layer.ACCOUNT),
        Dimension("phone", Kind.PLACE, Layer.ACCOUNT),
        Dimension("endpoint", Kind.PLACE, Layer.CLOUD),
        Dimension("processing", Kind.ALL_PLACES, Layer.SETTINGS),
        Dimension("egress", Kind.PLACE, Layer.SETTINGS),
        Dimension("labels", Kind.SET, Layer.ACCOUNT),
        Dimension("principal", Kind.SET, Layer.ACCOUNT),
        Dimension("end_user.place", Kind.PLACE, Layer.EDGE),
        Dimension("end_user.labels", Kind.SET, Layer.EDGE),
        Dimension("features", Kind.SET, Layer.EDGE, FEATURES),
        Dimension("status", Kind.CHOICE, Layer.ACCOUNT, STATUSES),
    )
}
"""Every fixed dimension by name. The model and the time are always known and stand apart; each
named ownership rule adds one more (``ownership_dimension``)."""

OWNERSHIP_PREFIX = "ownership."


def ownership_dimension(rule: str) -> Dimension:
    """Describe the dimension that the ownership rule named ``rule`` answers."""
    return Dimension(OWNERSHIP_PREFIX + rule, Kind.CHOICE, Layer.ACCOUNT, OWNERSHIP_OUTCOMES)


def dimension(name: str) -> Dimension | None:
    """Find a dimension by name, ``ownership.NAME`` included; ``None`` if there is none."""
    if name.startswith(OWNERSHIP_PREFIX) and len(name) > len(OWNERSHIP_PREFIX):
        return ownership_dimension(name.removeprefix(OWNERSHIP_PREFIX))
    return DIMENSIONS.get(name)
