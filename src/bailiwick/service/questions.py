"""The AuthZEN paths and what answers at each."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from bailiwick.service import authzen, search
from bailiwick.service.options import Asker, ServiceOptions

if TYPE_CHECKING:
    from bailiwick.service.app import Service

METADATA: Final = "/.well-known/authzen-configuration"
_Answer: TypeAlias = "Callable[[Service, bytes | bytearray, Asker], Awaitable[bytes]]"
_encode = msgspec.json.Encoder().encode


async def _evaluation(service: "Service", raw: bytes | bytearray, asker: Asker) -> bytes:
    return await authzen.evaluation(raw, service.parts.pipeline(), asker)


async def _evaluations(service: "Service", raw: bytes | bytearray, asker: Asker) -> bytes:
    most = service.options.most_evaluations
    return await authzen.evaluations(raw, service.parts.pipeline(), asker, most)


async def _subjects(service: "Service", raw: bytes | bytearray, asker: Asker) -> bytes:
    return search.subjects(raw, service.parts.pipeline(), asker)


async def _resources(service: "Service", raw: bytes | bytearray, asker: Asker) -> bytes:
    return search.resources(raw, service.parts.pipeline(), asker)


async def _actions(service: "Service", raw: bytes | bytearray, asker: Asker) -> bytes:
    return search.actions(raw, service.parts.pipeline(), asker)


QUESTIONS: Final[Mapping[str, _Answer]] = {
    "/access/v1/evaluation": _evaluation,
    "/access/v1/evaluations": _evaluations,
    "/access/v1/search/subject": _subjects,
    "/access/v1/search/resource": _resources,
    "/access/v1/search/action": _actions,
}
_NAMES: Final[Mapping[str, str]] = {
    "/access/v1/evaluation": "access_evaluation_endpoint",
    "/access/v1/evaluations": "access_evaluations_endpoint",
    "/access/v1/search/subject": "search_subject_endpoint",
    "/access/v1/search/resource": "search_resource_endpoint",
    "/access/v1/search/action": "search_action_endpoint",
}


def metadata(headers: Mapping[str, str], options: ServiceOptions) -> bytes:
    """Say where everything is."""
    scheme = "https" if options.tls else "http"
    base = options.url or f"{scheme}://{headers.get('host', '')}"
    paths = {name: f"{base}{path}" for path, name in _NAMES.items()}
    return _encode({"policy_decision_point": base, **paths})
