"""The public appeal page and its API: whoever holds the token of a notice can object.

Nothing else is asked for, so it works while the account is suspended. Unknown and expired tokens
get the same answer.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp

from bailiwick.accounts import AppealView, Desk, NoSuchAppeal
from bailiwick.console.access import AnyDesk
from bailiwick.console.errors import answer_errors
from bailiwick.console.guard import Guard
from bailiwick.errors import InvalidInput
from bailiwick.location import ClientAddress, TrustedProxies, client_address

KINDS: Final[Mapping[str, str]] = {
    "billing": "Country of the billing address",
    "registered": "Country where the company is registered",
    "tax": "Country of the tax number",
}
"""What an appellant can declare; a reviewer judges it."""
_TEMPLATES: Final = Environment(
    loader=PackageLoader("bailiwick.console"), autoescape=True, undefined=StrictUndefined
)
router = APIRouter()


class AppealBody(BaseModel):
    """An objection, with new evidence if there is any."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=8000)
    evidence: dict[str, Annotated[list[str], Field(max_length=8)]] = {}
    """Places by kind: billing, registered, tax."""


class Pace:
    """How often one address may come."""

    def __init__(
        self, reads: int, writes: int, trusted: TrustedProxies, header: str = "x-forwarded-for"
    ) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._reads, self._writes = RateLimitItemPerMinute(reads), RateLimitItemPerHour(writes)
        self._trusted, self._header = trusted, header

    def check(self, request: Request) -> None:
        """Hold who comes too often."""
        item = self._reads if request.method in {"GET", "HEAD"} else self._writes
        if not self._limiter.hit(item, request.method, self._source(request)):
            raise HTTPException(429, "too many requests; come again later", {"Retry-After": "60"})

    def _source(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        found = client_address(peer, request.headers.items(), self._trusted, self._header)
        return str(found.address) if isinstance(found, ClientAddress) else peer


def _paced(request: Request) -> None:
    request.app.state.pace.check(request)


def make_appeals_app(desk: Desk, pace: Pace) -> ASGIApp:
    """Make the app: the page, and the same as JSON."""
    app = FastAPI(
        title="Bailiwick appeals", openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.desk, app.state.pace = desk, pace
    app.include_router(router, dependencies=[Depends(_paced)])
    answer_errors(app)
    return Guard(app)


@router.get("/v1/appeals/{token}")
def show(token: str, desk: AnyDesk) -> dict[str, Any]:
    """Show the appeal of a token."""
    return _shown(desk.appeal(token))


@router.post("/v1/appeals/{token}", status_code=201)
def submit(token: str, body: AppealBody, desk: AnyDesk) -> dict[str, Any]:
    """Object."""
    return _shown(_submit(desk, token, body.text, body.evidence))


@router.get("/appeal/{token}", response_class=HTMLResponse)
def page(token: str, desk: AnyDesk) -> HTMLResponse:
    """Show the page of a token."""
    try:
        return _page(desk.appeal(token))
    except NoSuchAppeal as error:
        return _page(None, [error.message, error.help or ""], 404)


@router.post("/appeal/{token}", response_class=HTMLResponse)
def submit_page(
    token: str,
    desk: AnyDesk,
    text: Annotated[str, Form(max_length=20_000)] = "",
    billing: Annotated[str, Form(max_length=40)] = "",
    registered: Annotated[str, Form(max_length=40)] = "",
    tax: Annotated[str, Form(max_length=40)] = "",
) -> HTMLResponse:
    """Object on the page."""
    given = {"billing": billing, "registered": registered, "tax": tax}
    evidence = {kind: [value.strip()] for kind, value in given.items() if value.strip()}
    try:
        return _page(_submit(desk, token, text, evidence))
    except NoSuchAppeal as error:
        return _page(None, [error.message, error.help or ""], 404)
    except InvalidInput as error:
        return _page(desk.appeal(token), [str(one) for one in error.problems], 422, text, given)


def _submit(desk: Desk, token: str, text: str, evidence: Mapping[str, Sequence[str]]) -> AppealView:
    desk.appeal(token)  # whether there is one is said before anything else
    strange = set(evidence) - set(KINDS)
    if strange or not text.strip() or len(text) > 8000 or "\0" in text:
        raise InvalidInput.of(
            "say why you object, in at most 8000 characters",
            f"you can declare: {', '.join(KINDS)}",
        )
    return desk.submit_appeal(token, text, evidence)


def _shown(view: AppealView) -> dict[str, Any]:
    return {
        "id": view.id, "account": view.account, "status": view.status, "state": view.state,
        "until": view.until, "submitted_at": view.submitted_at, "answer": view.answer,
        "may_submit": view.may_submit, "notice": view.notice,
    }  # fmt: skip


def _page(
    view: AppealView | None,
    problems: Sequence[str] = (),
    status: int = 200,
    text: str = "",
    given: Mapping[str, str] | None = None,
) -> HTMLResponse:
    template = _TEMPLATES.get_template("appeal.html")
    html = template.render(
        view=view, problems=problems, text=text, kinds=KINDS, given=given or {}
    )  # fmt: skip
    return HTMLResponse(html, status)
