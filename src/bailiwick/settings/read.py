"""Read a settings file: every problem at its line and column, with help, all of them at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bailiwick.documents import Document
from bailiwick.documents import Path as Location
from bailiwick.errors import InvalidInput, Problem
from bailiwick.settings.describe import fields_at
from bailiwick.settings.shape import Settings

FILE_NAME = "bailiwick.yaml"
"""How the settings file is called where nobody says otherwise."""

_WORDS: Mapping[str, str] = {
    "string_type": "needs text",
    "tuple_type": "needs a list",
    "list_type": "needs a list",
    "dict_type": "needs keys of its own",
    "model_type": "needs keys of its own",
    "model_attributes_type": "needs keys of its own",
    "int_type": "needs a whole number",
    "bool_type": "needs `true` or `false`",
    "path_type": "needs a path",
    "time_delta_type": "needs a duration such as 10s",
}


@dataclass(frozen=True, slots=True)
class _Known:
    """Where to look for keys that somebody may have meant."""

    names: tuple[str, ...]

    def near(self, name: str) -> str:
        found = get_close_matches(name, self.names, 1)
        known = ", ".join(self.names)
        return f"did you mean `{found[0]}`?" if found else f"known are {known}"


def read_settings(document: Document, base: Path) -> Settings:
    """Read settings; relative paths start at ``base``, the folder of the file.

    Raises ``InvalidInput`` with every problem found.
    """
    try:
        settings = Settings.model_validate(document.value, context={"base": base})
    except ValidationError as error:
        raise InvalidInput(_problem(document, one) for one in error.errors()) from None
    if problems := list(_together(document, settings)):
        raise InvalidInput(problems)
    return settings


def default_settings(directory: Path, **changes: Any) -> Settings:
    """Make settings whose files all lie in ``directory``, the policy in ``policy.yaml``."""
    given = {"policy": "policy.yaml", **changes}
    return Settings.model_validate(given, context={"base": directory})


def settings_schema() -> dict[str, Any]:
    """Give the JSON Schema of a settings file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Settings.model_json_schema(),
    }


def _problem(document: Document, error: ErrorDetails) -> Problem:
    path = _in_document(document, error["loc"])
    name = str(path[-1]) if path else document.file
    match error["type"]:
        case "extra_forbidden":
            help_ = _Known(fields_at(Settings, path[:-1])).near(name)
            return Problem(f"unknown key `{name}`", help_, document.key_position(path))
        case "missing":
            missing = str(error["loc"][-1])
            return Problem(f"`{missing}` is missing", None, document.position(path))
        case "value_error" | "assertion_error":
            message, _, help_ = str(error.get("ctx", {}).get("error")).partition("; ")
            return Problem(_named(path, message), help_ or None, document.position(path))
    words = _WORDS.get(error["type"]) or _plain(error["msg"])
    return Problem(f"`{name}`: {words}", None, document.position(path))


def _named(path: Location, message: str) -> str:
    """Say which key a message is about, unless the position is all there is."""
    return f"`{path[-1]}`: {message}" if path else message


def _plain(message: str) -> str:
    words = message.removeprefix("Input ").replace("should be", "must be", 1)
    return words.replace("datetime.timedelta(0)", "0s")


def _in_document(document: Document, loc: tuple[int | str, ...]) -> Location:
    """Keep the part of a pydantic location that stands in the file."""
    path: Location = ()
    for part in loc:
        if (*path, part) not in document.positions:
            break
        path = (*path, part)
    return path


def _together(document: Document, settings: Settings) -> Iterator[Problem]:
    """Check what no single section can see."""
    if settings.listen.workers > 1 and settings.quotas.storage == "memory://":
        yield Problem(
            f"{settings.listen.workers} workers cannot count quotas in memory",
            "name a server as `quotas: {storage: redis://HOST:PORT/0}`, or use one worker",
            document.position(("listen", "workers")),
        )
    if settings.admin.enabled and _same_socket(settings.listen, settings.admin):
        yield Problem(
            "`listen` and `admin` have the same address and port",
            "give them different ports",
            document.position(("admin",)),
        )
    yield from _askers(document, settings)
    seen: dict[str, int] = {}
    for index, upstream in enumerate(settings.upstreams):
        if seen.setdefault(upstream.name, index) != index:
            yield Problem(
                f"two upstreams are called `{upstream.name}`",
                "records and metrics tell them apart by name",
                document.position(("upstreams", index, "name")),
            )


def _askers(document: Document, settings: Settings) -> Iterator[Problem]:
    service, names = settings.service, set[str]()
    certified = service.tls is not None and service.tls.client_ca is not None
    if service.workers > 1 and settings.quotas.storage == "memory://":
        yield Problem(
            f"{service.workers} workers cannot count quotas in memory",
            "name a server as `quotas: {storage: redis://HOST:PORT/0}`, or use one worker",
            document.position(("service", "workers")),
        )
    for index, asker in enumerate(service.askers):
        where = document.position(("service", "askers", index))
        if asker.name in names:
            yield Problem(f"two askers are called `{asker.name}`", None, where)
        names.add(asker.name)
        if asker.token_sha256 is None and not certified:
            yield Problem(
                f"asker `{asker.name}` has no token and no certificate is asked for",
                "run `bailiwick service-token`, or set `service.tls.client_ca`",
                where,
            )


def _same_socket(one: BaseModel, other: BaseModel) -> bool:
    return (one.host, one.port) == (other.host, other.port) != (one.host, 0)  # type: ignore[attr-defined]
