"""The second act: an account is flagged, told, suspended, appeals, and is served again.

Every step is what happens in earnest: the official client calls a real gateway, automation judges
the evidence by itself, the notice is a file in an outbox, the appeal goes over the page that the
notice links to, and people act over the admin API. Only the time to put things right is short.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
from examples.demo.office import Office

from bailiwick.audit import Filters, show, verify

ACCOUNT, ADDRESS = "atlas", "8.8.8.8"
FRONTIER, OPEN = "claude-opus-4-1", "meta/llama-3.1-405b"
WHY = {"reason": "demo"}
PATIENCE_S = 30.0


class Unexpected(Exception):
    """A step did not end as it should."""


@dataclass(frozen=True)
class Step:
    """Something that happened."""

    at_s: float
    """Since the act began."""
    who: str
    what: str
    shown: str = ""
    """What to show below it: a notice, records."""


def play_case(office: Office) -> Iterator[Step]:
    """Go through the case; raises ``Unexpected`` where it does not go as it should."""
    began = time.monotonic()

    def step(who: str, what: str, shown: str = "") -> Step:
        return Step(time.monotonic() - began, who, what, shown)

    key = _open_account(office)
    yield step("ada, admin", f"opens the account `{ACCOUNT}`, billing address in US")
    yield step(
        "customer", f"calls {FRONTIER} from the US: {_call(office, key, FRONTIER, 'permit')}"
    )
    _bill(office, "ada", "CA", "T2", "payment-provider")
    yield step("payment provider", "says that the billing address is in CA")
    _wait(lambda: _status(office) == "restricted", "the account is restricted")
    yield step("automation", f"flags it: {_last_change(office)}")
    yield step(
        "customer",
        f"calls {FRONTIER} from the US: {_call(office, key, FRONTIER, 'account.status')}",
    )
    yield step("outbox", "has the notice", _wait_for_notice(office, "restricted"))
    _wait(lambda: _status(office) == "suspended", "the account is suspended")
    yield step("automation", f"the time to put it right is over: {_last_change(office)}")
    yield step("customer", f"calls {OPEN}: {_call(office, key, OPEN, 'account.status')}")
    page = _page(office)
    yield step(
        "customer", "opens the link of the second notice, without a key: GET /appeal/... 200"
    )
    _appeal(office, page)
    yield step("customer", "appeals: the company moved to Boston, the register says so")
    case = _review(office)
    yield step("rea, reviewer", "reads the appeal and writes down the register: US, T1")
    _grant(office, case)
    granted = time.monotonic()
    yield step("ann, approver", f"a second person grants the appeal: {_last_change(office)}")
    _wait(lambda: _effect(office, key, FRONTIER)[0] == "permit", "the account is served again")
    ms = (time.monotonic() - granted) * 1000
    served = _call(office, key, FRONTIER, "permit")
    yield step(
        "customer", f"calls {FRONTIER} from the US: {served}, {ms:.0f} ms after the decision"
    )
    yield step("audit log", f"has each step, and is whole: {_verified(office)}", _records(office))


def _open_account(office: Office) -> str:
    made = {"name": "Atlas Works", "id": ACCOUNT, **WHY}
    _done(office.ask("ada", "POST", "/accounts", made).status, 201)
    _bill(office, "ada", "US", "T3", "customer")
    reply = office.ask("ada", "POST", f"/accounts/{ACCOUNT}/keys", WHY)
    _done(reply.status, 201)
    return str(reply.value["key"])


def _bill(office: Office, who: str, place: str, tier: str, source: str) -> None:
    body = {"kind": "billing", "values": [place], "tier": tier, "source": source, **WHY}
    _done(office.ask(who, "POST", f"/accounts/{ACCOUNT}/evidence", body).status, 204)


def _call(office: Office, key: str, model: str, want: str) -> str:
    """Call until the gateway has followed, and check what it says at last."""
    _wait(lambda: want in _effect(office, key, model), f"{model} is answered with {want}")
    effect, because = _effect(office, key, model)
    return f"{effect} ({because})"


def _effect(office: Office, key: str, model: str) -> tuple[str, str]:
    """Call a model with the official client, and look its decision up in the audit log."""
    client = anthropic.Anthropic(
        base_url=office.url, api_key=key, max_retries=0,
        default_headers={"x-forwarded-for": ADDRESS},
    )  # fmt: skip
    try:
        headers = client.messages.with_raw_response.create(
            model=model, max_tokens=50, messages=[{"role": "user", "content": "Hello"}]
        ).headers
    except anthropic.APIStatusError as error:
        headers = error.response.headers
    record = office.record(headers.get("x-bailiwick-decision", ""))
    reasons = [one["code"] for one in record.get("reasons", ()) if one["code"] != "rule.denied"]
    return record.get("effect", "none"), ", ".join(reasons or record.get("determining", ()))


def _details(office: Office) -> Any:
    return office.ask("rea", "GET", f"/accounts/{ACCOUNT}").value


def _status(office: Office) -> str:
    return str(_details(office)["summary"]["status"])


def _last_change(office: Office) -> str:
    changes = [one["detail"] for one in _details(office)["history"] if one["what"] == "status.set"]
    return "{from} -> {to}, {code}".format_map(changes[-1])


def _wait_for_notice(office: Office, kind: str) -> str:
    _wait(lambda: kind in _notices(office), f"the notice `{kind}` is in the outbox")
    return _notices(office)[kind]


def _notices(office: Office) -> dict[str, str]:
    found = [json.loads(one.read_text()) for one in office.outbox.glob("*.json")]
    return {one["kind"]: one["body"].strip() for one in found}


def _page(office: Office) -> str:
    body = _wait_for_notice(office, "suspended")
    found = re.search(r"/appeal/\S+", body)
    if found is None:
        raise Unexpected("the notice has no link")
    _done(office.form(found[0]).status, 200)
    return found[0]


def _appeal(office: Office, page: str) -> None:
    sent = office.form(page, {"text": "We moved to Boston in June.", "billing": "US"})
    if "Your appeal has arrived" not in sent.text:
        raise Unexpected("the appeal was not taken")


def _review(office: Office) -> str:
    (case,) = office.ask("rea", "GET", f"/cases?account={ACCOUNT}&queue=appeal").value
    _done(office.ask("rea", "POST", f"/cases/{case['id']}/take").status, 204)
    _bill(office, "rea", "US", "T1", "company-register")
    return str(case["id"])


def _grant(office: Office, case: str) -> None:
    answer = {"disposition": "granted", "reason": "the register shows the move"}
    _done(office.ask("ann", "POST", f"/cases/{case}/decide", answer).status, 200)


def _verified(office: Office) -> str:
    report = verify(office.audit, office.audit / "keys" / "public-keys")
    if not report.ok:
        raise Unexpected(str(report.problems[0]))
    return f"{report.records} records"


def _records(office: Office) -> str:
    """Write the account's records one a line; ``bailiwick audit show`` has them in full."""
    sought = Filters(frozenset({"account"}), fields={"account": ACCOUNT})
    _wait(lambda: any(_of_reinstatement(e.record.event) for e in show(office.audit, sought)),
          "the reinstatement is on record")  # fmt: skip
    return "\n".join(_line(one.record) for one in show(office.audit, sought))


def _of_reinstatement(event: Any) -> bool:
    return event["what"] == "status.set" and event["detail"]["to"] == "active"


def _line(record: Any) -> str:
    event = record.event
    detail = event["detail"]
    if event["what"] == "status.set":
        said = "{from} -> {to}, {code}".format_map(detail)
    elif event["what"] == "evidence.set":
        said = "{kind} {values[0]}, T{tier}, from {source}".format_map(detail)
    else:
        names = ("queue", "code", "disposition", "by")
        said = ", ".join(str(detail[name]) for name in names if detail.get(name))
    return (
        f"{event['happened_at'][11:23]}  {event['what']:<17} {event['actor']:<11} {said}".rstrip()
    )


def _wait(what: Callable[[], bool], wanted: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > until:
            raise Unexpected(f"not in {PATIENCE_S:.0f} s: {wanted}")
        time.sleep(0.05)


def _done(status: int, want: int) -> None:
    if status != want:
        raise Unexpected(f"answered {status} in place of {want}")
