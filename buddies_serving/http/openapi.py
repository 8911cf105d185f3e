"""The OpenAPI document: made from the types that bodies are decoded into, so that the two cannot drift apart."""

from typing import Any

import msgspec
from fastapi import FastAPI

from buddies_serving.http.problems import MEDIA_TYPE, TITLES, ProblemDocument
from buddies_serving.types import api as api_types

_REF = "#/components/schemas/{name}"
_TYPES = [
    getattr(api_types, name)
    for name in dir(api_types)
    if isinstance(getattr(api_types, name), type) and issubclass(getattr(api_types, name), msgspec.Struct)
]
RECOMMENDATION_HEADERS = {
    "x-model-version": {
        "description": "Version served (both, if a challenger is on trial)",
        "schema": {"type": "string"},
    },
    "x-recommendation-id": {"description": "Send it back with feedback", "schema": {"type": "string"}},
}


def describe(*types: type) -> None:
    """Add bodies that a system's own module defines."""
    _TYPES.extend(one for one in types if one not in _TYPES)


def ref(type_: type) -> dict[str, str]:
    """A reference to a type's schema."""
    return {"$ref": _REF.format(name=type_.__name__)}


def schemas() -> dict[str, Any]:
    """The schemas of all bodies."""
    _, components = msgspec.json.schema_components([*_TYPES, ProblemDocument], ref_template=_REF)
    return components


def body(type_: type, examples: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a call with a JSON body; `examples` name -> value."""
    content = {"schema": ref(type_), "examples": {name: {"value": value} for name, value in examples.items()}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def answers(
    schema: dict[str, Any], example: Any, *errors: int, media_type: str = "application/json", listed: bool = False
) -> dict[int | str, dict[str, Any]]:
    """`responses` of a call: the answer with an example, and the problems that it may answer with.

    `listed`: the answer holds recommendations, and so carries their headers.
    """
    documented: dict[int | str, dict[str, Any]] = {
        200: {"description": "The answer", "content": {media_type: {"schema": schema, "example": example}}}
    }
    if listed:
        documented[200]["headers"] = RECOMMENDATION_HEADERS
    for status in sorted({401, 403, 429, 500, *errors}):
        documented[status] = {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": ref(ProblemDocument)}}}
        if status in (429, 503):
            documented[status]["headers"] = {"retry-after": {"description": "Seconds", "schema": {"type": "integer"}}}
    return documented


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's document with our schemas, the keys, and no mention of FastAPI's own error format."""
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **schemas()}
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{}, {"key": []}]
    return document


def install(app: FastAPI) -> None:
    """Has the application give out the completed document, made once."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            complete(original())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
