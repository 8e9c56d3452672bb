"""Take events in: many in one transaction, each counted once, in whatever order they come.

An event is acknowledged when its transaction is durable, and not before. What an object says is
kept until it is known whose it is; then it becomes evidence of that account.
"""

import json
import logging
import queue
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from bailiwick.accounts import schema
from bailiwick.accounts.change import Change
from bailiwick.accounts.database import AccountDatabase
from bailiwick.accounts.engine import AccountsUnavailable, writing
from bailiwick.accounts.sources.events import Event, Said
from bailiwick.accounts.statements import (
    Statement,
    check_statement,
    write_notes,
    write_statements,
)
from bailiwick.accounts.values import AT_ONCE, Checks, milliseconds, moment
from bailiwick.errors import InvalidInput

BATCH = 200
WAITING = 10_000
"""Most events that wait to be written; more are refused for now."""
DUPLICATE, APPLIED, OLDER, NO_ACCOUNT, IGNORED = (
    "duplicate",
    "applied",
    "older",
    "waiting",
    "ignored",
)

Done = Callable[[str | Exception], None]

log = logging.getLogger("bailiwick.accounts")


class InboxFull(Exception):
    """Too many events wait; the sender should come again."""


class Inbox:
    """A thread that writes events down in batches, and says of each when that is durable."""

    def __init__(self, database: AccountDatabase, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch
        self._queue: queue.Queue[tuple[Event, Done] | None] = queue.Queue(WAITING)
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._keeper = self._open()
        self._thread = threading.Thread(target=self._work, name="inbox", daemon=True)
        self._thread.start()

    def _open(self) -> Connection | None:
        """Hold a connection, so that SQLite does not tidy up after every transaction."""
        if self._database.engine.dialect.name != "sqlite":
            return None
        return self._database.engine.connect()

    @property
    def counts(self) -> Mapping[tuple[str, str, str], int]:
        """How many events came: by sender, type and outcome."""
        return dict(self._counts)

    def submit(self, event: Event, done: Done) -> None:
        """Hand an event over. ``done`` is called in the thread, with the outcome or the error."""
        try:
            self._queue.put_nowait((event, done))
        except queue.Full:
            raise InboxFull from None

    def close(self) -> None:
        """Write down what waits, and stop."""
        self._queue.put(None)
        self._thread.join()
        if self._keeper is not None:
            self._keeper.close()

    def _work(self) -> None:
        ends = False
        while not ends:
            first = self._queue.get()
            if first is None:
                return
            waiting = [first]
            while len(waiting) < self._batch:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ends = True
                    break
                waiting.append(more)
            self._write(waiting)

    def _write(self, waiting: Sequence[tuple[Event, Done]]) -> None:
        try:
            outcomes: Sequence[str | Exception] = take_in(
                self._database, [event for event, _ in waiting]
            )
        except AccountsUnavailable as error:
            outcomes = [error] * len(waiting)
        except Exception as error:  # noqa: BLE001 - one event must not hold up the others
            if len(waiting) > 1:
                for one in waiting:
                    self._write([one])
                return
            log.error("an event cannot be written down: %s", type(error).__name__)
            outcomes = [error]
        for (event, done), outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, str):
                self._counts[event.sender, event.type, outcome] += 1
            done(outcome)


def take_in(database: AccountDatabase, events: Sequence[Event]) -> list[str]:
    """Write events down in one transaction; give the outcome of each."""
    now = milliseconds(database.now())
    with writing(database.engine) as connection:
        # the counter's row is the lock that makes writers take turns
        connection.execute(update(schema.counter).values(sequence=schema.counter.c.sequence))
        change = Change(connection, now, f"automation:{events[0].sender}", "events of a source")
        return _Intake(change, database).take(events)


@dataclass(slots=True)
class _Object:
    """What is known of one object."""

    owner: str | None
    account: str | None
    rank: tuple[int, str]
    source: str
    said: str
    written: str
    written_event: str
    written_to: str | None
    is_new: bool = False
    changed: bool = False


Key = tuple[str, str]
"""Sender and object, or sender and owner."""


class _Intake:
    def __init__(self, change: Change, database: AccountDatabase) -> None:
        self.change = change
        self.connection = change.connection
        self.database = database
        self.objects: dict[Key, _Object] = {}
        self.links: dict[Key, tuple[str, tuple[int, str]]] = {}
        self.known_links: frozenset[Key] = frozenset()
        self.new_links: set[Key] = set()
        self.exists: set[str] = set()

    def take(self, events: Sequence[Event]) -> list[str]:
        """Do all of it."""
        known = self._known(events)
        self._load(events)
        outcomes: list[str] = []
        fresh: list[tuple[Event, int]] = []
        for event in events:
            identity = (event.sender, event.id)
            if identity in known:
                outcomes.append(DUPLICATE)
                continue
            known.add(identity)
            fresh.append((event, len(outcomes)))
            outcomes.append(self._merge(event))
        self._load_owned()
        self._find_accounts([event for event, _ in fresh])
        self._write_evidence()
        for event, place in fresh:
            if outcomes[place] == APPLIED and self._account(event) is None:
                outcomes[place] = NO_ACCOUNT
        self._write_notes([event for event, _ in fresh])
        self._save(fresh, outcomes)
        return outcomes

    def link(self, sender: str, owner: str, account: str) -> None:
        """Take a person's word for whose customer somebody is."""
        key = (sender, owner)
        self._load_links([key])
        self.links[key] = (account, (self.change.at, ""))
        self.new_links.add(key)
        self._load_owned()
        self._find_accounts(())
        if account not in self.exists:
            raise InvalidInput.of(
                f"no account has the id `{account[:80]}`", "`bailiwick accounts show` lists them"
            )
        self._write_evidence()
        write_notes(self.change, [(account, "source.linked", {"sender": sender, "owner": owner})])
        self._save((), ())

    def _known(self, events: Sequence[Event]) -> set[Key]:
        table = schema.source_events
        found: set[Key] = set()
        for sender, some in _by_sender((one.sender, one.id) for one in events):
            which = (table.c.sender == sender) & table.c.id.in_(some)
            rows = self.connection.execute(select(table.c.id).where(which)).scalars()
            found |= {(sender, identity) for identity in rows}
        return found

    def _load(self, events: Sequence[Event]) -> None:
        keys = {(one.sender, one.object) for one in events if one.object is not None}
        table = schema.source_objects
        for sender, some in _by_sender(keys):
            self._keep((table.c.sender == sender) & table.c.object.in_(some))
        owners = {(one.sender, one.owner) for one in events if one.owner is not None}
        owners |= {(key[0], one.owner) for key, one in self.objects.items() if one.owner}
        self._load_links(owners)

    def _load_links(self, owners: Iterable[Key]) -> None:
        table = schema.source_links
        for sender, some in _by_sender(owners):
            which = (table.c.sender == sender) & table.c.owner.in_(some)
            for row in self.connection.execute(select(table).where(which)):
                self.links[sender, row.owner] = (row.account_id, (row.at, row.event_id))
        self.known_links = frozenset(self.links)

    def _keep(self, condition: Any) -> None:
        for row in self.connection.execute(select(schema.source_objects).where(condition)):
            key = (row.sender, row.object)
            if key not in self.objects:
                self.objects[key] = _Object(
                    row.owner, row.account_id, (row.created_at, row.event_id), row.source,
                    row.said, row.written, row.written_event, row.written_to,
                )  # fmt: skip

    def _merge(self, event: Event) -> str:
        """Let an event count, if it is the last of its object so far."""
        if event.object is None:
            return IGNORED
        key, said = (event.sender, event.object), _plain(event.said)
        known = self.objects.get(key)
        if known is None:
            known = self.objects[key] = _Object(
                event.owner, event.account, event.rank, event.source, said, "[]", "", None,
                is_new=True, changed=True,
            )  # fmt: skip
            self._link(event)
            return APPLIED
        if known.owner is None and event.owner is not None:
            known.owner, known.changed = event.owner, True
        self._link(event)
        if event.rank < known.rank:
            return OLDER
        known.rank, known.said, known.changed = event.rank, said, True
        known.account = event.account
        return APPLIED

    def _link(self, event: Event) -> None:
        """Learn from a customer's own object which account it is; the last to say so counts."""
        if event.account is None or event.owner is None or event.object != event.owner:
            return
        key = (event.sender, event.owner)
        known = self.links.get(key)
        if known is None or (known[1][1] and known[1] < event.rank):
            self.links[key] = (event.account, event.rank)
            self.new_links.add(key)

    def _load_owned(self) -> None:
        """Load what waits for a customer whose account has just become known."""
        table = schema.source_objects
        for sender, some in _by_sender(self.new_links):
            self._keep((table.c.sender == sender) & table.c.owner.in_(some))

    def _find_accounts(self, events: Iterable[Event]) -> None:
        """Look which of the accounts named exist."""
        named = {one.account for one in self.objects.values() if one.account}
        named |= {account for account, _ in self.links.values()}
        named |= {one.account for one in events if one.account}
        table = schema.accounts
        for some in _chunks(sorted(named)):
            self.exists |= set(
                self.connection.execute(select(table.c.id).where(table.c.id.in_(some))).scalars()
            )
        self.new_links = {key for key in self.new_links if self.links[key][0] in self.exists}

    def _account(self, event: Event) -> str | None:
        if event.object is None:
            return None
        return self._account_of(event.sender, self.objects[event.sender, event.object])

    def _account_of(self, sender: str, one: _Object) -> str | None:
        linked = self.links.get((sender, one.owner)) if one.owner else None
        found = linked[0] if linked else one.account
        return found if found in self.exists else None

    def _write_evidence(self) -> None:
        """Write what objects say that is not written yet, and withdraw what they no longer say."""
        rows: list[dict[str, Any]] = []
        for (sender, _), one in self.objects.items():
            account = self._account_of(sender, one)
            if account is None or (account == one.written_to and one.rank[1] == one.written_event):
                continue
            if one.written_to is not None and one.written_to != account:
                rows += self._rows(one, one.written_to, "[]", one.written)
                one.written = "[]"
            rows += self._rows(one, account, one.said, one.written)
            one.written, one.written_to, one.changed = one.said, account, True
            one.written_event = one.rank[1]
        write_statements(self.change, rows)

    def _rows(self, one: _Object, account: str, said: str, before: str) -> list[dict[str, Any]]:
        now, at = self.database.now(), moment(one.rank[0])
        assert at is not None  # noqa: S101 - an object always has a time
        new, old = _said(said), _said(before)
        statements = [
            Statement(account, kind, how.values, one.source, how.tier, min(at, now))
            for kind, how in new.items()
        ]
        statements += [
            Statement(account, kind, (), one.source, how.tier, min(at, now))
            for kind, how in old.items()
            if kind not in new
        ]
        checks = Checks()
        rows = [check_statement(checks, statement, now) for statement in statements]
        checks.finish()
        return rows

    def _write_notes(self, events: Iterable[Event]) -> None:
        notes = [
            (account, "source.note", {"event": one.id, "type": one.type, **said})
            for one in events
            if (said := one.note) and (account := self._account(one))
        ]
        write_notes(self.change, notes)

    def _save(self, fresh: Sequence[tuple[Event, int]], outcomes: Sequence[str]) -> None:
        execute, table = self.connection.execute, schema.source_objects
        added = [self._row(key, one) for key, one in self.objects.items() if one.is_new]
        changed = [
            self._row(key, one, "key_")
            for key, one in self.objects.items()
            if one.changed and not one.is_new
        ]
        if added:
            execute(insert(table), added)
        if changed:
            which = (table.c.sender == bindparam("key_sender")) & (
                table.c.object == bindparam("key_object")
            )
            names = changed[0].keys() - {"key_sender", "key_object"}
            execute(update(table).where(which).values({n: bindparam(n) for n in names}), changed)
        self._save_links()
        self._save_traces([event for event, _ in fresh])
        if fresh:
            execute(
                insert(schema.source_events),
                [
                    {
                        "sender": event.sender,
                        "id": event.id,
                        "type": event.type,
                        "created_at": event.rank[0],
                        "received_at": self.change.at,
                        "outcome": outcomes[place],
                    }
                    for event, place in fresh
                ],
            )

    def _row(self, key: Key, one: _Object, prefix: str = "") -> dict[str, Any]:
        return {
            f"{prefix}sender": key[0],
            f"{prefix}object": key[1],
            "owner": one.owner,
            "account_id": one.account,
            "created_at": one.rank[0],
            "event_id": one.rank[1],
            "source": one.source,
            "said": one.said,
            "written": one.written,
            "written_event": one.written_event,
            "written_to": one.written_to,
        }

    def _save_links(self) -> None:
        table = schema.source_links
        rows = {key: self._link_row(key) for key in sorted(self.new_links)}
        added = [row for key, row in rows.items() if key not in self.known_links]
        changed = [row for key, row in rows.items() if key in self.known_links]
        if added:
            self.connection.execute(insert(table), added)
        if changed:
            which = (table.c.sender == bindparam("key_sender")) & (
                table.c.owner == bindparam("key_owner")
            )
            names = ("account_id", "at", "event_id")
            statement = update(table).where(which).values({n: bindparam(n) for n in names})
            keys = ({"key_sender": row["sender"], "key_owner": row["owner"]} for row in changed)
            self.connection.execute(
                statement,
                [
                    {**key, **{n: row[n] for n in names}}
                    for key, row in zip(keys, changed, strict=True)
                ],
            )

    def _link_row(self, key: Key) -> dict[str, Any]:
        account, rank = self.links[key]
        return {
            "sender": key[0],
            "owner": key[1],
            "account_id": account,
            "at": rank[0],
            "event_id": rank[1],
        }

    def _save_traces(self, events: Iterable[Event]) -> None:
        table = schema.source_traces
        wanted = {
            (self.database.digest(text), one.sender, one.object): text.partition(":")[0]
            for one in events
            for text in one.links
            if one.object is not None
        }
        known: set[tuple[str, ...]] = set()
        for some in _chunks(sorted({digest for digest, _, _ in wanted})):
            columns = select(table.c.digest, table.c.sender, table.c.object)
            rows = self.connection.execute(columns.where(table.c.digest.in_(some)))
            known |= {(row.digest, row.sender, row.object) for row in rows}
        added = [
            {"digest": digest, "sender": sender, "object": target, "kind": kind}
            for (digest, sender, target), kind in wanted.items()
            if (digest, sender, target) not in known
        ]
        if added:
            self.connection.execute(insert(table), added)


def link_owner(
    database: AccountDatabase, sender: str, owner: str, account: str, *, actor: str, reason: str
) -> None:
    """Say which account a customer of a source is; what was kept for it becomes evidence."""
    checks = Checks()
    checks.person(actor)
    checks.name("the sender", sender)
    checks.name("the customer", owner)
    checks.words("the reason", reason, 500)
    checks.finish()
    with writing(database.engine) as connection:
        connection.execute(update(schema.counter).values(sequence=schema.counter.c.sequence))
        change = Change(connection, milliseconds(database.now()), actor, reason)
        _Intake(change, database).link(sender, owner, account)


def _plain(said: Iterable[Said]) -> str:
    return json.dumps([one.plain() for one in said])


def _said(text: str) -> dict[str, Said]:
    """Read statements by kind."""
    return {one.kind: one for one in (Said.of(plain) for plain in json.loads(text))}


def _by_sender(keys: Iterable[Key]) -> Iterable[tuple[str, Sequence[str]]]:
    """Gather names by sender, in handy numbers."""
    found: dict[str, set[str]] = defaultdict(set)
    for sender, name in keys:
        found[sender].add(name)
    for sender, names in found.items():
        for some in _chunks(sorted(names)):
            yield sender, some


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
