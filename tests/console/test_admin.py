"""The admin API over HTTP: four eyes, roles, logins, origins."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from console.running import BY, ORIGIN, PASSWORD, PEOPLE, Running
from end_users import p256, pem

WHY = {"reason": "a test"}
SUSPEND = {"status": "suspended", "code": "terms.breach", **WHY}


def account(running: Running, name: str) -> str:
    running.accounts.add_account(name, id=name, **BY)
    running.accounts.set_evidence(name, "billing", ["US"], **BY)
    return name


def suspend(running: Running, name: str) -> None:
    proposal = running.ask("ann", "POST", f"/accounts/{name}/status", SUSPEND).json()["proposal"]
    done = running.ask("abe", "POST", f"/proposals/{proposal}/approve", WHY)
    assert done.json()["done"], done.text


def test_a_suspension_takes_two_people_and_the_history_names_both(running: Running) -> None:
    name = account(running, "two-people")

    proposed = running.ask("ann", "POST", f"/accounts/{name}/status", SUSPEND).json()
    own = running.ask("ann", "POST", f"/proposals/{proposed['proposal']}/approve", WHY)
    other = running.ask("abe", "POST", f"/proposals/{proposed['proposal']}/approve", WHY)

    assert not proposed["done"]
    assert own.status_code == 403
    assert own.json()["error"]["code"] == "same_person"
    assert other.json()["done"]
    details = running.ask("vic", "GET", f"/accounts/{name}").json()
    assert details["summary"]["status"] == "suspended"
    moved = next(one for one in details["history"] if one["what"] == "status.set")
    assert (moved["actor"], moved["detail"]["second"]) == ("ann", "abe")


def test_an_appeal_by_the_token_of_a_notice_is_granted_by_somebody_else(running: Running) -> None:
    name = account(running, "appellant-1")
    suspend(running, name)
    told = next(one for one in running.notices() if one.account == name)
    token = told.body.partition("https://gate.example/appeal/")[2].split()[0].rstrip(",.")
    page = f"{running.url('appeals')}/appeal/{token}"

    shown = httpx.get(page)
    sent = httpx.post(page, data={"text": "<b>we moved</b>", "billing": "US"})
    again = httpx.post(page, data={"text": "once more"})

    assert shown.status_code == 200
    assert "<form" in shown.text
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "Your appeal has arrived" in sent.text
    assert again.status_code == 422
    assert httpx.get(f"{running.url('appeals')}/v1/appeals/{token}").json()["state"] == "submitted"
    (case,) = running.ask("rea", "GET", f"/cases?queue=appeal&account={name}").json()
    case_path = f"/cases/{case['id']}"
    assert running.ask("rea", "GET", case_path).json()["appellant_words"] == "<b>we moved</b>"
    answer = {"disposition": "granted", "reason": "the address is good"}
    by_suspender = running.ask("abe", "POST", f"{case_path}/decide", answer)
    by_other = running.ask("rea", "POST", f"{case_path}/decide", answer)
    assert by_suspender.status_code == 403
    assert by_other.status_code == 200, by_other.text
    assert running.ask("vic", "GET", f"/accounts/{name}").json()["summary"]["status"] == "active"
    assert "the address is good" in httpx.get(page).text


def test_a_token_that_is_not_good_gets_the_same_answer_whatever_it_is(running: Running) -> None:
    pages = [httpx.get(f"{running.url('appeals')}/appeal/{one}") for one in ("x", "y" * 43)]

    assert {one.status_code for one in pages} == {404}
    assert pages[0].content == pages[1].content
    assert httpx.post(f"{running.url('appeals')}/appeal/x", data={"text": "a"}).status_code == 404
    found = httpx.post(f"{running.url('appeals')}/v1/appeals/x", json={"text": "a"})
    assert found.json()["error"]["code"] == "no_such_appeal"


def test_an_appeal_page_takes_no_large_body(running: Running) -> None:
    sent = httpx.post(f"{running.url('appeals')}/appeal/x", data={"text": "x" * 100_000})

    assert sent.status_code == 413


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "status"),
    [
        ("vic", "GET", "/accounts", None, 200),
        ("vic", "POST", "/accounts/none/status", SUSPEND, 403),
        ("vic", "POST", "/accounts/none/evidence", {"kind": "billing", "values": ["US"], **WHY}, 403),
        ("rea", "POST", "/accounts/none/status", SUSPEND, 422),
        ("rea", "POST", "/proposals/none/approve", WHY, 403),
        ("ann", "POST", "/proposals/none/approve", WHY, 422),
        ("ann", "POST", "/accounts", {"name": "A", **WHY}, 403),
        ("ada", "POST", "/accounts", {"name": "A", **WHY}, 201),
        ("ada", "POST", "/accounts", {"name": "A", "actor": "vic", **WHY}, 422),
        ("ada", "GET", "/reports/transparency?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z", None, 200),
    ],
)  # fmt: skip
def test_a_role_may_what_it_includes_and_no_more(
    running: Running, who: str, method: str, path: str, body: object, status: int
) -> None:
    assert running.ask(who, method, path, body).status_code == status


def test_keys_labels_and_evidence_are_set_by_whoever_is_logged_in(running: Running) -> None:
    name = account(running, "well-kept")
    path = f"/accounts/{name}"

    key = running.ask("ada", "POST", f"{path}/keys", WHY).json()
    evidence = {"kind": "registered", "values": ["US"], "tier": "T1", **WHY}
    done = [
        running.ask("ada", "POST", f"{path}/keys/{key['id']}/revoke", WHY),
        running.ask("rea", "POST", f"{path}/evidence", evidence),
        running.ask("ann", "PUT", f"{path}/labels/vetted", WHY),
        running.ask("ann", "POST", f"{path}/labels/vetted/remove", WHY),
    ]

    assert key["key"]
    assert [one.status_code for one in done] == [204] * 4
    details = running.ask("vic", "GET", path).json()
    assert key["key"] not in str(details)
    actors = [one["actor"] for one in details["history"]]
    assert actors[2:] == ["ada", "ada", "rea", "ann", "ann"]


def test_keys_to_attest_with_are_for_admins(running: Running) -> None:
    path = f"/accounts/{account(running, 'attesting')}"
    given = {"key": pem(p256()), "kid": "k1", **WHY}

    refused = running.ask("ann", "POST", f"{path}/attesters", given)
    added = running.ask("ada", "POST", f"{path}/attesters", given)
    bad = running.ask("ada", "POST", f"{path}/attesters", {"key": "no key", **WHY})
    ended = running.ask("ada", "POST", f"{path}/attesters/k1/end", WHY)

    assert [one.status_code for one in (refused, added, bad, ended)] == [403, 201, 422, 204]
    assert added.json() == {"kid": "k1"}
    details = running.ask("vic", "GET", path).json()
    assert [(one["kid"], bool(one["ended_at"])) for one in details["attesters"]] == [("k1", True)]
    assert [one["actor"] for one in details["history"]][-2:] == ["ada", "ada"]


def test_an_order_is_given_and_lifted(running: Running) -> None:
    order = {"models": ["pa/frontier"], "review_by": "2200-01-01T00:00:00Z", **WHY}

    made = running.ask("ann", "POST", "/orders", order).json()["id"]
    (listed,) = running.ask("vic", "GET", "/orders").json()
    refused = running.ask("rea", "POST", "/orders", order)
    lifted = running.ask("abe", "POST", f"/orders/{made}/lift", WHY)

    assert (listed["id"], listed["by"], listed["models"]) == (made, "ann", ["pa/frontier"])
    assert (refused.status_code, lifted.status_code) == (403, 204)
    assert running.ask("vic", "GET", "/orders").json() == []


def test_an_exemption_takes_two_people(running: Running) -> None:
    until = datetime.now(UTC) + timedelta(days=30)
    wanted = {"rule": "pilot", "until": until.isoformat(), **WHY}

    strange = running.ask("ann", "POST", "/exemptions", {**wanted, "rule": "none"})
    made = running.ask("ann", "POST", "/exemptions", wanted).json()["id"]
    own = running.ask("ann", "POST", f"/exemptions/{made}/approve", WHY)
    other = running.ask("abe", "POST", f"/exemptions/{made}/approve", WHY)
    (listed,) = running.ask("vic", "GET", "/exemptions").json()
    revoked = running.ask("ann", "POST", f"/exemptions/{made}/revoke", WHY)

    assert strange.status_code == 422
    assert own.json()["error"]["code"] == "same_person"
    assert other.status_code == 204
    assert (listed["added_by"], listed["approved_by"]) == ("ann", "abe")
    assert revoked.status_code == 204


def test_nobody_gets_past_the_door_without_a_login(running: Running) -> None:
    paths = httpx.get(f"{running.url('console')}/openapi.json").json()["paths"]

    for path, methods in paths.items():
        for method in methods:
            if (path, method) == ("/v1/session", "post"):
                continue
            url = f"{running.url('console')}{path.replace('{', '').replace('}', '')}"
            assert httpx.request(method, url).status_code == 401, path
            assert httpx.request(
                method, url, headers={"authorization": "Bearer x"}
            ).status_code == 401, path  # fmt: skip
    assert len(paths) >= 15


def test_a_foreign_origin_is_refused_and_the_configured_one_is_not(running: Running) -> None:
    foreign = running.ask("vic", "GET", "/accounts", origin="https://evil.example")
    null = running.ask("vic", "GET", "/accounts", origin="null")
    own = running.ask("vic", "GET", "/accounts", origin=ORIGIN)

    assert (foreign.status_code, null.status_code, own.status_code) == (403, 403, 200)
    assert "set-cookie" not in running.log_in("vic", origin=ORIGIN).headers


def test_a_session_ends_when_it_is_told_to(running: Running) -> None:
    token = running.log_in("ron").json()["token"]
    given = {"authorization": f"Bearer {token}"}
    url = f"{running.url('console')}/v1/session"

    before = httpx.get(url, headers=given)
    ended = httpx.delete(url, headers=given)

    assert before.json() == {"name": "ron", "role": "reviewer"}
    assert (ended.status_code, httpx.get(url, headers=given).status_code) == (204, 401)


def test_wrong_passwords_are_throttled_for_names_that_exist_and_names_that_do_not(
    tmp_path: Path,
) -> None:
    made = Running(tmp_path)
    try:
        made.start("console")
        for name in ("vic", "nobody"):
            statuses = [made.log_in(name, "wrong").status_code for _ in range(6)]
            assert statuses == [401] * 5 + [429]
        assert made.log_in("vic", PASSWORD).status_code == 429
        assert made.log_in("ada").status_code == 201
        log = (made.folder / "console.log").read_text()
        assert not [name for name in PEOPLE if name in log]
    finally:
        made.stop()
