"""Every live key and account in memory, small enough for a million keys in each gateway.

Keys and accounts are tables of numbers (``key_table``, ``account_table``). A process that forks
shares them with its children until one of them changes something, and then all but what changed.
Views are made when they are first asked for, and one is used as long as every number that it came
from still stands: that is compared, so a change needs no invalidation.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from bailiwick.accounts.account_table import LASTING, NOBODY, AccountFilling, AccountTable, Standing
from bailiwick.accounts.attesters import Attester
from bailiwick.accounts.derive import (
    Deriver,
    Evidence,
    Moments,
    Profile,
    merged,
    strictest,
)
from bailiwick.accounts.key_table import DEAD, HALF, NEVER, KeyFilling, KeyTable
from bailiwick.accounts.values import milliseconds
from bailiwick.accounts.view import AccountView
from bailiwick.facts import Fact

CACHED_VIEWS = 8192
"""Views kept ready in a worker (about half a kilobyte each)."""
LEAST_ADDED = 10_000
"""Fewer added keys and accounts than this are never worth making the tables anew."""

Merged = tuple[str, Mapping[str, Fact], tuple[Evidence, ...]]
"""The strictest status, the facts, and what they rest on."""


States = tuple[tuple[int, int], ...]
"""Numbers of accounts, and the states that they were in."""
NONE: States = ()


class Record(NamedTuple):
    """An account or organisation as the database has it now."""

    parent_id: str | None
    standing: Standing
    moments: Moments


@dataclass(frozen=True, slots=True)
class Changes:
    """Accounts that changed, as they are at ``sequence``."""

    sequence: int
    records: Mapping[str, Record]
    live: Sequence[tuple[bytes, str, int | None]]
    """Keys that count: half their digest, their account, their expiry."""
    dead: Sequence[bytes]
    """Keys that do not count any more."""
    attesters: Mapping[str, tuple[Attester, ...]]
    """Who attests for the accounts among them that have anybody."""


Cached = tuple[AccountView, int, int, int, States, int]
"""A view; its key's place, the account's number and state; its organisations; until when (ms)."""


class Snapshot:
    """What the database said up to one place in its sequence."""

    def __init__(
        self,
        instance: str,
        sequence: int,
        accounts: AccountTable,
        keys: KeyTable,
        deriver: Deriver,
        attesters: Mapping[str, tuple[Attester, ...]],
    ) -> None:
        self.instance = instance
        self.sequence = sequence
        self.accounts = accounts
        self.keys = keys
        self.deriver = deriver
        """Shares what is alike, so that it goes on to be one object."""
        self.attesters = dict(attesters)
        """By account, the keys of those that have any."""
        self._views: dict[bytes, Cached] = {}
        self._alone: dict[int, Merged] = {}
        """By state, what is known of accounts without an organisation of which nothing expires."""
        self._timed: dict[int, Merged] = {}
        """The same where something does: the profile's number is in place of where its moments
        begin."""
        self._merged: dict[tuple[str, tuple[Profile, ...]], Merged] = {}

    def view(self, digest: bytes, at: datetime) -> AccountView | None:
        """Find the account of a key's digest."""
        half = digest[:HALF]
        cached = self._views.get(half)
        if cached is not None and self._stands(cached, at):
            return cached[0]
        keys, accounts = self.keys, self.accounts
        place = keys.find(half)
        number = keys.numbers[place] if place >= 0 else DEAD
        if number == DEAD:
            return None
        ends = NEVER if keys.expiries is None else keys.expiries[place]
        if ends != NEVER and milliseconds(at) >= ends:
            return None
        state, above = accounts.states[number], NONE
        shared = self._alone.get(state)
        if shared is not None:
            status, values, evidence = shared
            identity = accounts.identity(number)
            view = AccountView(identity, digest, status, values, None, evidence)
        else:
            above = self._above(number)
            view = self._make(number, digest, state, above, at)
        if len(self._views) >= CACHED_VIEWS:
            self._views.clear()
        until = ends if view.until is None else min(ends, view.until)
        self._views[half] = (view, place, number, state, above, until)
        return view

    def view_of(self, account: str, at: datetime) -> AccountView | None:
        """Find an account by its id, as if it had asked with none of its keys."""
        number = self.accounts.number(account)
        return None if number == NOBODY else self._without_key(number, at)

    def attesters_of(self, account: str) -> tuple[Attester, ...]:
        """Give the keys that attest for an account, its organisations' included, its own first."""
        number = self.accounts.number(account) if self.attesters else NOBODY
        if number == NOBODY:
            return ()
        chain = (account, *map(self.accounts.identity, self.accounts.above(number)))
        return tuple(key for one in chain for key in self.attesters.get(one, ()))

    def views(self, at: datetime) -> Iterator[AccountView]:
        """Give every account and organisation, in the order of their ids."""
        return (self._without_key(number, at) for number in self.accounts.numbers())

    def ids(self) -> list[str]:
        """List the ids of every account and organisation, sorted."""
        return [self.accounts.identity(number) for number in self.accounts.numbers()]

    def apply(self, changes: Changes) -> None:
        """Take in accounts as they are now; each of them changes at one stroke.

        What ends comes first, and keys come last, when everything that they need is here.
        """
        for half in changes.dead:
            self.keys.end(half)
        for identity in changes.records:
            self._set(identity, changes.records)
            if identity in changes.attesters:
                self.attesters[identity] = changes.attesters[identity]
            else:
                self.attesters.pop(identity, None)
        for half, account, expires_at in changes.live:
            self.keys.add(half, self.accounts.number(account), expires_at)
        self.sequence = changes.sequence

    def is_untidy(self) -> bool:
        """Whether so much was added that the tables had better be made anew."""
        keys, accounts = self.keys, self.accounts
        added = max(keys.added, accounts.added, accounts.left)
        return added > max(LEAST_ADDED, len(accounts) // 4)

    def tidied(self) -> "Snapshot":
        """Give the same in tables without anything added. It takes seconds for a million."""
        accounts, members = self.accounts, AccountFilling()
        keys, numbers = KeyFilling(), array("I", bytes(4 * len(self.accounts)))
        for number in accounts.numbers():
            parent = accounts.parents[number]
            numbers[number] = members.add(
                accounts.identity(number),
                None if parent == NOBODY else accounts.identity(parent),
                accounts.standing(accounts.states[number]),
                accounts.moments(accounts.states[number]),
            )
        for half, number, expires_at in self.keys:
            keys.extend([half], [numbers[number]], [expires_at])
        tables = members.table(), keys.table()
        return Snapshot(self.instance, self.sequence, *tables, self.deriver, self.attesters)

    def _set(self, identity: str, records: Mapping[str, Record]) -> None:
        record = records[identity]
        parent = record.parent_id
        if parent is not None and parent in records and self.accounts.number(parent) == NOBODY:
            self._set(parent, records)
        self.accounts.set(identity, parent, record.standing, record.moments)

    def _stands(self, cached: Cached, at: datetime) -> bool:
        _, place, number, state, above, until = cached
        states = self.accounts.states
        if self.keys.numbers[place] != number or states[number] != state:
            return False
        for one, before in above:
            if states[one] != before:
                return False
        return until == NEVER or milliseconds(at) < until

    def _without_key(self, number: int, at: datetime) -> AccountView:
        state = self.accounts.states[number]
        return self._make(number, b"", state, self._above(number), at)

    def _above(self, number: int) -> States:
        states = self.accounts.states
        return tuple((one, states[one]) for one in self.accounts.above(number))

    def _make(
        self, number: int, digest: bytes, state: int, above: States, at: datetime
    ) -> AccountView:
        accounts = self.accounts
        identity = accounts.identity(number)
        step, until = accounts.step(state, at)
        if not above:
            status, values, evidence = self._of_one(state, step)
            return AccountView(identity, digest, status, values, until, evidence)
        standings = [accounts.standing(state), *(accounts.standing(one) for _, one in above)]
        steps = [(step, until), *(accounts.step(one, at) for _, one in above)]
        status, values, evidence = self._shared(
            strictest(standing.status for standing in standings),
            tuple(one.layout[step] for one, (step, _) in zip(standings, steps, strict=True)),
        )
        until = min((end for _, end in steps if end is not None), default=None)
        names = partial(_names, accounts, above)
        return AccountView(identity, digest, status, values, until, evidence, names)

    def _of_one(self, state: int, step: int) -> Merged:
        """Give what is known of an account that has no organisation."""
        lasts = state & LASTING == LASTING
        known, key = (self._alone, state) if lasts else (self._timed, state >> 32 << 32 | step)
        found = known.get(key)
        if found is None:
            standing = self.accounts.standing(state)
            found = known[key] = self._shared(standing.status, (standing.layout[step],))
        return found

    def _shared(self, status: str, profiles: tuple[Profile, ...]) -> Merged:
        found = self._merged.get((status, profiles))
        if found is None:
            evidence = tuple(entry for profile in profiles for entry in profile.evidence)
            found = (status, merged(profiles, status), evidence)
            if len(self._merged) >= CACHED_VIEWS:
                self._merged.clear()
            self._merged[status, profiles] = found
        return found


def _names(accounts: AccountTable, above: States) -> tuple[str, ...]:
    return tuple(accounts.identity(number) for number, _ in above)
