"""Findings, statuses, proposals, cases and appeals over HTTP."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Response
from sqlalchemy import Row

from bailiwick.accounts import Moved
from bailiwick.console.access import AnyDesk, Approver, Reviewer, Viewer
from bailiwick.console.bodies import ID, Body, Decision, NewNote, NewReview, NewStatus

router = APIRouter(prefix="/v1", tags=["review"])
Identity = Annotated[str, Path(pattern=ID)]
Filter = Annotated[str | None, Query(pattern=ID)]


@router.get("/accounts/{account}/findings")
def findings(account: Identity, desk: AnyDesk, _by: Viewer) -> list[dict[str, Any]]:
    """Show what stands against an account now."""
    return [
        {
            "finding": one.finding, "class": one.grade.value, "code": one.code, "kind": one.kind,
            "rule": one.rule, "then": one.then, "facts": [fact.as_dict() for fact in one.facts],
        }
        for one in desk.findings(account)
    ]  # fmt: skip


@router.post("/accounts/{account}/status")
def set_status(account: Identity, body: NewStatus, desk: AnyDesk, by: Reviewer) -> dict[str, Any]:
    """Change a status, or propose it where that takes a second person."""
    return _moved(
        desk.request_status(
            account, body.status, by=by, code=body.code, reason=body.reason, case=body.case
        )
    )


@router.post("/accounts/{account}/reviews", status_code=201)
def open_review(account: Identity, body: NewReview, desk: AnyDesk, by: Reviewer) -> dict[str, str]:
    """Ask for a review."""
    return {"case": desk.open_review(account, body.code, [], by=by, reason=body.reason)}


@router.get("/proposals")
def proposals(desk: AnyDesk, _by: Viewer) -> list[dict[str, Any]]:
    """List what waits for a second person."""
    return [_row(one) for one in desk.proposals()]


@router.post("/proposals/{proposal}/approve")
def approve(proposal: Identity, body: Body, desk: AnyDesk, by: Approver) -> dict[str, Any]:
    """Approve what another person proposed, and carry it out."""
    return _moved(desk.approve(proposal, by=by, reason=body.reason))


@router.post("/proposals/{proposal}/refuse", status_code=204)
def refuse(proposal: Identity, body: Body, desk: AnyDesk, by: Reviewer) -> None:
    """Refuse a proposal, or withdraw one's own."""
    desk.refuse(proposal, by=by, reason=body.reason)


@router.get("/cases")
def cases(
    desk: AnyDesk, _by: Viewer, account: Filter = None, queue: Filter = None
) -> list[dict[str, Any]]:
    """List open cases, the most urgent first; appeals are the queue `appeal`."""
    return [_row(one) for one in desk.open_cases(account, queue)]


@router.get("/cases/{case}")
def case(case: Identity, desk: AnyDesk, _by: Viewer) -> dict[str, Any]:
    """Show a case with its evidence, and of an appeal what the appellant wrote."""
    return {
        **_row(desk.case(case)),
        "accounts": [asdict(one) for one in desk.case_accounts(case)],
        "appellant_words": desk.appellant_words(case),
        "documents": [asdict(one) for one in desk.documents(case)],
        "notes": [asdict(one) for one in desk.notes(case)],
    }


@router.get("/cases/{case}/documents/{document}", response_class=Response)
def document(case: Identity, document: Identity, desk: AnyDesk, _by: Reviewer) -> Response:
    """Give a document that came with an appeal, to be saved and not to be shown by a browser."""
    found = desk.document(case, document)
    if found is None:
        raise HTTPException(404, "the case has no such document, or it was erased")
    kind, content = found
    name = f"{document}.{kind.partition('/')[2]}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.post("/cases/{case}/notes", status_code=204)
def add_note(case: Identity, body: NewNote, desk: AnyDesk, by: Reviewer) -> None:
    """Write a note on a case, for others who look at it."""
    desk.add_note(case, body.text, by=by)


@router.post("/cases/{case}/take", status_code=204)
def take(case: Identity, desk: AnyDesk, by: Reviewer) -> None:
    """Take a case."""
    desk.take(case, by=by)


@router.post("/cases/{case}/extend", status_code=204)
def extend(case: Identity, body: Body, desk: AnyDesk, by: Reviewer) -> None:
    """Give a review more time, once."""
    desk.extend(case, by=by, reason=body.reason)


@router.post("/cases/{case}/decide")
def decide(case: Identity, body: Decision, desk: AnyDesk, by: Reviewer) -> dict[str, Any]:
    """Decide a case, for all of its accounts or for one; or answer an appeal."""
    done = desk.decide(case, body.disposition, by=by, reason=body.reason, account=body.account)
    moved = [_moved(one) for one in done.moved]
    return {"case": done.case, "disposition": done.disposition, "moved": moved}


def _moved(moved: Moved) -> dict[str, Any]:
    return {**asdict(moved), "done": moved.done}


def _row(row: Row[Any]) -> dict[str, Any]:
    """Write a row for people: times as times, facts as what they are."""
    return {name: _shown(name, value) for name, value in row._mapping.items()}


def _shown(name: str, value: Any) -> Any:
    if name == "facts":
        return json.loads(value)
    if name.endswith("_at") and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC)
    return value
