"""What FastAPI raises, as problem documents."""

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from buddies_serving.http.problems import MEDIA_TYPE, FieldError, Problem


async def on_problem(request: Request, problem: Exception) -> Response:
    """A Problem as its document."""
    assert isinstance(problem, Problem)
    return Response(problem.body(), problem.status, dict(problem.headers), MEDIA_TYPE)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods."""
    assert isinstance(error, HTTPException)
    headers = tuple((error.headers or {}).items())
    return await on_problem(request, Problem(error.status_code, f"{error.detail}.", headers=headers))


async def on_invalid(request: Request, error: Exception) -> Response:
    """Parameters of the path or the query that are not valid."""
    assert isinstance(error, RequestValidationError)
    fields = tuple(FieldError(".".join(map(str, e["loc"][1:])) or str(e["loc"][0]), e["msg"]) for e in error.errors())
    detail = "; ".join(f"{field.field}: {field.message}" for field in fields)
    return await on_problem(request, Problem(422, detail, errors=fields))
