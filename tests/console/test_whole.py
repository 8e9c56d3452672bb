"""The rest of the domain over HTTP: contacts, erasing, imports, impact, notes, documents."""

import base64
import json
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

import people
from console.running import BY, Running
from console.test_admin import WHY, account, suspend

pytestmark = pytest.mark.timeout(500)  # servers begin slowly on a busy machine
PDF = b"%PDF-1.7\n" + b"register extract " * 100


def token_of(running: Running, name: str) -> str:
    told = [one for one in running.notices() if one.account == name]
    return told[-1].body.partition("https://gate.example/appeal/")[2].split()[0]


def test_a_contact_takes_an_approver_and_erasing_an_admin(running: Running) -> None:
    name = account(running, "well-known")
    contact = {"contact": "ops@well.example", **WHY}

    refused = running.ask("rea", "PUT", f"/accounts/{name}/contact", contact)
    wrong = running.ask(
        "ann", "PUT", f"/accounts/{name}/contact", {"contact": "a@b\r\nBcc: c@d", **WHY}
    )
    done = running.ask("ann", "PUT", f"/accounts/{name}/contact", contact)
    by_approver = running.ask("ann", "POST", f"/accounts/{name}/erase", WHY)
    erased = running.ask("ada", "POST", f"/accounts/{name}/erase", WHY)

    assert (refused.status_code, wrong.status_code, done.status_code) == (403, 422, 204)
    assert by_approver.status_code == 403
    assert erased.json() == {"erased": 1}
    history = running.ask("vic", "GET", f"/accounts/{name}").json()["history"]
    assert [one["what"] for one in history[-2:]] == ["contact.set", "personal.erased"]
    assert "ops@well.example" not in str(history)


def test_rows_are_imported_all_or_none(running: Running) -> None:
    name = account(running, "imported")
    good = f"account,kind,value,tier\n{name},registered,US,T1\n"
    bad = f"account,kind,value\n{name},registered,QQ\nnobody,billing,US\n"

    refused = running.ask("rea", "POST", "/evidence/import", {"format": "csv", "text": bad, **WHY})
    tried = running.ask(
        "rea", "POST", "/evidence/import", {"format": "csv", "text": good, "dry_run": True, **WHY}
    )
    before = running.ask("vic", "GET", f"/accounts/{name}").json()["evidence"]
    done = running.ask("rea", "POST", "/evidence/import", {"format": "csv", "text": good, **WHY})
    large = good + f"{name},card,US,T2\n" * 4000
    taken = running.ask(
        "rea", "POST", "/evidence/import", {"format": "csv", "text": large, "dry_run": True, **WHY}
    )

    assert len(refused.json()["error"]["problems"]) == 2
    assert tried.json() == {"statements": 1, "dry_run": True}
    assert [one["kind"] for one in before] == ["billing"]
    assert done.json()["statements"] == 1
    assert taken.status_code == 422  # read in whole: the same row twice is what it refuses
    assert "too_large" not in taken.text


def test_notes_are_kept_with_a_case_and_erased_with_the_account(running: Running) -> None:
    name = account(running, "noted")
    case = running.ask(
        "rea", "POST", f"/accounts/{name}/reviews", {"code": "review.requested", **WHY}
    ).json()["case"]

    by_viewer = running.ask("vic", "POST", f"/cases/{case}/notes", {"text": "x"})
    empty = running.ask("rea", "POST", f"/cases/{case}/notes", {"text": "  "})
    done = running.ask("rea", "POST", f"/cases/{case}/notes", {"text": "spoke to <them>"})
    (note,) = running.ask("vic", "GET", f"/cases/{case}").json()["notes"]
    running.ask("ada", "POST", f"/accounts/{name}/erase", WHY)
    (erased,) = running.ask("vic", "GET", f"/cases/{case}").json()["notes"]

    assert (by_viewer.status_code, empty.status_code, done.status_code) == (403, 422, 204)
    assert (note["by"], note["text"]) == ("rea", "spoke to <them>")
    assert erased["text"] is None
    history = running.ask("vic", "GET", f"/accounts/{name}").json()["history"]
    assert "spoke to" not in str(history)
    assert any(one["what"] == "case.noted" for one in history)


def test_a_cluster_is_cleared_for_one_account_and_then_for_the_rest(running: Running) -> None:
    names = [account(running, f"pooled-{number}") for number in range(3)]
    office = people.desk(running.accounts)
    case = office.report_sign(
        names, "shadow.cluster", {"kind": "shadow.cluster"}, signs=["s"], seen_at=office.now(),
        mute=timedelta(days=90), reason="records",
    )  # fmt: skip
    decision = {"disposition": "cleared", **WHY}

    (listed,) = running.ask("vic", "GET", f"/cases?account={names[2]}").json()
    viewer = running.ask("vic", "POST", f"/cases/{case}/decide", decision)
    stranger = running.ask(
        "rea", "POST", f"/cases/{case}/decide", {**decision, "account": "two-people"}
    )
    one = running.ask("rea", "POST", f"/cases/{case}/decide", {**decision, "account": names[1]})
    between = running.ask("vic", "GET", f"/cases/{case}").json()
    rest = running.ask("rea", "POST", f"/cases/{case}/decide", decision)

    assert (listed["id"], listed["accounts"]) == (case, 3)
    assert (viewer.status_code, stranger.status_code) == (403, 422)
    assert [moved["account"] for moved in one.json()["moved"]] == [names[1]]
    assert [(about["status"], about["disposition"]) for about in between["accounts"]] == [
        ("in_review", None), ("active", "cleared"), ("in_review", None),
    ]  # fmt: skip
    assert [moved["account"] for moved in rest.json()["moved"]] == [names[0], names[2]]
    assert running.ask("vic", "GET", f"/cases?account={names[0]}").json() == []


def test_a_document_comes_with_an_appeal_and_only_a_commitment_is_on_record(
    running: Running,
) -> None:
    name = account(running, "documented")
    suspend(running, name)
    page = f"{running.url('appeals')}/appeal/{token_of(running, name)}"

    strange = httpx.post(
        page, data={"text": "see"}, files=[("documents", ("a.pdf", b"MZ\x90", "application/pdf"))]
    )
    many = httpx.post(
        page,
        data={"text": "see"},
        files=[("documents", (f"{n}.pdf", PDF, "application/pdf")) for n in range(4)],
    )
    large = httpx.post(
        page,
        data={"text": "see"},
        files=[("documents", ("a.pdf", PDF + bytes(6 << 20), "application/pdf"))],
    )
    sent = httpx.post(
        page, data={"text": "see"}, files=[("documents", ("../../x\r\ny.pdf", PDF, "text/html"))]
    )

    assert (strange.status_code, many.status_code, large.status_code) == (422, 422, 422)
    assert "PDF, PNG or JPEG" in strange.text
    assert "Your appeal has arrived" in sent.text
    (case,) = running.ask("rea", "GET", f"/cases?queue=appeal&account={name}").json()
    (listed,) = running.ask("vic", "GET", f"/cases/{case['id']}").json()["documents"]
    assert (listed["type"], listed["bytes"], listed["erased"]) == (
        "application/pdf",
        len(PDF),
        False,
    )
    path = f"/cases/{case['id']}/documents/{listed['id']}"
    read = running.ask("rea", "GET", path)
    assert read.content == PDF
    assert read.headers["content-type"] == "application/octet-stream"
    assert read.headers["content-disposition"] == f'attachment; filename="{listed["id"]}.pdf"'
    assert running.ask("vic", "GET", path).status_code == 403
    history = str(running.ask("vic", "GET", f"/accounts/{name}").json()["history"])
    assert listed["commitment"] in history
    assert base64.b64encode(PDF).decode()[:40] not in history
    running.ask("ada", "POST", f"/accounts/{name}/erase", WHY)
    assert running.ask("rea", "GET", path).status_code == 404


def test_documents_come_as_base64_over_the_api(running: Running) -> None:
    name = account(running, "documented-2")
    suspend(running, name)
    url = f"{running.url('appeals')}/v1/appeals/{token_of(running, name)}"

    wrong = httpx.post(url, json={"text": "see", "documents": ["%%"]})
    done = httpx.post(url, json={"text": "see", "documents": [base64.b64encode(PDF).decode()]})

    assert wrong.status_code == 422
    assert done.status_code == 201
    (case,) = running.ask("rea", "GET", f"/cases?queue=appeal&account={name}").json()
    assert len(running.ask("rea", "GET", f"/cases/{case['id']}").json()["documents"]) == 1


def test_an_order_for_a_model_that_does_not_exist_is_refused(running: Running) -> None:
    order = {"models": ["pa/frontierr"], "review_by": "2200-01-01T00:00:00Z", **WHY}

    refused = running.ask("ann", "POST", "/orders", order)
    pattern = running.ask("ann", "POST", "/orders", {**order, "models": ["pa/*"]})
    running.ask("ann", "POST", f"/orders/{pattern.json()['id']}/lift", WHY)

    assert refused.status_code == 422
    (problem,) = refused.json()["error"]["problems"]
    assert problem["message"] == "`pa/frontierr` matches no model of the catalogue"
    assert "pa/frontier" in problem["help"]
    assert pattern.status_code == 201


@pytest.fixture
def own(tmp_path: Path) -> Running:
    made = Running(tmp_path)
    made.settings["reload"] = {"interval": "100ms", "settle": "0s"}
    return made


def test_impact_is_shown_and_agreed_to_as_it_was_shown(own: Running) -> None:
    for number in range(12):
        name = f"a{number}"
        own.accounts.add_account(name, id=name, **BY)
        own.accounts.set_evidence(name, "billing", ["CA"], **BY)
    try:
        own.start("console")
        shown = own.ask("vic", "GET", "/impact").json()
        other = own.ask("ann", "POST", "/impact/confirm", {"adverse": 11, **WHY})
        by_reviewer = own.ask("rea", "POST", "/impact/confirm", {"adverse": 12, **WHY})
        agreed = own.ask("ann", "POST", "/impact/confirm", {"adverse": 12, **WHY})
        after = own.ask("vic", "GET", "/impact").json()
    finally:
        own.stop()

    assert (shown["adverse"], shown["needs_confirmation"], len(shown["steps"])) == (12, True, 12)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "changed")
    assert (by_reviewer.status_code, agreed.status_code) == (403, 200)
    assert (after["agreed"], after["needs_confirmation"]) == (12, False)


def test_a_policy_and_a_users_file_that_change_are_read_again(own: Running) -> None:
    own.accounts.add_account("Acme", id="acme", **BY)
    own.accounts.set_evidence("acme", "billing", ["CA"], **BY)
    policy, users = own.folder / "policy.yaml", own.folder / "users.yaml"
    text, listed = policy.read_text(), json.loads(users.read_text())["users"]
    try:
        own.start("console")
        assert len(own.ask("vic", "GET", "/accounts/acme/findings").json()) == 1
        policy.write_text(text.replace("include: [US]", "include: [US, CA]"))
        wait_until(lambda: own.ask("vic", "GET", "/accounts/acme/findings").json() == [])
        policy.write_text("not: a policy")
        time.sleep(0.3)
        assert own.ask("vic", "GET", "/accounts/acme/findings").json() == []

        assert own.ask("ron", "GET", "/cases").status_code == 200
        people = [
            {**one, "role": "viewer"} if one["name"] == "rea" else one
            for one in listed
            if one["name"] != "ron"
        ]
        own.token("rea")
        users.write_text(json.dumps({"users": people}))
        wait_until(lambda: own.ask("ron", "GET", "/cases").status_code == 401)
        assert own.ask("rea", "GET", "/cases").status_code == 401  # another role: log in again
        assert own.ask("vic", "GET", "/cases").status_code == 200
        assert own.log_in("rea").status_code == 201
        assert own.log_in("ron").status_code == 401
        users.write_text("users: []")
        time.sleep(0.3)
        assert own.log_in("vic").status_code == 201  # the last good file stays
        log = (own.folder / "console.log").read_text()
        assert "the policy of before stays in use" in log
        assert "the users file of before stays in use" in log
    finally:
        own.stop()


def wait_until(what: object, patience_s: float = 100) -> None:
    until = time.monotonic() + patience_s
    while not what():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_database_that_is_down_is_503_and_comes_back(own: Running) -> None:
    own.accounts.add_account("Acme", id="acme", **BY)
    file = own.folder / "accounts.db"
    try:
        own.start("console", "appeals")
        assert own.ask("vic", "GET", "/accounts/acme").status_code == 200
        own.token("ada")
        own.accounts.close()
        for part in own.folder.glob("accounts.db*"):
            part.rename(own.folder / f"away-{part.name}")
        down = [
            own.ask("vic", "GET", "/accounts/acme"),
            own.ask("ada", "POST", "/accounts", {"name": "A", **WHY}),
            own.ask("vic", "GET", "/cases"),
            own.log_in("rob"),
            httpx.get(f"{own.url('appeals')}/v1/appeals/{'x' * 43}"),
            httpx.get(f"{own.url('appeals')}/appeal/{'x' * 43}"),
            httpx.post(f"{own.url('appeals')}/appeal/{'x' * 43}", data={"text": "a"}),
        ]
        for part in own.folder.glob("away-*"):
            part.rename(own.folder / part.name.removeprefix("away-"))
        back = own.ask("vic", "GET", "/accounts/acme")
    finally:
        own.stop()

    assert [one.status_code for one in down] == [503] * 7
    assert {one.json()["error"]["code"] for one in down[:5]} == {"unavailable"}
    assert all("cannot be reached now" in one.text for one in down[5:])
    assert all(one.headers["retry-after"] == "5" for one in down)
    assert str(file) not in "".join(one.text for one in down)
    assert back.status_code == 200


def test_an_expired_token_is_as_good_as_none(tmp_path: Path) -> None:
    made = Running(tmp_path)
    policy = made.folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("\n...", "\nreview: {appeal_open: 2s}\n..."))
    made.accounts.add_account("Acme", id="acme", **BY)
    try:
        made.start("console", "appeals")
        suspend(made, "acme")
        url = f"{made.url('appeals')}/v1/appeals"
        token = token_of(made, "acme")
        before = httpx.get(f"{url}/{token}")
        wait_until(lambda: httpx.get(f"{url}/{token}").status_code == 404)
        expired, unknown = httpx.get(f"{url}/{token}"), httpx.get(f"{url}/{'x' * 43}")
        late = httpx.post(f"{url}/{token}", json={"text": "we moved"})
    finally:
        made.stop()

    assert before.status_code == 200
    assert expired.content == unknown.content
    assert late.status_code == 404


def test_one_token_is_held_whatever_addresses_it_comes_from(tmp_path: Path) -> None:
    made = Running(tmp_path)
    made.settings["location"] = {"trusted_proxies": ["127.0.0.0/8"]}
    made.settings["appeals"].update({"reads_per_minute": 5, "writes_per_hour": 3})
    try:
        made.start("appeals")
        url = f"{made.url('appeals')}/v1/appeals"

        def ask(token: str, address: str, method: str = "GET") -> int:
            body = {"text": "a"} if method == "POST" else None
            return httpx.request(
                method, f"{url}/{token}", json=body, headers={"x-forwarded-for": address}
            ).status_code

        of_token = [ask("t" * 43, f"198.51.100.{n}") for n in range(7)]
        of_address = [ask(f"u{n}" * 20, "203.0.113.9") for n in range(7)]
        writes = [ask("w" * 43, f"198.51.100.{100 + n}", "POST") for n in range(5)]
        large = httpx.post(
            f"{url}/{'x' * 43}", content=b"x" * 200_000, headers={"x-forwarded-for": "192.0.2.77"}
        )
    finally:
        made.stop()

    assert of_token == [404] * 5 + [429] * 2
    assert of_address == [404] * 5 + [429] * 2
    assert writes == [404] * 3 + [429] * 2
    assert large.status_code == 413  # no good token, no large body


def test_many_at_once_are_answered_or_held_and_nobody_is_lost(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    made = Running(tmp_path)
    made.settings["appeals"].update({"reads_per_minute": 100})
    made.accounts.add_account("Acme", id="acme", **BY)
    try:
        made.start("console", "appeals")
        suspend(made, "acme")
        url = f"{made.url('appeals')}/appeal/{token_of(made, 'acme')}"
        with ThreadPoolExecutor(16) as pool, httpx.Client(timeout=60) as client:
            answers = list(pool.map(lambda _: client.get(url).status_code, range(200)))
            submitted = list(
                pool.map(lambda _: client.post(url, data={"text": "x"}).status_code, range(10))
            )
        log = (made.folder / "appeals.log").read_text()
    finally:
        made.stop()

    assert sorted(set(answers)) == [200, 429]
    assert answers.count(200) == 99  # one look was ours, when it started
    assert submitted.count(200) == 1  # one appeal, however often the button is pressed
    assert set(submitted) <= {200, 422}
    assert "Traceback" not in log


def test_a_hostile_name_is_no_markup_on_the_page(running: Running) -> None:
    running.accounts.add_account("<script>alert(1)</script>", id="hostile", **BY)
    running.accounts.set_evidence("hostile", "billing", ["US"], **BY)
    suspend(running, "hostile")
    page = f"{running.url('appeals')}/appeal/{token_of(running, 'hostile')}"

    again = httpx.post(page, data={"text": "", "billing": '"><img src=x onerror=alert(1)>'})

    assert "<script>" not in httpx.get(page).text
    assert "&lt;script&gt;" in httpx.get(page).text
    assert again.status_code == 422
    assert "<img" not in again.text
