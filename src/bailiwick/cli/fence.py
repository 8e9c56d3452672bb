"""``bailiwick fence``: say what you run, get a folder that works, with its self-test."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bailiwick.cli.edge import DEFAULTS, write_edge
from bailiwick.cli.fence_files import (
    ASGI,
    CADDY,
    FORWARD_TEST,
    LITELLM,
    POLICY_TEST,
    PYTHON,
    SERVICE_TEST,
    TRAEFIK,
    TRAEFIK_STATIC,
)
from bailiwick.cli.options import PolicyFile
from bailiwick.cli.output import say
from bailiwick.cli.policy import compiled
from bailiwick.errors import InvalidInput
from bailiwick.targets.edge import Edge

WHAT: Mapping[str, str] = {
    "envoy": "Envoy: refuses by itself where nothing is permitted, asks the service about the rest",
    "nginx": "nginx: the same, with nothing but nginx's own modules",
    "haproxy": "HAProxy: the same, with a small Lua action",
    "traefik": "Traefik: asks the service before each request (it shows no body)",
    "caddy": "Caddy: asks the service before each request (it shows no body)",
    "litellm": "LiteLLM's proxy: a hook that asks the service",
    "asgi": "a FastAPI or Starlette application: a middleware with the whole gateway's decision",
    "python": "a Python program of your own: the decision as a function",
    "nothing": "nothing yet: Bailiwick's own gateway is the proxy",
}
ALIKE: Mapping[str, str] = {
    "fastapi": "asgi", "starlette": "asgi", "istio": "envoy", "openresty": "nginx",
    "gateway": "nothing", "none": "nothing",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Fence:
    """What a folder is made for."""

    policy: Path
    out: Path
    token: str
    digest: str
    upstream: str
    obliged: tuple[str, ...]
    """Headers that the policy's obligations send upstream."""


def fence(
    policy: PolicyFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")],
    run: Annotated[
        str | None,
        typer.Option("--run", help=f"What you run: {', '.join(WHAT)}; asked for."),
    ] = None,
    upstream: Annotated[
        str, typer.Option(help="HOST:PORT that answers permitted requests.")
    ] = DEFAULTS.upstream,
) -> None:
    """Find the integration that fits and write a working folder for it."""
    from bailiwick.service import new_token

    _, table = compiled(policy)  # a policy that cannot be used makes no fence
    what = _what(run)
    if out.exists() and any(out.iterdir()):
        raise InvalidInput.of(f"`{out}` is not empty", "name a new folder")
    out.mkdir(parents=True, exist_ok=True)
    token, digest = new_token()
    shutil.copyfile(policy, out / "policy.yaml")
    obliged = {name for rule in table.rules for name, _ in rule.obligations.headers}
    made = _Fence(
        out / "policy.yaml", out.absolute(), token, digest, upstream, tuple(sorted(obliged))
    )
    steps = _MAKERS[what](made, what)
    (out / "README.md").write_text(_readme(what, steps))
    say(f"[bold]{escape(WHAT[what])}[/]")
    for words, command in steps:
        say(f"{escape(words)}:\n    {escape(command)}")
    say(f"written to {escape(str(out))}; README.md says the same")


def _what(run: str | None) -> str:
    if run is None:
        for name, words in WHAT.items():
            say(f"  [bold]{name}[/]  {escape(words)}")
        run = typer.prompt("What answers your model requests today?", default="nothing")
    name = run.strip().lower()
    name = ALIKE.get(name, name)
    if name not in WHAT:
        raise InvalidInput.of(f"unknown: `{run}`", f"known are {', '.join(WHAT)}")
    return name


Steps = list[tuple[str, str]]
SERVICE_PORT = DEFAULTS.service.rpartition(":")[2]


def _settings(made: _Fence, asker: str) -> None:
    says = _SAYS.get(asker, "says: [address]")
    text = (
        "policy: policy.yaml\n"
        "accounts: {database: accounts.db, secret: accounts.secret, anonymous: true}\n"
        "audit: {directory: audit}\n"
        f"service:\n  port: {SERVICE_PORT}\n  askers:\n"
        f"    - {{name: {asker}, token_sha256: {made.digest}, {says}}}\n"
    )
    (made.out / "bailiwick.yaml").write_text(text)
    path = made.out / "bailiwick.token"
    path.touch(mode=0o600)
    path.write_text(made.token + "\n")


_SAYS = {
    **dict.fromkeys(
        ("envoy", "nginx", "haproxy"),
        "says: [address], address_header: x-bailiwick-address, keys: others",
    ),
    **dict.fromkeys(("traefik", "caddy"), "says: [address, model], keys: others"),
}


def _service(made: _Fence) -> tuple[str, str]:
    return "start the service", f"bailiwick service --config {made.out}/bailiwick.yaml"


def _edge(made: _Fence, what: str) -> Steps:
    _settings(made, what)
    found = write_edge(
        Edge(what), made.policy, made.out / "edge", upstream=made.upstream,
        token_file=made.out / "bailiwick.token",
    )  # fmt: skip
    return [
        _service(made),
        (f"start {what}", found.command),
        ("self-test, and readiness probe", f"python3 {made.out}/edge/selftest.py"),
    ]


def _forward(made: _Fence, what: str) -> Steps:
    _settings(made, what)
    headers = ["X-Bailiwick-Decision", *made.obliged]
    filled = {
        "TOKEN": made.token,
        "UPSTREAM": made.upstream,
        "SERVICE": DEFAULTS.service,
        "HEADERS": (", " if what == "traefik" else " ").join(headers),
        "REMOVED": "".join(f"\t\trequest_header -{name}\n" for name in made.obliged),
        "FOLDER": str(made.out),
    }
    texts = {"Caddyfile": CADDY}
    if what == "traefik":
        texts = {"traefik.yaml": TRAEFIK_STATIC, "routes.yaml": TRAEFIK}
    for name, text in texts.items():
        path = made.out / name
        path.touch(mode=0o600)
        path.write_text(re.sub("|".join(filled), lambda found: filled[found[0]], text))
    run = "traefik --configfile=" if what == "traefik" else "caddy run --config "
    start = (f"start {what}", f"{run}{made.out}/{next(iter(texts))}")
    return [_service(made), start, _selftest(made, FORWARD_TEST)]


def _litellm(made: _Fence, what: str) -> Steps:
    _settings(made, what)
    hook = files("bailiwick") / "integrations" / "litellm_hook.py"
    (made.out / "bailiwick_hook.py").write_text(hook.read_text("utf-8"))
    (made.out / "litellm.yaml").write_text(LITELLM.replace("UPSTREAM", made.upstream))
    variables = f"BAILIWICK_URL=http://{DEFAULTS.service} BAILIWICK_TOKEN=$(cat bailiwick.token)"
    return [
        _service(made),
        ("start LiteLLM", f"cd {made.out} && {variables} litellm --config litellm.yaml"),
        _selftest(made, SERVICE_TEST),
    ]


def _asgi(made: _Fence, what: str) -> Steps:
    _settings(made, what)
    (made.out / "application.py").write_text(ASGI)
    return [
        ("add the middleware as in", f"{made.out}/application.py"),
        ("start it", f"cd {made.out} && granian --interface asgi application:app"),
        _selftest(made, POLICY_TEST),
    ]


def _python(made: _Fence, what: str) -> Steps:
    del what
    (made.out / "example.py").write_text(PYTHON)
    return [
        ("decide as in", f"{made.out}/example.py"),
        ("run it", f"cd {made.out} && python example.py"),
        _selftest(made, POLICY_TEST),
    ]


def _nothing(made: _Fence, what: str) -> Steps:
    del what
    text = (
        "policy: policy.yaml\naccounts: {anonymous: true}\nupstreams:\n  - name: models\n"
        f"    base_url: http://{made.upstream}\n    dialects: [anthropic, openai]\n"
        '    models: {"anthropic/*": "*", "openai/*": "*"}\n'
    )
    (made.out / "bailiwick.yaml").write_text(text)
    return [
        ("look at the policy", f"bailiwick policy matrix {made.policy}"),
        ("start the gateway", f"bailiwick serve --config {made.out}/bailiwick.yaml"),
        _selftest(made, POLICY_TEST),
    ]


_MAKERS: Mapping[str, Callable[[_Fence, str], Steps]] = {
    "envoy": _edge, "nginx": _edge, "haproxy": _edge, "traefik": _forward, "caddy": _forward,
    "litellm": _litellm, "asgi": _asgi, "python": _python, "nothing": _nothing,
}  # fmt: skip


def _selftest(made: _Fence, text: str) -> tuple[str, str]:
    path = made.out / "selftest.py"
    path.write_text(text.replace("SERVICE", DEFAULTS.service))
    return "self-test", f"python3 {path}"


def _readme(what: str, steps: Steps) -> str:
    commands = "\n".join(f"```sh\n# {words}\n{command}\n```" for words, command in steps)
    return (
        f"# Fence: {WHAT[what]}\n\n{commands}\n\n"
        "Requests are judged as nobody's (`accounts.anonymous`, `keys: others`) until you give "
        "your clients keys of Bailiwick's (`bailiwick accounts --help`) and change both. Files "
        "with the token are readable by their owner only: keep them so.\n"
    )
