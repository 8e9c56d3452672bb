"""Whatever people and automation try, in any order: only rows of the table occur."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

import people
from bailiwick.accounts import AccountDatabase, confirm, list_accounts, schema, sweep
from bailiwick.accounts.cases import DISPOSITIONS
from bailiwick.accounts.engine import reading
from bailiwick.accounts.machine import ADVERSE, TABLE, rows_between
from bailiwick.accounts.values import ACCOUNT_STATUSES, AUTOMATION
from bailiwick.errors import BailiwickError

PEOPLE = st.sampled_from(["ann", "Ann", "bob", "cid", AUTOMATION])
SIGN = [{"kind": "shadow.cluster", "value": "5 accounts"}]
ACCOUNTS = st.sampled_from(["a", "b"])
CODES = st.sampled_from(["terms.breach", "error.correction", "review.cleared"])
BY = {"actor": "tester", "reason": "a test"}


class Life(RuleBasedStateMachine):
    """Two accounts, one born pending, and everybody who can touch them."""

    def __init__(self, url: str, secret: Path) -> None:
        super().__init__()
        self.now = datetime(2026, 7, 1, tzinfo=UTC)
        self.database = AccountDatabase.open(url, secret, create=True, clock=lambda: self.now)
        self.desk = people.desk(self.database)
        self._empty()
        self.database.add_account("A", id="a", **BY)
        self.database.add_account("B", id="b", status="pending", **BY)
        self.tokens: list[str] = []

    def _empty(self) -> None:
        with self.database.engine.begin() as connection:
            for table in reversed(schema.metadata.sorted_tables):
                if table.name not in {"counter", "schema_version"}:
                    connection.execute(table.delete())
            connection.execute(update(schema.counter).values(sequence=0, latest_at=0))

    def teardown(self) -> None:
        self.database.close()

    def rows(self, table: Any) -> list[Any]:
        with reading(self.database.engine) as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key)))

    def trying(self, what: Any) -> None:
        with suppress(BailiwickError):  # refused, as it may be
            what()

    @rule(
        account=ACCOUNTS,
        kind=st.sampled_from(["billing", "registered", "card", "document"]),
        value=st.sampled_from(["US", "CA", ""]),
        tier=st.sampled_from(["T1", "T3"]),
    )
    def state(self, account: str, kind: str, value: str, tier: str) -> None:
        self.database.set_evidence(account, kind, [value] if value else [], tier=tier, **BY)

    @rule()
    def automate(self) -> None:
        sweep(self.desk)

    @rule(hours=st.sampled_from([1, 73, 24 * 15, 24 * 31]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def send(self) -> None:
        table = schema.notices
        self.tokens += [row.token for row in self.rows(table) if row.token]
        with self.database.automating("sent") as change:
            change.connection.execute(
                table.update()
                .where(table.c.sent_at.is_(None))
                .values(sent_at=change.at, token=None)
            )

    @rule(account=ACCOUNTS, to=st.sampled_from(ACCOUNT_STATUSES), by=PEOPLE, code=CODES)
    def ask(self, account: str, to: str, by: str, code: str) -> None:
        self.trying(
            lambda: self.desk.request_status(account, to, by=by, code=code, reason="a test")
        )

    @rule(by=PEOPLE, which=st.integers(0, 3))
    def approve(self, by: str, which: int) -> None:
        waiting = self.desk.proposals()
        if waiting:
            self.trying(lambda: self.desk.approve(waiting[which % len(waiting)].id, by=by))

    @rule(
        by=PEOPLE,
        which=st.integers(0, 3),
        disposition=st.sampled_from(DISPOSITIONS),
        account=st.none() | ACCOUNTS,
    )
    def decide(self, by: str, which: int, disposition: str, account: str | None) -> None:
        waiting = self.desk.open_cases()
        if waiting:
            case = waiting[which % len(waiting)].id
            self.trying(
                lambda: self.desk.decide(case, disposition, by=by, reason="a test", account=account)
            )

    @rule(by=PEOPLE, which=st.integers(0, 3))
    def refuse(self, by: str, which: int) -> None:
        waiting = self.desk.proposals()
        if waiting:
            chosen = waiting[which % len(waiting)].id
            self.trying(lambda: self.desk.refuse(chosen, by=by, reason="a test"))

    @rule(account=ACCOUNTS, by=PEOPLE)
    def open_review(self, account: str, by: str) -> None:
        self.trying(
            lambda: self.desk.open_review(account, "shadow.cluster", SIGN, by=by, reason="a test")
        )

    @rule(account=ACCOUNTS, other=ACCOUNTS, fingerprint=st.sampled_from("fg"))
    def report_sign(self, account: str, other: str, fingerprint: str) -> None:
        self.trying(
            lambda: self.desk.report_sign(
                [account, other],
                "shadow.cluster",
                SIGN[0],
                signs=[fingerprint],
                seen_at=self.now,
                mute=timedelta(days=90),
                reason="a test",
            )
        )

    @rule(by=PEOPLE, which=st.integers(0, 3))
    def extend(self, by: str, which: int) -> None:
        waiting = self.desk.open_cases(queue="review")
        if waiting:
            case = waiting[which % len(waiting)].id
            self.trying(lambda: self.desk.extend(case, by=by, reason="a test"))

    @rule(by=PEOPLE)
    def agree(self, by: str) -> None:
        self.trying(lambda: confirm(self.desk, by=by, reason="a test"))

    @rule(which=st.integers(0, 3))
    def appeal(self, which: int) -> None:
        if self.tokens:
            token = self.tokens[which % len(self.tokens)]
            self.trying(lambda: self.desk.submit_appeal(token, "no"))

    @invariant()
    def only_rows_of_the_table_occur(self) -> None:
        status = {"a": "active", "b": "pending"}
        judged = self.rows(schema.mutes)
        before: list[Any] = []
        for row in self.rows(schema.transitions):
            assert row.source == status[row.account_id]
            numbers = {one.number for one in rows_between(row.source, row.target)}
            assert row.number in numbers
            status[row.account_id] = row.target
            self._check(row)
            if row.by == AUTOMATION:
                self._check_overrules_nobody(row, before, judged)
            before.append(row)
        assert {one.id: one.status for one in list_accounts(self.database)} == status

    @invariant()
    def an_appeal_is_decided_by_somebody_else(self) -> None:
        moved = {row.seq: row for row in self.rows(schema.transitions)}
        for row in self.rows(schema.appeals):
            if row.decided_by is not None:
                first = moved[row.transition_seq]
                deciders = {first.by.casefold(), (first.second or "").casefold()}
                assert row.decided_by.casefold() not in deciders

    @invariant()
    def every_change_of_a_status_is_on_record(self) -> None:
        history = [row.seq for row in self.rows(schema.history) if row.what == "status.set"]

        assert sorted(history) == sorted(row.seq for row in self.rows(schema.transitions))

    def _check(self, row: Any) -> None:
        of_table = TABLE[row.number - 1]
        names = {name.casefold() for name in (row.by, row.second) if name and name != AUTOMATION}
        if row.by == AUTOMATION:
            assert of_table.automation is not None
            assert row.source not in {"suspended", "terminated"}
            assert row.second is None
        else:
            assert len(names) >= of_table.people
        if row.target == "terminated":
            assert len(names) == 2
        if row.target in ADVERSE:
            assert row.code
            assert json.loads(row.facts)
            assert row.notice_id
            assert row.revision

    def _check_overrules_nobody(self, row: Any, before: list[Any], judged: list[Any]) -> None:
        """What a person has judged is not held against the account, nor lifted too early."""
        for mute in judged:
            same = (mute.account_id, mute.fingerprint) == (row.account_id, row.fingerprint)
            assert not (same and mute.seq < row.seq and row.at < mute.until_at)
        lifted = [
            one.at for one in before if one.account_id == row.account_id and one.number in {10, 12}
        ]
        if row.number == 5 and lifted:
            assert row.at >= max(lifted) + 30 * DAY_MS
        if row.number == 9:
            began = [one.at for one in before if one.account_id == row.account_id][-1]
            assert row.at >= began + 14 * DAY_MS


DAY_MS = 86_400_000


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 10), ("postgresql", 5)])
def test_whatever_is_tried_only_rows_of_the_table_occur(
    kind: str, examples: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    on_server = kind == "postgresql"
    server = request.getfixturevalue("postgres") if on_server else None
    url = server.new_database() if server else f"sqlite:///{tmp_path}/a.db"
    life: Callable[[], Life] = partial(Life, url, tmp_path / "secret")

    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=examples, stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
