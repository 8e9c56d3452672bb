"""Accounts, their keys, evidence and labels, and the report, over HTTP."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path, Query

from bailiwick.accounts import (
    Impact,
    confirm,
    impact,
    list_accounts,
    show_account,
    transparency_report,
)
from bailiwick.accounts.sources import import_evidence
from bailiwick.console.access import Admin, AnyDesk, Approver, Reviewer, Viewer
from bailiwick.console.bodies import (
    ID,
    Agreement,
    Body,
    NewAccount,
    NewAttester,
    NewContact,
    NewEvidence,
    NewImport,
    NewLabel,
    Time,
    Until,
)

router = APIRouter(prefix="/v1", tags=["accounts"])
LARGER: Final[Mapping[str, int]] = {"/v1/evidence/import": 16 * 1024 * 1024}
"""Bytes that a body may have where it may have more than elsewhere."""
MOST_STEPS: Final = 1000
"""Changes that one answer names."""
Account = Annotated[str, Path(pattern=ID)]


@router.get("/accounts")
def accounts(
    desk: AnyDesk,
    _by: Viewer,
    after: Annotated[str, Query(pattern=rf"^$|{ID}")] = "",
    most: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """List accounts by id; ``next`` goes into ``after`` of the following page."""
    found = list_accounts(desk.database, after=after, most=most)
    following = found[-1].id if len(found) == most else None
    return {"accounts": [asdict(one) for one in found], "next": following}


@router.post("/accounts", status_code=201)
def add_account(body: NewAccount, desk: AnyDesk, by: Admin) -> dict[str, str]:
    """Add an account or an organisation."""
    made = desk.database.add_account(
        body.name, id=body.id, kind=body.kind, parent=body.parent, status=body.status,
        actor=by, reason=body.reason,
    )  # fmt: skip
    return {"id": made}


@router.get("/accounts/{account}")
def account(account: Account, desk: AnyDesk, _by: Viewer) -> dict[str, Any]:
    """Show one account with keys (never the secret), evidence, labels and history."""
    return asdict(show_account(desk.database, account))


@router.post("/accounts/{account}/keys", status_code=201)
def add_key(account: Account, body: Until, desk: AnyDesk, by: Admin) -> dict[str, str]:
    """Make a key. This answer is the only place where it is ever shown."""
    made = desk.database.add_key(
        account, actor=by, reason=body.reason, expires_at=body.expires_at
    )  # fmt: skip
    return {"id": made.id, "account": made.account, "key": made.raw}


@router.post("/accounts/{account}/keys/{key}/revoke", status_code=204)
def revoke_key(account: Account, key: Account, body: Body, desk: AnyDesk, by: Admin) -> None:
    """Make a key worthless, for good."""
    if key not in {one.id for one in show_account(desk.database, account).keys}:
        raise HTTPException(404, "the account has no such key")
    desk.database.revoke_key(key, actor=by, reason=body.reason)


@router.post("/accounts/{account}/attesters", status_code=201)
def add_attester(account: Account, body: NewAttester, desk: AnyDesk, by: Admin) -> dict[str, str]:
    """Let a public key attest what the account says of its own users."""
    kid = desk.database.add_attester(
        account, body.key, kid=body.kid, actor=by, reason=body.reason
    )  # fmt: skip
    return {"kid": kid}


@router.post("/accounts/{account}/attesters/{kid}/end", status_code=204)
def end_attester(account: Account, kid: Account, body: Body, desk: AnyDesk, by: Admin) -> None:
    """Let a key attest no more, for good."""
    desk.database.end_attester(account, kid, actor=by, reason=body.reason)


@router.post("/accounts/{account}/evidence", status_code=204)
def set_evidence(account: Account, body: NewEvidence, desk: AnyDesk, by: Reviewer) -> None:
    """Write down what a source says; it supersedes what the same source said before."""
    desk.database.set_evidence(
        account, body.kind, body.values, actor=by, reason=body.reason, source=body.source,
        tier=body.tier, observed_at=body.observed_at, expires_at=body.expires_at,
        against_interest=body.against_interest,
    )  # fmt: skip


@router.put("/accounts/{account}/contact", status_code=204)
def set_contact(account: Account, body: NewContact, desk: AnyDesk, by: Approver) -> None:
    """Say where notices go. An appeal's link goes there too, so it takes an approver."""
    desk.database.set_contact(account, body.contact, actor=by, reason=body.reason)


@router.post("/accounts/{account}/erase")
def erase(account: Account, body: Body, desk: AnyDesk, by: Admin) -> dict[str, int]:
    """Erase everything personal of an account; evidence and history stay."""
    return {"erased": desk.database.erase_personal(account, actor=by, reason=body.reason)}


@router.post("/evidence/import")
def import_rows(body: NewImport, desk: AnyDesk, by: Reviewer) -> dict[str, Any]:
    """Import statements about many accounts, as `bailiwick accounts import` does: all or none."""
    count = import_evidence(
        desk.database, body.text, f"import.{body.format}", actor=by, reason=body.reason,
        dry=body.dry_run,
    )  # fmt: skip
    return {"statements": count, "dry_run": body.dry_run}


@router.get("/impact")
def show_impact(desk: AnyDesk, _by: Viewer) -> dict[str, Any]:
    """Show whom automation would change now, and whether a person must agree first."""
    return _impact(impact(desk))


@router.post("/impact/confirm")
def confirm_impact(body: Agreement, desk: AnyDesk, by: Approver) -> dict[str, Any]:
    """Agree to so many changes for the worse, as they were shown; the next sweep makes them."""
    if impact(desk).adverse != body.adverse:
        raise HTTPException(409, "the impact is another one by now; look again")
    return _impact(confirm(desk, by=by, reason=body.reason))


def _impact(found: Impact) -> dict[str, Any]:
    steps = [
        {"account": one.account, "from": one.source, "to": one.target, "code": one.code}
        for one in found.steps[:MOST_STEPS]
    ]
    return {
        "accounts": found.accounts, "changes": len(found.steps), "adverse": found.adverse,
        "allowed": found.allowed, "agreed": found.agreed,
        "needs_confirmation": found.needs_confirmation, "steps": steps,
    }  # fmt: skip


@router.put("/accounts/{account}/labels/{label}", status_code=204)
def set_label(
    account: Account, label: Account, body: NewLabel, desk: AnyDesk, by: Approver
) -> None:
    """Grant a label."""
    desk.database.set_label(
        account, label, actor=by, reason=body.reason, source=body.source,
        expires_at=body.expires_at,
    )  # fmt: skip


@router.post("/accounts/{account}/labels/{label}/remove", status_code=204)
def remove_label(account: Account, label: Account, body: Body, desk: AnyDesk, by: Approver) -> None:
    """Take a label away."""
    desk.database.remove_label(account, label, actor=by, reason=body.reason)


@router.get("/reports/transparency", tags=["reports"])
def report(
    desk: AnyDesk,
    _by: Viewer,
    since: Annotated[Time, Query(alias="from")],
    until: Annotated[Time, Query(alias="to")],
) -> dict[str, Any]:
    """Count decisions, reviews and appeals from one time on and before another."""
    return asdict(transparency_report(desk.database.engine, since, until))
