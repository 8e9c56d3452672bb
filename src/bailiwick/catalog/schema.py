"""How a catalogue file is written: every key, and what its text must look like.

``bailiwick.documents`` hands over text only, so each type is read here from text. The JSON Schema
for editors is made from the same declarations.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema, model_validator
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticCustomError

from bailiwick import iso
from bailiwick.catalog.model import Openness, Status

T = TypeVar("T")

_COUNTRIES = frozenset(country["alpha_2"] for country in iso.countries()) | {"XK"}
_USER_ASSIGNED = re.compile("X[A-WYZ]")
"""Codes for tests, as in ``bailiwick.places``, which is a room beside this one."""


def _reader(code: str, pattern: str, read: Callable[[str], Any] = str) -> BeforeValidator:
    """Make a validator that accepts text of ``pattern`` which ``read`` can turn into a value."""
    wanted = re.compile(pattern)

    def validate(given: object) -> Any:
        if isinstance(given, str) and wanted.fullmatch(given):
            try:
                return read(given)
            except ValueError:
                pass
        raise PydanticCustomError(code, "refused")

    return BeforeValidator(validate)


def _day(text: str) -> date:
    return date.fromisoformat(text if len(text) == 10 else f"{text}-01")


def _country(text: str) -> str:
    if text in _COUNTRIES or _USER_ASSIGNED.fullmatch(text):
        return text
    raise ValueError(text)


def _pattern(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


_PROVIDER = "[a-z0-9][a-z0-9-]{0,63}"
_ID = _PROVIDER + "/[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
_NAME = "[A-Za-z0-9._:/@-]{1,200}"
_WORD = "[a-z0-9][a-z0-9._-]{0,63}"
_TOKENS = "[1-9][0-9]{0,11}"
_AMOUNT = r"[0-9]{1,9}(\.[0-9]{1,9})?"
_DATE = "[0-9]{4}-[0-9]{2}(-[0-9]{2})?"
_LINE = r"[^\x00-\x1f\x7f]{1,500}"

ProviderName = Annotated[str, _reader("provider", _PROVIDER), _pattern(_PROVIDER)]
ModelId = Annotated[str, _reader("model_id", _ID), _pattern(_ID)]
ModelName = Annotated[str, _reader("model_name", _NAME), _pattern(_NAME)]
Word = Annotated[str, _reader("word", _WORD), _pattern(_WORD)]
Line = Annotated[str, _reader("line", _LINE), _pattern(_LINE)]
Day = Annotated[date, _reader("date", _DATE, _day), _pattern(_DATE)]
Country = Annotated[str, _reader("country", "[A-Z]{2}", _country), _pattern("[A-Z]{2}")]
Tokens = Annotated[
    int, _reader("tokens", _TOKENS, int), WithJsonSchema({"type": "integer", "minimum": 1})
]
Amount = Annotated[
    Decimal, _reader("amount", _AMOUNT, Decimal), WithJsonSchema({"type": "number", "minimum": 0})
]

REFUSALS = {
    "provider": ("the name of a provider", "small letters, digits and `-`"),
    "model_id": (
        "the id of a model",
        "write `provider/model`, such as `meta/llama-3.1-8b`: letters, digits and `. _ : -`",
    ),
    "model_name": (
        "the name of a model",
        "letters, digits and `. _ : / @ -` only; names are compared exactly",
    ),
    "word": ("a plain word", "small letters, digits and `. _ -`"),
    "line": ("a line of text", "write one line of at most 500 characters"),
    "date": ("a date", "write a day as 2026-06-30, or a month as 2026-06"),
    "country": ("a country", "write an ISO 3166-1 alpha-2 code in upper case, such as DE"),
    "tokens": (
        "a number of tokens",
        "write a whole number above zero without separators, such as 200000",
    ),
    "both": ("clear", "a feature stands under `has` or under `lacks`, not under both"),
    "amount": ("an amount", "write a number that is not negative, such as 15 or 0.25"),
}
"""For each code of ours: what the text is not, and what to write instead."""

Channel = Literal["api", "bedrock", "vertex", "azure", "openrouter", "huggingface", "other"]
Modality = Literal["text", "image", "audio", "video", "document", "embedding"]
Feature = Literal[
    "tools", "web_search", "code_execution", "computer_use", "structured_output", "reasoning"
]
"""Features of requests that modalities do not tell already."""


def is_word(text: str) -> bool:
    """Tell a name of the file's own from a URL or a description."""
    return re.fullmatch(_WORD, text) is not None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NamedSource(_Strict):
    """A source that several entries of the file draw on."""

    url: Line
    as_of: Day
    status: Status | None = None


class Provenance(_Strict):
    """Where figures come from; the nearest statement wins (figure, entry, file)."""

    source: Line | None = None
    """A name under ``sources`` of the same file, or a URL or description."""
    as_of: Day | None = None
    status: Status | None = None


class Figure(Provenance, Generic[T]):
    """A value, written alone or with a provenance of its own."""

    value: T

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, given: object) -> object:
        return {"value": given} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        whole: dict[str, Any] = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [whole["properties"]["value"], whole]}


class ModalityLists(Provenance):
    """What goes in and what comes out."""

    input: list[Modality]
    output: list[Modality]


class FeatureLists(Provenance):
    """What it can do besides text; what is in neither list is not known."""

    has: list[Feature] = []
    lacks: list[Feature] = []

    @model_validator(mode="after")
    def _not_both(self) -> "FeatureLists":
        if both := sorted({*self.has} & {*self.lacks}):
            raise PydanticCustomError("both", "refused", {"feature": both[0]})
        return self


class Prices(_Strict):
    """USD for one million tokens, list price."""

    input: Figure[Amount] | None = None
    output: Figure[Amount] | None = None


class Entry(Provenance):
    """One model, or what a later file has to say about one."""

    family: Word | None = None
    openness: Openness | None = None
    aliases: dict[Channel, list[ModelName]] = {}
    context_tokens: Figure[Tokens] | None = None
    output_tokens: Figure[Tokens] | None = None
    modalities: ModalityLists | None = None
    features: FeatureLists | None = None
    prices: Prices = Prices()
    scores: dict[Word, Figure[Amount]] = {}


class Provider(_Strict):
    """Who makes models."""

    country: Country
    """Where its seat is."""


class CatalogFile(_Strict):
    """A whole catalogue file."""

    catalog: Annotated[Literal["1"], WithJsonSchema({"const": 1})]
    sources: dict[Word, NamedSource] = {}
    defaults: Provenance = Provenance()
    providers: dict[ProviderName, Provider] = {}
    models: dict[ModelId, Entry] = {}


class _Closed(GenerateJsonSchema):
    """Refuses keys that match no pattern, which JSON Schema by itself would let pass."""

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made


def catalog_schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of a catalogue file, for editors."""
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **CatalogFile.model_json_schema(schema_generator=_Closed),
    }
