"""Read a settings file: every problem at its line and column, with help, all of them at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bailiwick.documents import Document
from bailiwick.documents import Path as Location
from bailiwick.errors import InvalidInput, Problem
from bailiwick.settings.shape import Settings
from bailiwick.shapes import keys_at, shape_problems

FILE_NAME = "bailiwick.yaml"
"""How the settings file is called where nobody says otherwise."""


def read_settings(document: Document, base: Path) -> Settings:
    """Read settings; relative paths start at ``base``, the folder of the file.

    Raises ``InvalidInput`` with every problem found.
    """
    try:
        settings = Settings.model_validate(document.value, context={"base": base})
    except ValidationError as error:
        raise InvalidInput(shape_problems(error, document, _known_keys)) from None
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


def _known_keys(path: Location) -> set[str]:
    return keys_at(Settings.model_json_schema(), path)


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
