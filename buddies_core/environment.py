"""How settings are read from the environment and `.env`, by the pipeline, the service and the dashboard alike.

A blank variable is unset, as compose files write it; words are read in any case; `~` is the home folder; and a value
that cannot be read is one line that names its variable, and no password.
"""

import os
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from buddies_core.errors import BuddiesError

PREFIX = "BUDDIES_"
_SECRET = ("url", "key", "webhook", "password", "token")


class InvalidSettingError(BuddiesError, ValueError):
    """A setting, or a combination of settings, that no run can mean; the message names the variables."""


class EnvironmentSettings(BaseSettings):
    """Base of settings classes: every field a variable `BUDDIES_<NAME>`.

    Raises:
        InvalidSettingError: values that cannot be read.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidSettingError("; ".join(_said(fault) for fault in error.errors())) from None

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, values: dict[str, Any]) -> dict[str, Any]:
        read = {name: _read(value, cls.model_fields[name].annotation) for name, value in values.items()
                if name in cls.model_fields}  # fmt: skip
        return {name: value for name, value in read.items() if value != ""}


def _read(value: Any, kind: Any) -> Any:
    """Text as a person means it: without blanks around it, words in lower case, `~` as the home folder."""
    if not isinstance(value, str):
        return value
    value = value.strip()
    words = [word for part in (kind, *get_args(kind)) if get_origin(part) is Literal for word in get_args(part)]
    if words:
        return next((word for word in words if word == value.lower()), value)
    return os.path.expanduser(value) if value.startswith("~") else value  # noqa: PTH111  (it may be no path)


def _said(fault: Any) -> str:
    name = str(fault["loc"][0]) if fault["loc"] else ""
    given = fault.get("input")
    shown = "" if any(word in name for word in _SECRET) or not isinstance(given, str | int | float) else f"={given}"
    problem = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{PREFIX}{name.upper()}{shown} {problem}" if name else problem
