"""``bailiwick ownership``: put data on holders to a policy's ownership tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bailiwick.accounts import TIERS, AccountDatabase
from bailiwick.bootstrap import load_policy, read_settings, read_text
from bailiwick.cli.accounts import (
    By,
    Database,
    Expires,
    Reason,
    Secret,
    opened,
)
from bailiwick.cli.options import AsJson, At, Config, moment
from bailiwick.cli.output import FAILED, OK, err, say, say_json, say_table
from bailiwick.cli.people import DEFAULT_CONFIG, acting
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.facts import OWNERSHIP_PREFIX, read_time
from bailiwick.ownership import (
    FLAGS,
    Graph,
    Judgement,
    Part,
    Verdict,
    in_words,
    judge,
    read_graph,
    read_list,
)
from bailiwick.policy import OwnershipRule, Policy

app = typer.Typer(no_args_is_help=True, help="Who owns whom, by a policy's ownership tests.")

Files = Annotated[
    list[Path], typer.Argument(help="BODS 0.4 (.json, .jsonl) and CSV files.", show_default=False)
]
RuleName = Annotated[str, typer.Option("--rule", help="Name of the test, under `ownership`.")]
PolicyOption = Annotated[
    Path | None, typer.Option("--policy", help="Policy file; default the one of the settings.")
]
Entities = Annotated[
    list[str] | None, typer.Option("--entity", help="Id, identifier or exact name; default all.")
]
COLOURS = {"yes": "red", "unknown_share": "yellow", "no": "green"}
MOST_ROWS = 500


@app.command()
def check(
    files: Files,
    rule: RuleName,
    policy: PolicyOption = None,
    entity: Entities = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the chain of holders.")] = False,
    at: At = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say who is owned: yes, no, unknown_share. With --entity exit status 1 unless all are no."""
    graph, found = judged(files, rule, policy, config, at)
    nodes = [one for text in entity for one in [find(found, text)]] if entity else found.nodes()
    if as_json:
        say_json(_document(graph, found, nodes, explain))
    else:
        _say(graph, found, nodes, explain)
    clear = all(found.outcome(node) == "no" for node in nodes)
    raise typer.Exit(FAILED if entity and not clear else OK)


@app.command()
def apply(
    files: Files,
    rule: RuleName,
    account: Annotated[
        list[str], typer.Option("--account", help="ACCOUNT=ENTITY, once for each account.")
    ],
    policy: PolicyOption = None,
    tier: Annotated[str, typer.Option(help=f"One of {', '.join(TIERS)}.")] = "T3",
    source: Annotated[str, typer.Option(help="Where the data come from.")] = "ownership",
    expires: Expires = None,
    at: At = None,
    config: Config = None,
    database: Database = None,
    secret: Secret = None,
    by: By = None,
    reason: Reason = "command line",
    as_json: AsJson = False,
) -> None:
    """Judge, and write the outcomes down as evidence `ownership.RULE` of accounts."""
    graph, found = judged(files, rule, policy, config, at)
    pairs = [_pair(text, found) for text in account]
    accounts = opened(config, database, secret)
    until, actor = read_time(expires) if expires else None, acting(by, config)
    for name, node in pairs:
        _write(accounts, name, found, node, tier, source, until, actor, f"{reason}: {node}")
    if as_json:
        say_json([{"account": name, "outcome": found.outcome(node)} for name, node in pairs])
        return
    for name, node in pairs:
        outcome = found.outcome(node)
        say(f"{escape(name)}: {escape(graph.name(node))} [{COLOURS[outcome]}]{outcome}[/]")


def judged(
    files: Sequence[Path], rule: str, policy: Path | None, config: Path | None, at: str | None
) -> tuple[Graph, Judgement]:
    """Read everything and judge."""
    test = _rule(_policy(policy, config), rule)
    graph = read_graph([(str(file), read_text(file)) for file in files], moment(at).date())
    return graph, judge(graph, test, _listed(test))


def _policy(path: Path | None, config: Path | None) -> Policy:
    if path is None:
        settings = config or DEFAULT_CONFIG
        if config is None and not settings.exists():
            raise BailiwickError(
                f"there is no `{settings}` here", "name a policy with --policy, or use --config"
            )
        path = read_settings(settings).policy
    return load_policy(path).policy


def _rule(policy: Policy, name: str) -> OwnershipRule:
    if name not in policy.ownership:
        known = ", ".join(policy.ownership) or "none"
        raise BailiwickError(f"the policy has no ownership test `{name}`", f"it has: {known}")
    return policy.ownership[name]


def _listed(rule: OwnershipRule) -> dict[str, str]:
    """Read the lists that the test names, which lie beside the file that has it."""
    folder = Path(rule.position.file).parent if rule.position else Path()
    found: dict[str, str] = {}
    for name in rule.listed:
        found |= read_list(read_text(folder / name), str(folder / name))
    return found


def find(found: Judgement, text: str) -> str:
    """Find one entity, or say why not."""
    nodes = found.find(text)
    if len(nodes) == 1:
        return nodes[0]
    many = f"give its id: {', '.join(nodes[:5])}" if nodes else "ids are those of the files"
    raise InvalidInput.of(
        f"`{text}` is {'the name of several' if nodes else 'nobody'} in the files", many
    )


def _pair(text: str, found: Judgement) -> tuple[str, str]:
    account, equals, entity = text.partition("=")
    if not equals or not entity:
        raise InvalidInput.of(f"`{text}` is not ACCOUNT=ENTITY", "as in --account acme=GB-COH:1")
    return account, find(found, entity)


def _write(
    accounts: AccountDatabase,
    account: str,
    found: Judgement,
    node: str,
    tier: str,
    source: str,
    until: datetime | None,
    by: str,
    reason: str,
) -> None:
    accounts.set_evidence(
        account,
        OWNERSHIP_PREFIX + found.rule.name,
        [found.outcome(node)],
        actor=by,
        reason=reason,
        source=source,
        tier=tier,
        observed_at=datetime.now(UTC),
        expires_at=until,
    )


def _say(graph: Graph, found: Judgement, nodes: Sequence[str], explain: bool) -> None:
    for note in graph.notes[:20]:
        err.print(f"[dim]{escape(note)}[/]")
    if found.ignored:
        err.print(f"[dim]{found.ignored} interests of other kinds do not count[/]")
    if explain:
        for node in nodes[:MOST_ROWS]:
            _say_chain(graph, found, node)
        return
    ordered = sorted(nodes, key=lambda node: [*COLOURS].index(found.outcome(node)))
    verdicts = [found.verdict(node) for node in ordered[:MOST_ROWS]]
    say_table(
        ["entity", "owned", "share", "why", "flags"],
        (
            (graph.name(one.node), one.outcome, in_words(one.share), one.reason or "",
             ", ".join(one.flags))
            for one in verdicts
        ),
    )  # fmt: skip
    if len(nodes) > MOST_ROWS:
        say(f"and {len(nodes) - MOST_ROWS} more; --json shows all")


def _say_chain(graph: Graph, found: Judgement, node: str) -> None:
    for one in found.chain(node):
        head = "bold " if one.node == node else ""
        said = f": {one.reason}" if one.reason else ""
        colour = f"{head}{COLOURS[one.outcome]}"
        say(f"[{colour}]{escape(graph.name(one.node))} {one.outcome}{escape(said)}[/]")
        for part in one.parts:
            say(f"    {escape(_part_in_words(graph, part))}")
        if one.parts:
            say(f"    counted: {in_words(one.share)}, asked {found.rule.words}")
        for flag in one.flags:
            say(f"    [yellow]{flag}[/]: {FLAGS[flag]}")


def _part_in_words(graph: Graph, part: Part) -> str:
    how = "" if part.direct else ", not known to be direct"
    counts = "counts" if part.counts else "does not count"
    return f"{graph.name(part.holder)} holds {in_words(part.share)}{how}; {counts}"


def _document(
    graph: Graph, found: Judgement, nodes: Sequence[str], explain: bool
) -> dict[str, Any]:
    return {
        "rule": found.rule.name,
        "asked": found.rule.words,
        "notes": list(graph.notes),
        "ignored_interests": found.ignored,
        "entities": [
            {
                **_verdict(found.verdict(node)),
                **({"chain": [_verdict(one) for one in found.chain(node)]} if explain else {}),
            }
            for node in nodes
        ],
    }


def _verdict(one: Verdict) -> dict[str, Any]:
    return {
        "id": one.node,
        "name": one.name or None,
        "owned": one.outcome,
        "share": in_words(one.share),
        "why": one.reason,
        "flags": list(one.flags),
        "holders": [
            {
                "holder": part.holder,
                "share": in_words(part.share),
                "direct": part.direct,
                "owned": part.outcome,
                "counts": part.counts,
            }
            for part in one.parts
        ],
    }
