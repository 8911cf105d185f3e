"""Rules without code, from a YAML file: a figure in a band, or rows that may not be, in SQL or as a polars expression.

A dataset of more than 256 MB is judged in pieces as by any rule: rows add up, and a figure is the mean of the pieces
weighted by their rows, which is exact for means and shares.
"""

import ast
import math
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from buddies_core.errors import BuddiesError
from buddies_core.settings import Settings
from quality.rules.verdict import Finding, Rule, Severity, offending_rows, within

SHIPPED = Path(__file__).parent / "rules.yml"
LARGEST_FILE = 1 << 20
_NAME = r"^[a-z][a-z0-9_]{2,79}$"
_REACHING = (
    "read",
    "scan",
    "write",
    "sink",
    "map",
    "apply",
    "pipe",
    "deserialize",
    "from",
    "register",
    "inspect",
    "sql",
)
"""Beginnings of polars' functions that reach beyond the table, or run other code."""


class RulesFileError(BuddiesError):
    """The file of rules cannot be read, or one of its rules is not one."""


class FileRule(BaseModel):
    """One rule of the file: exactly one of `sql`, `polars` (a figure, with `low` or `high`) and `rows` (SQL)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(pattern=_NAME)
    asset: str = Field(min_length=1)
    text: str = Field(min_length=3, max_length=500)
    sql: str | None = None
    polars: str | None = None
    rows: str | None = None
    low: float | None = None
    high: float | None = None
    severity: Severity = Severity.ERROR
    blocking: bool = False
    owner: str = ""
    runbook: str = ""

    @model_validator(mode="after")
    def one_expression(self) -> "FileRule":
        """Refuse a rule with no expression, with two, or with a band where none belongs."""
        given = [name for name in ("sql", "polars", "rows") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("give exactly one of sql, polars and rows")
        if (self.low is None and self.high is None) is (given != ["rows"]):
            raise ValueError("sql and polars need low or high, and rows takes neither")
        if self.polars:
            expression(self.polars)
        return self

    def as_rule(self) -> Rule:
        """The rule as all others are."""
        return Rule(
            self.name, self.asset, self.severity, self.blocking, self.text, {self.asset: self.asset}, self._judge()
        )

    def _judge(self) -> Callable[..., Finding]:
        if self.rows:
            return partial(_no_rows, self.asset, self.rows)
        figure = (
            partial(_of_sql, self.asset, self.sql) if self.sql else partial(_of_polars, self.asset, self.polars or "")
        )
        return partial(_in_band, figure, self.low, self.high)


def file_rules() -> list[FileRule]:
    """The rules of BUDDIES_RULES_FILE, or of the file that ships.

    Raises:
        RulesFileError: the file cannot be read, or a rule in it is none.
    """
    named = Settings().rules_file
    path = Path(named) if named else SHIPPED
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise RulesFileError(f"BUDDIES_RULES_FILE {path} cannot be read: {error.strerror}.") from None


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> list[FileRule]:
    import yaml

    text = path.read_text(encoding="utf-8", errors="replace")
    if len(text) > LARGEST_FILE:
        raise RulesFileError(f"{path} has more than {LARGEST_FILE:,} characters.")
    try:
        read = yaml.safe_load(text) or {}
    except (yaml.YAMLError, RecursionError) as error:
        raise RulesFileError(f"{path} is no YAML: {' '.join(str(error).split())[:200]}.") from None
    listed = read.get("rules", []) if isinstance(read, dict) and read.keys() <= {"rules"} else None
    if not isinstance(listed, list):
        raise RulesFileError(f"{path} has no list `rules:` alone at its top.")
    return [_rule(path, number, given) for number, given in enumerate(listed, start=1)]


def _rule(path: Path, number: int, given: Any) -> FileRule:
    name = given.get("name", "") if isinstance(given, dict) else ""
    try:
        return FileRule.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the rule"
        raise RulesFileError(f"{path}, rule {number} {name!s}: {where}: {first['msg']}.") from None


def _of_sql(asset: str, sql: str, frame: pl.DataFrame) -> float | None:
    found = _query(asset, sql, frame)
    if found.shape != (1, 1):
        raise ValueError(f"the SQL gives {found.height} rows of {found.width} columns, and not one figure")
    return _number(found.item())


def _of_polars(asset: str, text: str, frame: pl.DataFrame) -> float | None:
    found = frame.select(expression(text).alias("value"))
    if found.height != 1:
        raise ValueError(f"the expression gives {found.height} values, and not one figure")
    return _number(found.item())


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _query(asset: str, sql: str, frame: pl.DataFrame) -> pl.DataFrame:
    with pl.SQLContext({asset: frame}, eager=True) as context:
        return context.execute(sql)


def _in_band(
    figure: Callable[[pl.DataFrame], float | None], low: float | None, high: float | None, **held: Any
) -> Finding:
    frame = next(iter(held.values()))
    value = figure(frame) if frame.height else None
    # Of no rows there is no figure, and nothing is wrong with them; of rows, no figure is wrong.
    return within(value, low, high, frame.height) if frame.height else Finding(_inside(low, high), low, high)


def _inside(low: float | None, high: float | None) -> float:
    return low if low is not None else high if high is not None else math.nan


def _no_rows(asset: str, sql: str, **held: Any) -> Finding:
    frame = held[asset]
    return offending_rows(_query(asset, sql, frame), frame.height)


def expression(text: str) -> pl.Expr:
    """A polars expression from its text: columns, numbers, operators and methods of `pl`, and nothing else.

    Raises:
        ValueError: the text is no such expression.
    """
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text!r} is no expression: {getattr(error, 'msg', error)}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id != "pl":
            raise ValueError(f"{node.id!r} is not known: only `pl` is")
        if isinstance(node, ast.Attribute) and node.attr.startswith(("_", *_REACHING)):
            raise ValueError(f"`{node.attr}` may not be used in a file of rules")
        if not isinstance(node, _ALLOWED):
            raise ValueError(f"{type(node).__name__} may not be used in a file of rules")
    found = eval(compile(tree, "rules.yml", "eval"), {"__builtins__": {}, "pl": pl})
    if not isinstance(found, pl.Expr):
        raise ValueError(f"{text!r} is no polars expression: begin with pl.col")
    return found


_ALLOWED = (
    ast.Expression, ast.Name, ast.Load, ast.Attribute, ast.Call, ast.keyword, ast.Constant, ast.BinOp, ast.UnaryOp,
    ast.Compare, ast.List, ast.Tuple, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip


def owners_of_rules() -> dict[str, str]:
    """Owners that the file names, by `asset:rule`."""
    return {f"{rule.asset}:{rule.name}": rule.owner for rule in file_rules() if rule.owner}


def runbooks_of_rules() -> dict[str, str]:
    """Runbooks that the file has, by the rule's name."""
    return {rule.name: rule.runbook for rule in file_rules() if rule.runbook}
