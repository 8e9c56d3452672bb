"""How values are written: durations, sizes, paths, places. Every value in the file is text."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from bailiwick.places import canonical, suggestions

_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,9})(B|kB|KiB|MB|MiB|GB|GiB)")
_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_BYTES: Mapping[str, int] = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}


def _of_text(read: Callable[[str], object]) -> BeforeValidator:
    """Read text; leave what a program gave as it is."""
    return BeforeValidator(lambda value: read(value) if isinstance(value, str) else value)


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a duration; write it as 500ms, 10s, 15m, 12h or 30d")
    return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a size; write it as 512B, 64KiB or 32MiB")
    return int(match[1]) * _BYTES[match[2]]


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"`{text}` is neither `true` nor `false`")
    return text == "true"


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise ValueError(f"`{text}` is not a whole number")
    return int(text)


def _place(text: str) -> str:
    place = canonical(text)
    if place is None:
        near = " or ".join(f"`{code}`" for code in suggestions(text))
        hint = f"did you mean {near}?" if near else "write an ISO 3166 code such as US or UA-43"
        raise ValueError(f"unknown place `{text}`; {hint}")
    return place


def resolve(value: Any, info: ValidationInfo) -> Any:
    """Take a relative path from the folder of the settings file."""
    if not isinstance(value, str | Path):
        return value
    base = (info.context or {}).get("base", Path())
    return Path(base) / Path(value).expanduser()


def _written(kind: str, wording: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "format": kind, "description": wording})


Duration = Annotated[
    timedelta, _of_text(_duration), Field(gt=timedelta(0)), _written("duration", "as 10s or 15m")
]
Lapse = Annotated[
    timedelta, _of_text(_duration), Field(ge=timedelta(0)), _written("duration", "as 30d; 0s: none")
]
Size = Annotated[int, _of_text(_size), Field(gt=0), _written("size", "as 64KiB or 32MiB")]
Flag = Annotated[bool, _of_text(_flag), WithJsonSchema({"type": "boolean"})]
Count = Annotated[
    int, _of_text(_whole), Field(gt=0), WithJsonSchema({"type": "integer", "minimum": 1})
]
Port = Annotated[
    int, _of_text(_whole), Field(le=65_535), WithJsonSchema({"type": "integer", "maximum": 65_535})
]
PlaceCode = Annotated[str, _of_text(_place), _written("place", "ISO 3166 code")]
FilePath = Annotated[
    Path, BeforeValidator(resolve), _written("path", "from the settings file's folder")
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
