"""The background work of a gateway: sweep, notices and records, without anybody asking for it."""

import json
import time
from collections.abc import Callable
from typing import Any

from bailiwick.accounts import Desk, drop_lease, hold_lease, show_account
from bailiwick.audit import Filters, show
from bailiwick.bootstrap import Worker, gateway_options, load_policy, read_settings
from bootstrap.helpers import BY, POLICY, SETTINGS, Folder
from bootstrap.test_worker import judge, wait_until_ready

WITH_FINDING = POLICY.replace(
    "tests:\n", "accounts:\n  abroad: {of: in-us, then: restrict, cure: 0, next: suspend}\ntests:\n"
)
WITH_NOTICES = SETTINGS.replace(
    "accounts: {poll: 100ms}",
    "accounts:\n"
    "  {poll: 100ms, sweep: 100ms, appeal_link: 'https://g.example/{token}', notices: {folder: out}}",
)


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not what() and time.monotonic() < until:
        time.sleep(0.05)
    assert what()


def test_a_foreign_account_is_flagged_told_suspended_appeals_and_is_served_again(
    folder: Folder,
) -> None:
    folder.write(WITH_NOTICES, WITH_FINDING)
    key = folder.add_key()
    database = folder.database()
    settings = read_settings(folder.config)
    options = gateway_options(settings, {})
    worker = Worker(folder.config, settings, options.upstreams, options.workers)
    worker.begin()
    try:
        wait_until_ready(worker)
        assert judge(worker, key).decision.permitted
        database.set_evidence("acme", "billing", ["CA"], **BY)
        wait_for(lambda: show_account(database, "acme").summary.status == "suspended")
        wait_for(lambda: len(list((folder.path / "out").glob("*.json"))) == 2)
        denied = judge(worker, key).decision

        desk = Desk(database, load_policy(folder.policy).policy)
        told = [json.loads(one.read_text()) for one in (folder.path / "out").glob("*.json")]
        notice = next(one for one in told if one["kind"] == "suspended")
        token = notice["body"].partition("https://g.example/")[2].split()[0]
        desk.submit_appeal(token, "we moved", {"billing": ["US"]})
        database.set_evidence("acme", "billing", ["US"], **BY)
        (case,) = desk.open_cases("acme", "appeal")
        desk.decide(case.id, "granted", by="cid", reason="shown")
        wait_for(lambda: judge(worker, key).decision.permitted)
        wait_for(lambda: "appeal.granted" in _events(settings))
    finally:
        worker.close()

    assert not denied.permitted
    codes = [one for one in _events(settings) if one.startswith("status.set")]
    assert codes == [
        "status.set active restricted", "status.set restricted suspended",
        "status.set suspended active",
    ]  # fmt: skip


def _events(settings: Any) -> list[str]:
    events = [
        entry.record.event
        for entry in show(settings.audit.directory, Filters(kinds=frozenset({"account"})))
    ]
    return [
        f"status.set {one['detail']['from']} {one['detail']['to']}"  # type: ignore[index]
        if one["what"] == "status.set"
        else str(one["what"])
        for one in events
    ]


def test_one_worker_leads_and_another_takes_over(folder: Folder) -> None:
    database = folder.database()

    assert hold_lease(database, "one")
    assert hold_lease(database, "one")
    assert not hold_lease(database, "two")
    drop_lease(database, "one")
    assert hold_lease(database, "two")
