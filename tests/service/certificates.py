"""Certificates for mutual TLS: an authority, a server, a client, and a stranger."""

from pathlib import Path

from authority import Authority


def make(folder: Path) -> Authority:
    """Write ``ca.pem`` and, with their keys, ``server``, ``client``, ``expired``, ``stranger``."""
    authority = Authority(folder)
    for name in ("server", "client"):
        authority.issue(name)
    authority.issue("expired", days=-1)
    Authority(folder, "other").issue("stranger")
    return authority
