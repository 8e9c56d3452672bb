"""Every error in one shape, without what the caller sent: ``{"error": {"code", "problems"}}``."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from bailiwick.accounts import AccountsUnavailable, NoSuchAppeal, SamePerson
from bailiwick.errors import InvalidInput

CODES: Final = {
    401: "not_logged_in",
    403: "not_permitted",
    404: "not_found",
    405: "method_not_allowed",
    409: "changed",
    413: "too_large",
    429: "too_many",
}


class ProblemOut(BaseModel):
    """One thing that is wrong."""

    message: str
    help: str | None = None


class ErrorOut(BaseModel):
    """What is wrong; ``code`` is stable."""

    code: str
    problems: list[ProblemOut]


class Refusal(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorOut


def refusal(status: int, code: str, *messages: str, helps: str | None = None) -> JSONResponse:
    """Make an answer of one or more messages; ``helps`` goes with the last."""
    problems = [ProblemOut(message=one) for one in messages]
    problems[-1].help = helps
    return _answer(status, code, problems)


def _answer(status: int, code: str, problems: list[ProblemOut]) -> JSONResponse:
    body = Refusal(error=ErrorOut(code=code, problems=problems)).model_dump()
    return JSONResponse(body, status, {"Retry-After": "5"} if status == 503 else None)


def answer_errors(app: FastAPI) -> None:
    """Answer what the domain refuses, what is malformed, and what fails."""
    for kind in (InvalidInput, AccountsUnavailable, NoSuchAppeal, RequestValidationError,
                 HTTPException, Exception):  # fmt: skip
        app.add_exception_handler(kind, _explain)


async def _explain(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - the protocol
    match error:
        case InvalidInput():
            same = isinstance(error, SamePerson)
            problems = [ProblemOut(message=one.message, help=one.help) for one in error.problems]
            status, code = (403, "same_person") if same else (422, "refused")
            return _answer(status, code, problems)
        case AccountsUnavailable():
            return refusal(503, "unavailable", "the account database cannot be used now")
        case NoSuchAppeal():
            return refusal(404, "no_such_appeal", error.message, helps=error.help)
        case RequestValidationError():
            found = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            return refusal(422, "malformed", *found)
        case HTTPException():
            code = CODES.get(error.status_code, "refused")
            answer = refusal(error.status_code, code, str(error.detail))
            answer.headers.update(error.headers or {})
            return answer
    return refusal(500, "internal", "something is wrong here; nothing was changed")
