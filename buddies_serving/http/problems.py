"""Errors as RFC 9457 problem documents: what is wrong, and with which field."""

import re

import msgspec

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The body is not JSON",
    401: "An API key is needed",
    403: "The API key does not allow this",
    404: "Not found",
    408: "The body did not arrive in time",
    405: "The method is not allowed here",
    413: "The body is too large",
    415: "The body must be application/json",
    422: "A field is not valid",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "Not available at the moment",
}
_AT = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field; `field` as in `user_ids[3]`."""

    field: str
    message: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    errors: tuple[FieldError, ...] = ()


class Problem(Exception):
    """An answer other than success; rendered by `body`."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def body(self, instance: str = "") -> bytes:
        """The problem document; `instance` is the id of the request."""
        title = TITLES.get(self.status, "Error")
        return msgspec.json.encode(
            ProblemDocument("about:blank", title, self.status, self.detail, instance, self.errors)
        )


def invalid(field: str, message: str) -> Problem:
    """422 for one field."""
    return Problem(422, f"{field}: {message}", errors=(FieldError(field, message),))


def unavailable(detail: str, retry_after: int) -> Problem:
    """503 with Retry-After in seconds."""
    return Problem(503, detail, headers=(("retry-after", str(retry_after)),))


def from_decoding(error: Exception) -> Problem:
    """The problem for a body that msgspec refused: 422 with the field if it was JSON, else 400."""
    if isinstance(error, msgspec.ValidationError):
        match = _AT.match(str(error))
        path = (match["path"] or "").lstrip(".") if match else ""
        return invalid(path or "body", match["message"] if match else str(error))
    if isinstance(error, RecursionError):
        return Problem(400, "The body is nested too deeply.")
    return Problem(400, f"The body cannot be read: {error}")
