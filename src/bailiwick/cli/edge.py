"""``bailiwick compile envoy|nginx|haproxy``: an edge's native configuration and its self-test."""

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bailiwick.bootstrap import read_text
from bailiwick.cli.locate import open_locator
from bailiwick.cli.options import At, Config, PolicyFile, moment
from bailiwick.cli.output import say, say_table
from bailiwick.cli.policy import compiled
from bailiwick.errors import InvalidInput
from bailiwick.facts import ACTIONS
from bailiwick.targets.edge import Compiled, Edge, EdgeOptions, Plan, compile_edge

TOKEN = "BAILIWICK_TOKEN"  # noqa: S105 - the name of a variable
MOST_SHOWN = 20
_PATH = re.compile(r"/[A-Za-z0-9/_.-]{1,200}")
DEFAULTS = EdgeOptions()

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder that the files are written into.")]
Listen = Annotated[str, typer.Option(help="HOST:PORT of the edge.")]
Upstream = Annotated[str, typer.Option(help="HOST:PORT that answers permitted requests.")]
Service = Annotated[
    str,
    typer.Option(
        help="HOST:PORT of the decision service; `none`: an outer fence that asks nobody."
    ),
]
Selftest = Annotated[
    str, typer.Option(help="HOST:PORT, on loopback, of the listener for the self-test.")
]
Trusted = Annotated[
    list[str] | None,
    typer.Option("--trusted-proxy", help="Block of your own proxies in front (repeatable)."),
]
Token = Annotated[
    Path | None, typer.Option("--token-file", help=f"The edge's token; default ${TOKEN}.")
]
Models = Annotated[
    bool, typer.Option(help="Refuse models natively where the edge can read them cheaply.")
]
Log = Annotated[bool, typer.Option(help="Log what the edge refuses by itself, a line for each.")]
OwnPaths = Annotated[
    list[str] | None,
    typer.Option(
        "--action",
        help="PATH=ACTION: a path of your own, such as /signup=sign_up (repeatable; nginx).",
    ),
]
Body = Annotated[int, typer.Option("--max-body", help="Largest body in bytes.")]


def write_edge(
    edge: Edge,
    policy: Path,
    out: Path,
    *,
    config: Path | None = None,
    at: str | None = None,
    token_file: Path | None = None,
    **given: Any,
) -> Compiled:
    """Compile for one proxy and write the files; those with the token only for their owner."""
    loaded, table = compiled(policy)
    when = moment(at)
    ground = open_locator(config).everywhere(when)
    if given.get("service") == "none":
        given["service"] = ""
    token = _token(token_file) if given.get("service", DEFAULTS.service) else ""
    options = EdgeOptions(**given, token=token, folder=str(out.absolute()))
    found = compile_edge(edge, table, loaded.catalog, ground, when, options)
    (out / "temporary").mkdir(parents=True, exist_ok=True)
    for name, content in found.files.items():
        _write(out / name, content, secret=name in found.secret)
    _clear(out, found.files)
    return found


def _clear(out: Path, written: Collection[str]) -> None:
    """Remove databases that no configuration names any more, but the last one: a proxy that still
    answers by the configuration of before reads it.
    """
    old = [path for path in out.glob("country-*.mmdb") if path.name not in written]
    for path in sorted(old, key=lambda one: one.stat().st_mtime)[:-1]:
        path.unlink()


def _write(path: Path, content: bytes, *, secret: bool) -> None:
    """Put a file in its place at one stroke."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    draft.replace(path)


def _actions(edge: Edge, given: list[str], service: str) -> tuple[tuple[str, str], ...]:
    """Read PATH=ACTION."""
    found = []
    for text in given:
        path, _, action = text.partition("=")
        if _PATH.fullmatch(path) is None or action not in ACTIONS:
            known = ", ".join(ACTIONS)
            raise InvalidInput.of(
                f"`{text}` is not PATH=ACTION", f"as in /signup=sign_up; actions are {known}"
            )
        found.append((path, action))
    if found and (edge is not Edge.NGINX or service == "none"):
        raise InvalidInput.of("`--action` is for nginx with a decision service")
    if len({path for path, _ in found}) < len(found):
        raise InvalidInput.of("a path is given two actions")
    return tuple(found)


def _token(file: Path | None) -> str:
    text = read_text(file).strip() if file else os.environ.get(TOKEN, "").strip()
    if not text:
        raise InvalidInput.of(
            "the edge has no token to ask with",
            f"run `bailiwick service-token`, then set `{TOKEN}` or name a `--token-file`",
        )
    if not text.isascii() or not text.isprintable() or set(text) & set("\"'\\; "):
        raise InvalidInput.of("the token has characters that a configuration cannot hold")
    return text


def say_plan(made: Plan) -> None:
    """Print what the edge refuses by itself, and what becomes of each rule."""
    shown = ", ".join(made.refused[:MOST_SHOWN])
    more = len(made.refused) - MOST_SHOWN
    say(
        f"refused at the edge: {len(made.refused)} countries"
        + (f" ({escape(shown)}{f' and {more} more' if more > 0 else ''})" if made.refused else "")
        + (f"; networks: {', '.join(made.networks)}" if made.networks else "")
    )
    for one in made.classes[:MOST_SHOWN]:
        names = ", ".join(one.models[:3]) + (" ..." if len(one.models) > 3 else "")
        where = f"{len(one.places)} countries"
        say(escape(f"  {names}: {', '.join([where, *one.networks])}"))
    rows = [
        [one.rule, one.effect, one.coverage.value, one.why,
         ", ".join(f"{what}: {point}" for what, point in one.enforced_by)]
        for one in made.rules
    ]  # fmt: skip
    say_table(["rule", "effect", "at the edge", "why", "enforced by"], rows)
    if made.until is not None:
        say(
            f"compile again at {made.until.isoformat()}: a rule begins or ends, or data grow too "
            "old then"
        )


def _command(edge: Edge) -> Callable[..., None]:
    def run(
        policy: PolicyFile,
        out: Out,
        listen: Listen = DEFAULTS.listen,
        upstream: Upstream = DEFAULTS.upstream,
        service: Service = DEFAULTS.service,
        selftest: Selftest = DEFAULTS.selftest,
        trusted_proxy: Trusted = None,
        token_file: Token = None,
        max_body: Body = DEFAULTS.body_bytes,
        models: Models = DEFAULTS.models,
        log: Log = DEFAULTS.log,
        action: OwnPaths = None,
        config: Config = None,
        at: At = None,
    ) -> None:
        found = write_edge(
            edge,
            policy,
            out,
            listen=listen,
            upstream=upstream,
            service=service,
            selftest=selftest,
            trusted=tuple(trusted_proxy or ()),
            token_file=token_file,
            body_bytes=max_body,
            models=models,
            log=log,
            actions=_actions(edge, action or [], service),
            config=config,
            at=at,
        )
        say_plan(found.plan)
        say(f"start:     {escape(found.command)}")
        say(f"self-test: python3 {escape(str(out / 'selftest.py'))}")

    names = {"envoy": "Envoy", "nginx": "nginx", "haproxy": "HAProxy"}
    run.__doc__ = (
        f"Write {names[edge]}'s configuration: it refuses what the address, the network and the "
        "model settle, and asks the decision service about the rest."
    )
    return run


EDGES = {edge.value: _command(edge) for edge in Edge}
