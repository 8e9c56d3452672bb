"""Whether a model can do what is asked of it: yes, no, or the catalogue does not say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bailiwick.catalog import Model

INPUTS: Mapping[str, str] = {
    "image_input": "image",
    "audio_input": "audio",
    "video_input": "video",
    "document_input": "document",
}
"""Features that a catalogue gives as modalities of the input."""
OUTPUTS: Mapping[str, str] = {"image_output": "image", "audio_output": "audio"}
EVERYWHERE = frozenset({"streaming"})
"""Features of the protocol and not of the model."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What is asked of a model."""

    context_tokens: int = 0
    """Input and output together."""
    output_tokens: int = 0
    features: frozenset[str] = frozenset()
    minimum: Mapping[str, Decimal] = field(default_factory=dict)
    """Benchmark to the least score that will do."""
    max_price: Decimal | None = None
    """USD for one million input tokens."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits, and what says so."""

    lacking: tuple[str, ...] = ()
    """What it is known not to have, in words."""
    unknown: tuple[str, ...] = ()
    """What the catalogue does not say, in words."""

    @property
    def fits(self) -> bool | None:
        """``None``: it may; the catalogue does not say enough."""
        if self.lacking:
            return False
        return None if self.unknown else True


def fit(model: Model, needs: Needs) -> Fit:
    """Compare what the catalogue says of a model with what is needed."""
    lacking, unknown = [], []
    for what, answer in _answers(model, needs):
        if answer is None:
            unknown.append(what)
        elif not answer:
            lacking.append(what)
    return Fit(tuple(lacking), tuple(unknown))


def _answers(model: Model, needs: Needs) -> Iterator[tuple[str, bool | None]]:
    for name, least, figure in (
        ("context", needs.context_tokens, model.context_tokens),
        ("output", needs.output_tokens, model.output_tokens),
    ):
        if least:
            known = f"{figure.value} tokens" if figure else "unknown"
            said = f"{name}: {least} tokens needed, {known}"
            yield said, None if figure is None else figure.value >= least
    for feature in sorted(needs.features - EVERYWHERE):
        yield feature, has_feature(model, feature)
    for benchmark, least_score in sorted(needs.minimum.items()):
        score = model.scores.get(benchmark)
        said = f"{benchmark}: {least_score} needed, {score.value if score else 'unknown'}"
        yield said, None if score is None else score.value >= least_score
    if needs.max_price is not None:
        price = model.prices.get("input")
        said = f"price: at most {needs.max_price} USD, {price.value if price else 'unknown'}"
        yield said, None if price is None else price.value <= needs.max_price


def has_feature(model: Model, feature: str) -> bool | None:
    """Tell whether a model has a feature; ``None``: the catalogue does not say."""
    lists = model.modalities.value if model.modalities else None
    for table, side in ((INPUTS, "input"), (OUTPUTS, "output")):
        if feature in table:
            return None if lists is None else table[feature] in getattr(lists, side)
    given = model.features.value if model.features else None
    if given is None or feature == "unrecognised":
        return None
    return True if feature in given.has else False if feature in given.lacks else None


def same_kind(model: Model, wanted: Model | None) -> bool:
    """Leave out what gives no answer of the kind: embeddings for text, and the reverse."""
    if wanted is None or wanted.modalities is None or model.modalities is None:
        return True
    return set(wanted.modalities.value.output) <= set(model.modalities.value.output)
