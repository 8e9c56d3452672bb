"""Orders and exemptions over HTTP."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path

from bailiwick.accounts import Directives, check_exempt_rule, check_models
from bailiwick.console.access import AnyDesk, AnyOffice, Approver, Viewer
from bailiwick.console.bodies import ID, Body, NewExemption, NewOrder

router = APIRouter(prefix="/v1", tags=["orders"])
Identity = Annotated[str, Path(pattern=ID)]


@router.get("/orders")
def orders(desk: AnyDesk, _by: Viewer) -> list[dict[str, Any]]:
    """List the orders in force, oldest first."""
    return [asdict(one) for one in Directives(desk.database).orders()]


@router.post("/orders", status_code=201)
def switch_off(body: NewOrder, office: AnyOffice, by: Approver) -> dict[str, str]:
    """Switch models off, from now: ids, patterns, or `*`."""
    check_models(body.models, office.catalog)
    made = Directives(office.desk.database).switch_off(
        body.models, by=by, reason=body.reason, review_by=body.review_by, until=body.until,
        places=body.places, except_accounts=body.except_accounts,
        except_labels=body.except_labels, except_places=body.except_places,
    )  # fmt: skip
    return {"id": made}


@router.post("/orders/{order}/lift", status_code=204)
def switch_on(order: Identity, body: Body, desk: AnyDesk, by: Approver) -> None:
    """Lift an order."""
    Directives(desk.database).switch_on(order, by=by, reason=body.reason)


@router.get("/exemptions")
def exemptions(desk: AnyDesk, _by: Viewer, ended: bool = False) -> list[dict[str, Any]]:
    """List exemptions, newest first; with `ended` those that count no more as well."""
    return [asdict(one) for one in Directives(desk.database).exemptions(ended=ended)]


@router.post("/exemptions", status_code=201)
def add_exemption(body: NewExemption, desk: AnyDesk, by: Approver) -> dict[str, str]:
    """Propose to approve an exempt rule of the policy for a time."""
    check_exempt_rule(body.rule, desk.rules.policy)
    made = Directives(desk.database).add_exemption(
        body.rule, by=by, reason=body.reason, until=body.until, from_=body.from_
    )
    return {"id": made}


@router.post("/exemptions/{exemption}/approve", status_code=204)
def approve_exemption(exemption: Identity, body: Body, desk: AnyDesk, by: Approver) -> None:
    """Approve what another person proposed."""
    Directives(desk.database).approve_exemption(exemption, by=by, reason=body.reason)


@router.post("/exemptions/{exemption}/revoke", status_code=204)
def revoke_exemption(exemption: Identity, body: Body, desk: AnyDesk, by: Approver) -> None:
    """End an exemption, or withdraw a proposal."""
    Directives(desk.database).revoke_exemption(exemption, by=by, reason=body.reason)
