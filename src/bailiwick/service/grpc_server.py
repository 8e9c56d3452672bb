"""Envoy's external authorization over gRPC, for estates that already speak it.

HTTP does the same at a third of the cost. Needs the extra ``grpc``.
"""

import logging
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bailiwick.errors import BailiwickError
from bailiwick.service.check import Request, Verdict
from bailiwick.service.errors import NotAnswered

if TYPE_CHECKING:
    from bailiwick.front import Certificates
    from bailiwick.service.app import Service

SERVICE: Final = "envoy.service.auth.v3.Authorization"
ENDPOINT: Final = "grpc"
_OK, _DENIED = 0, 7

log = logging.getLogger("bailiwick.service")


def check_installed() -> None:
    """Say what is missing before anything starts, and load nothing: workers are forked."""
    try:
        missing = not (find_spec("grpc") and find_spec("google.protobuf"))
    except ModuleNotFoundError:
        missing = True
    if missing:
        raise BailiwickError(
            "`service.grpc_port` needs grpcio and protobuf", "install `bailiwick[grpc]`"
        )


async def start(service: "Service") -> Any:
    """Start to answer; give what stops it."""
    import grpc

    messages: Any = import_module("bailiwick.service.stubs.ext_authz_pb2")
    options = service.options
    most = options.limits.body_bytes + options.limits.header_bytes
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", most)])
    answering = _Answering(service, messages)
    handler = grpc.unary_unary_rpc_method_handler(
        answering.check,
        request_deserializer=messages.CheckRequest.FromString,
        response_serializer=messages.CheckResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Check": handler}),)
    )
    address = f"{options.host}:{options.grpc_port}"
    if options.tls is None:
        server.add_insecure_port(address)
    else:
        certificates = service.certificates
        assert certificates is not None  # noqa: S101 - the listener has them before we start
        server.add_secure_port(address, _credentials(certificates))
    await server.start()
    return server


def _credentials(certificates: "Certificates") -> Any:
    """Serve with the certificate in use, whichever it is when somebody connects."""
    import grpc

    used = certificates.context

    def renewed() -> Any:
        nonlocal used
        if certificates.context is used:
            return None
        used = certificates.context
        return _configuration(certificates)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(certificates), renewed, certificates.files[2] is not None
    )


def _configuration(certificates: "Certificates") -> Any:
    import grpc

    certificate, key, client_ca = certificates.files
    pair = (Path(key).read_bytes(), Path(certificate).read_bytes())
    ca = Path(client_ca).read_bytes() if client_ca is not None else None
    return grpc.ssl_server_certificate_configuration([pair], ca)


class _Answering:
    """Turns Envoy's messages into requests, and verdicts into Envoy's messages."""

    def __init__(self, service: "Service", messages: Any) -> None:
        self._service = service
        self._messages = messages

    async def check(self, asked: Any, context: Any) -> Any:
        """Answer one check. Whatever fails here is an error to Envoy, which then refuses."""
        began = time.perf_counter()
        service = self._service
        try:
            asker = service.askers.find(dict(context.invocation_metadata()), bearer=False)
        except NotAnswered as problem:
            import grpc

            taken = time.perf_counter() - began
            service.metrics.count(ENDPOINT, "", "refused", problem.code, taken)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, problem.message)
            raise
        http = asked.attributes.request.http
        headers = {name: value for name, value in http.headers.items() if name[:1] != ":"}
        path, _, query = http.path.partition("?")
        raw = http.raw_body or http.body.encode()
        lines = list(headers.items())
        request = Request(
            http.method, path, query, lines, headers, raw, asker, _peer(context.peer())
        )
        verdict = await service.checker.check(request)
        effect = "permit" if verdict.permitted else "deny"
        taken = time.perf_counter() - began
        service.metrics.count(ENDPOINT, asker.name, effect, verdict.code, taken)
        return self._response(verdict)

    def _response(self, verdict: Verdict) -> Any:
        messages = self._messages
        headers = [
            messages.HeaderOption(header=messages.Header(key=name, value=value))
            for name, value in verdict.reply.headers
        ]
        if verdict.permitted:
            return messages.CheckResponse(
                status=messages.Status(code=_OK), ok_response=messages.Ok(headers=headers)
            )
        denied = messages.Denied(
            status=messages.HttpStatus(code=verdict.reply.status),
            headers=headers,
            body=verdict.reply.body.decode(),
        )
        return messages.CheckResponse(status=messages.Status(code=_DENIED), denied_response=denied)


def _peer(text: str) -> str:
    """Read ``ipv4:127.0.0.1:4711`` or ``ipv6:[::1]:4711``."""
    address = text.partition(":")[2].rpartition(":")[0]
    return address.replace("%5B", "").replace("%5D", "").strip("[]")
