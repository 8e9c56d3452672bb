"""The admin API: the domain over HTTP, for people who are logged in."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from starlette.types import ASGIApp

from bailiwick.console import accounts, orders, review
from bailiwick.console.access import Bearer, Door, who
from bailiwick.console.bodies import Login
from bailiwick.console.errors import Refusal, answer_errors
from bailiwick.console.follow import Office
from bailiwick.console.guard import Guard
from bailiwick.console.people import Person
from bailiwick.console.source import source_of

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal} for status in (400, 401, 403, 404, 409, 413, 422, 429, 503)
}


def make_admin_app(office: Callable[[], Office], door: Door, origin: str | None = None) -> ASGIApp:
    """Make the app; ``office`` gives the desk of the moment, ``origin`` is the one page that may
    call it from a browser.
    """
    app = FastAPI(
        title="Bailiwick admin API", docs_url=None, redoc_url=None, responses=REFUSALS,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.office, app.state.door = office, door
    app.post("/v1/session", status_code=201, tags=["session"])(_log_in)
    app.get("/v1/session", tags=["session"])(_show)
    app.delete("/v1/session", status_code=204, tags=["session"])(_log_out)
    for part in (accounts, orders, review):
        app.include_router(part.router)
    answer_errors(app)
    return Guard(app, frozenset({origin} if origin else ()), larger=accounts.LARGER)


def _log_in(body: Login, request: Request) -> dict[str, str]:
    """Log in; the token goes into the header ``Authorization: Bearer``."""
    door: Door = request.app.state.door
    source = source_of(request.client.host if request.client else "")
    return {"token": door.log_in(body.name, body.password, source)}


def _show(person: Annotated[Person, Depends(who)]) -> dict[str, str]:
    """Say who is logged in."""
    return {"name": person.name, "role": person.role}


def _log_out(
    request: Request,
    bearer: Bearer,
    _person: Annotated[Person, Depends(who)],
) -> None:
    """End the session."""
    if bearer is not None:
        request.app.state.door.logins.end(bearer.credentials)
