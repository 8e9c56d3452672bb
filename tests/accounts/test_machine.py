"""Whatever people and automation try, in any order: only rows of the table occur."""

import json
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

import people
from bailiwick.accounts import AccountDatabase, list_accounts, schema, sweep
from bailiwick.accounts.cases import DISPOSITIONS
from bailiwick.accounts.engine import reading
from bailiwick.accounts.machine import ADVERSE, TABLE, rows_between
from bailiwick.accounts.values import ACCOUNT_STATUSES, AUTOMATION
from bailiwick.errors import BailiwickError

PEOPLE = st.sampled_from(["ann", "Ann", "bob", "cid", AUTOMATION])
ACCOUNTS = st.sampled_from(["a", "b"])
CODES = st.sampled_from(["terms.breach", "error.correction", "review.cleared"])
BY = {"actor": "tester", "reason": "a test"}


class Life(RuleBasedStateMachine):
    """Two accounts, one born pending, and everybody who can touch them."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.now = datetime(2026, 7, 1, tzinfo=UTC)
        url = f"sqlite:///{self.folder}/a.db"
        self.database = AccountDatabase.open(
            url, self.folder / "secret", create=True, clock=lambda: self.now
        )
        self.desk = people.desk(self.database)
        self.database.add_account("A", id="a", **BY)
        self.database.add_account("B", id="b", status="pending", **BY)
        self.tokens: list[str] = []

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    def rows(self, table: Any) -> list[Any]:
        with reading(self.database.engine) as connection:
            return list(connection.execute(select(table)))

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

    @rule(by=PEOPLE, which=st.integers(0, 3), disposition=st.sampled_from(DISPOSITIONS))
    def decide(self, by: str, which: int, disposition: str) -> None:
        waiting = self.desk.open_cases()
        if waiting:
            case = waiting[which % len(waiting)].id
            self.trying(lambda: self.desk.decide(case, disposition, by=by, reason="a test"))

    @rule(which=st.integers(0, 3))
    def appeal(self, which: int) -> None:
        if self.tokens:
            token = self.tokens[which % len(self.tokens)]
            self.trying(lambda: self.desk.submit_appeal(token, "no"))

    @invariant()
    def only_rows_of_the_table_occur(self) -> None:
        status = {"a": "active", "b": "pending"}
        for row in self.rows(schema.transitions):
            assert row.source == status[row.account_id]
            numbers = {one.number for one in rows_between(row.source, row.target)}
            assert row.number in numbers
            status[row.account_id] = row.target
            self._check(row)
        assert {one.id: one.status for one in list_accounts(self.database)} == status

    def _check(self, row: Any) -> None:
        of_table = TABLE[row.number - 1]
        names = {name.casefold() for name in (row.by, row.second) if name and name != AUTOMATION}
        if row.by == AUTOMATION:
            assert of_table.automation is not None
            assert row.source not in {"suspended", "terminated"}
        else:
            assert len(names) >= of_table.people
        if row.target == "terminated":
            assert len(names) == 2
        if row.target in ADVERSE:
            assert row.code
            assert json.loads(row.facts)
            assert row.notice_id
            assert row.revision


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
