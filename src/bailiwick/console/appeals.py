"""The public appeal page and its API: whoever holds the token of a notice can object.

Nothing else is asked for, so it works while the account is suspended. Unknown and expired tokens
get the same answer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import (
    APIRouter,
    FastAPI,
    File,
    Form,
    Request,
    Response,
    UploadFile,
)
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from bailiwick.accounts import (
    AccountsUnavailable,
    AppealView,
    Attempts,
    Desk,
    NoSuchAppeal,
    decoded_documents,
    token_hash,
)
from bailiwick.console.access import AnyDesk
from bailiwick.console.errors import answer_errors, refusal
from bailiwick.console.follow import Office
from bailiwick.console.guard import MOST_BYTES as SMALL_BYTES
from bailiwick.console.guard import Guard, limited
from bailiwick.console.source import source_of
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
HOUR: Final = timedelta(hours=1)
MOST_BYTES: Final = 24 * 1024 * 1024
"""A form or body with three documents of 5 MiB, also in Base64."""
AWAY: Final = "appeals cannot be reached now; nothing is lost, and the link stays good: try again"
_TOKEN: Final = re.compile(r"^/(?:v1/appeals|appeal)/([^/]+)$")
router = APIRouter()


class AppealBody(BaseModel):
    """An objection, with new evidence if there is any."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=8000)
    evidence: dict[str, Annotated[list[str], Field(max_length=8)]] = {}
    """Places by kind: billing, registered, tax."""
    documents: Annotated[
        list[Annotated[str, Field(max_length=7_000_000)]], Field(max_length=3)
    ] = []
    """Documents in Base64: PDF, PNG or JPEG, at most 5 MiB each."""


class Pace:
    """How often one address may come, and how often anybody with one token.

    Looks are counted in this process, to spare it; what is sent in with a good token is counted in
    the database, for all appeal pages together.
    """

    def __init__(
        self, reads: int, writes: int, trusted: TrustedProxies, header: str = "x-forwarded-for"
    ) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._reads, self._writes = RateLimitItemPerMinute(reads), RateLimitItemPerHour(writes)
        self._trusted, self._header = trusted, header

    def admits(self, request: Request, token: str | None) -> bool:
        """Whether this is not too often."""
        reads = request.method in {"GET", "HEAD"}
        item, kind = (self._reads, "read") if reads else (self._writes, "write")
        if not self._limiter.hit(item, kind, "address", self._source(request)):
            return False
        return token is None or self._limiter.hit(item, kind, "token", token_hash(token).hex())

    def takes(self, attempts: Attempts, request: Request, token: str) -> bool:
        """Whether this may be sent in, after all that was sent in anywhere."""
        most = self._writes.amount
        return attempts.admit("appeal address", self._source(request), most, HOUR) and (
            attempts.admit("appeal token", token, most, HOUR)
        )

    def _source(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        found = client_address(peer, request.headers.items(), self._trusted, self._header)
        return source_of(found.address if isinstance(found, ClientAddress) else peer)


class Doorstep:
    """Holds who comes too often, and large bodies without a good token, before anything is read."""

    def __init__(
        self, app: ASGIApp, office: Callable[[], Office], pace: Pace, attempts: Attempts
    ) -> None:
        self._app, self._office, self._pace, self._attempts = app, office, pace, attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        found = _TOKEN.search(scope["path"])
        token = found[1] if found else None
        large = False
        refused = None if self._pace.admits(request, token) else _too_many()
        if refused is None and request.method == "POST":
            large, refused = await run_in_threadpool(self._look, request, token)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, limited(receive, MOST_BYTES if large else SMALL_BYTES), send)

    def _look(self, request: Request, token: str | None) -> tuple[bool, Response | None]:
        """Say whether the body may be large, and what else to answer without reading it."""
        try:
            if token is None or not self._office().desk.appeal(token).may_submit:
                return False, None
            held = not self._pace.takes(self._attempts, request, token)
        except NoSuchAppeal:
            return False, None
        except AccountsUnavailable:
            return False, None  # the page says so, and nothing can be written
        return True, _too_many() if held else None


def _too_many() -> Response:
    answer = refusal(429, "too_many", "too many requests; come again later")
    answer.headers["retry-after"] = "60"
    return answer


def make_appeals_app(office: Callable[[], Office], pace: Pace, attempts: Attempts) -> ASGIApp:
    """Make the app: the page, and the same as JSON."""
    app = FastAPI(
        title="Bailiwick appeals", openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.office = office
    app.include_router(router)
    answer_errors(app)
    return Guard(Doorstep(app, office, pace, attempts), most=MOST_BYTES)


@router.get("/v1/appeals/{token}")
def show(token: str, desk: AnyDesk) -> dict[str, Any]:
    """Show the appeal of a token."""
    return _shown(desk.appeal(token))


@router.post("/v1/appeals/{token}", status_code=201)
def submit(token: str, body: AppealBody, desk: AnyDesk) -> dict[str, Any]:
    """Object."""
    papers = decoded_documents(body.documents)
    return _shown(_submit(desk, token, body.text, body.evidence, papers))


@router.get("/appeal/{token}", response_class=HTMLResponse)
def page(token: str, desk: AnyDesk) -> HTMLResponse:
    """Show the page of a token."""
    try:
        return _page(desk.appeal(token))
    except (NoSuchAppeal, AccountsUnavailable) as error:
        return _problem(error)


@router.post("/appeal/{token}", response_class=HTMLResponse)
def submit_page(
    token: str,
    desk: AnyDesk,
    text: Annotated[str, Form(max_length=20_000)] = "",
    billing: Annotated[str, Form(max_length=40)] = "",
    registered: Annotated[str, Form(max_length=40)] = "",
    tax: Annotated[str, Form(max_length=40)] = "",
    documents: Annotated[list[UploadFile] | None, File()] = None,
) -> HTMLResponse:
    """Object on the page."""
    given = {"billing": billing, "registered": registered, "tax": tax}
    evidence = {kind: [value.strip()] for kind, value in given.items() if value.strip()}
    try:
        papers = [content for one in documents or () if (content := one.file.read())]
        return _page(_submit(desk, token, text, evidence, papers))
    except (NoSuchAppeal, AccountsUnavailable) as error:
        return _problem(error)
    except InvalidInput as error:
        return _page(desk.appeal(token), [str(one) for one in error.problems], 422, text, given)


def _submit(
    desk: Desk,
    token: str,
    text: str,
    evidence: Mapping[str, Sequence[str]],
    papers: Sequence[bytes] = (),
) -> AppealView:
    desk.appeal(token)  # whether there is one is said before anything else
    strange = set(evidence) - set(KINDS)
    if strange or not text.strip() or len(text) > 8000 or "\0" in text:
        raise InvalidInput.of(
            "say why you object, in at most 8000 characters",
            f"you can declare: {', '.join(KINDS)}",
        )
    return desk.submit_appeal(token, text, evidence, papers)


def _shown(view: AppealView) -> dict[str, Any]:
    return {
        "id": view.id, "account": view.account, "status": view.status, "state": view.state,
        "until": view.until, "submitted_at": view.submitted_at, "answer": view.answer,
        "may_submit": view.may_submit, "notice": view.notice,
    }  # fmt: skip


def _problem(error: NoSuchAppeal | AccountsUnavailable) -> HTMLResponse:
    if isinstance(error, NoSuchAppeal):
        return _page(None, [error.message, error.help or ""], 404)
    page = _page(None, [AWAY], 503)
    page.headers["retry-after"] = "5"
    return page


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
