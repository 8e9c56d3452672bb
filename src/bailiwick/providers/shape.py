"""How a pack is written: every key, and what its text must look like."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _answer(value: Any) -> Any:
    known = {"true": True, "false": False, "unknown": None}
    if value not in known:
        raise ValueError(f"`{value}` is none of `true`, `false`, `unknown`")
    return known[value]


def _flag(value: Any) -> Any:
    if value not in {"true", "false"}:
        raise ValueError(f"`{value}` is neither `true` nor `false`")
    return value == "true"


Line = Annotated[str, Field(min_length=1, max_length=2000)]
Lines = Annotated[list[Line], BeforeValidator(_listed), Field(min_length=1)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Maybe = Annotated[bool | None, BeforeValidator(_answer)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,48}$")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ModelsShape(_Shape):
    """Which models the page is about."""

    ids: Lines | None = None
    provider: Lines | None = None
    family: Lines | None = None
    openness: Lines | None = None


class LaterShape(_Shape):
    """Places of a later, partial copy."""

    places: Lines
    source: Line
    as_of: date | None = None
    readable_up_to: Line | None = None


class OwnershipShape(_Shape):
    """A term about who owns the customer."""

    name: Name
    threshold: Annotated[str, Field(pattern=r"^(>|>=) ?\d{1,3}(\.\d+)? ?%$")]
    wording: Line
    source: Line
    as_of: date


class LicenceShape(_Shape):
    """A term about who deploys models."""

    ids: Lines
    registered: Line
    wording: Line


class PackShape(_Shape):
    """A provider pack."""

    provider_pack: Literal["1"]
    name: Name
    title: Line
    source: Line
    other_sources: Lines | None = None
    captured_via: Line | None = None
    as_of: date
    complete: Flag
    changed_since: Maybe
    models: ModelsShape
    served: Lines | None = None
    territories: Literal["inherit", "listed-only"] | None = None
    territories_note: Line | None = None
    excluded: dict[str, Line] | None = None
    excluded_wording: Line | None = None
    unnamed_exceptions: dict[str, Line] | None = None
    later: Annotated[list[LaterShape], Field(min_length=1)] | None = None
    ownership: OwnershipShape | None = None
    licence: LicenceShape | None = None
    notes: Lines | None = None
