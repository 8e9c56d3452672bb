"""The decision service: the gateway's decision for other people's gateways and applications.

AuthZEN 1.0, Envoy's external authorization over HTTP and gRPC, and forward authentication for
nginx, Traefik and Caddy. ``serve`` runs it.
"""

from bailiwick.service.askers import TOKEN_HEADER, new_token
from bailiwick.service.grpc_server import check_installed as check_grpc
from bailiwick.service.options import Asker, ServiceOptions, Tls
from bailiwick.service.ports import Parts
from bailiwick.service.serve import certificates_of, check_ports, serve

__all__ = [
    "TOKEN_HEADER", "Asker", "Parts", "ServiceOptions", "Tls", "certificates_of", "check_grpc",
    "check_ports", "new_token", "serve",
]  # fmt: skip
