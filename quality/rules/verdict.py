"""What a data rule is and what it says: a `Rule` looks at datasets and returns a `Finding`; together, a `Verdict`.

A rule's first parameter names the asset it judges, its other parameters the datasets and figures it compares with, so
a predicate reads like its sentence and the wiring (`quality/checks.py`) can look its inputs up by name.
Findings over pieces add up, so that a dataset larger than memory is judged piece by piece.
"""

import inspect
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import polars as pl

from buddies_core.errors import BuddiesError

_UNREADABLE_COLUMN = "could_not_be_judged"
SAMPLE_ROWS = 10
"""Offending rows kept as evidence: enough to see the pattern, few enough to store with every evaluation."""
SIGMAS = 5.0
"""Half-width of a sampling band in standard errors: one false alarm in about two million draws."""


class Severity(StrEnum):
    """How bad a broken rule is: an error is wrong data, a warning is data that somebody should look at."""

    ERROR = "error"
    WARN = "warn"


class MissingInputError(BuddiesError, LookupError):
    """A rule was asked to judge without one of the datasets that it compares with."""


@dataclass(frozen=True)
class Finding:
    """What one rule found: `value` must lie in [low, high] (None = open); counts and a sample say why.

    `total` is what was looked at, `offending` what is wrong; for a band they may be 0 while the value is outside.
    A NaN value never passes: a figure that cannot be computed is no evidence of health.
    """

    value: float
    low: float | None = None
    high: float | None = None
    offending: int = 0
    total: int = 0
    sample: pl.DataFrame = field(default_factory=pl.DataFrame)
    counts_rows: bool = False

    @property
    def passed(self) -> bool:
        """Whether the value is a number within its band."""
        if math.isnan(self.value):
            return False
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)

    @property
    def unjudged(self) -> bool:
        """Whether it passes for want of anything to judge: there is a figure and no band (`too_few`)."""
        return self.passed and self.low is None and self.high is None

    @property
    def unreadable(self) -> bool:
        """Whether the data were too broken for the rule to judge."""
        return _UNREADABLE_COLUMN in self.sample.columns

    @property
    def share(self) -> float:
        """Offending share of what was looked at; 0 of nothing is 0."""
        return self.offending / self.total if self.total else 0.0


def offending_rows(bad: pl.DataFrame, of: int) -> Finding:
    """Finding of a rule that no row may break: the value is the number of rows that do, and must be 0."""
    return Finding(
        value=float(bad.height),
        high=0.0,
        offending=bad.height,
        total=of,
        sample=bad.head(SAMPLE_ROWS),
        counts_rows=True,
    )


def within(
    value: float | None, low: float | None, high: float | None, total: int = 0, sample: pl.DataFrame | None = None
) -> Finding:
    """Finding of a figure that must lie in a band; None and NaN are outside."""
    figure = math.nan if value is None else float(value)
    return Finding(figure, low, high, 0, total, pl.DataFrame() if sample is None else sample.head(SAMPLE_ROWS))


def too_few(value: float | None, total: int) -> Finding:
    """Finding of a figure without a band: it cannot be judged yet, for want of rows, or another rule judges it.

    It passes, and result and dashboard say that nothing was judged.
    """
    return within(value, None, None, total)


UNREADABLE = (pl.exceptions.PolarsError, LookupError, ValueError, TypeError, AttributeError)
"""What a predicate raises on data of another shape than it expects: a missing column, a list where a number was."""


def unjudged(error: Exception) -> Finding:
    """Finding of a rule that the data are too broken to be judged by: it fails, and its sample is the error.

    The other rules of the asset must still be heard, above all the schema's, which says what is wrong.
    """
    text = f"{type(error).__name__}: {error}"[:500]
    return Finding(math.nan, sample=pl.DataFrame({_UNREADABLE_COLUMN: [text]}))


def merged(findings: Iterable[Finding]) -> Finding:
    """One finding over all pieces: counts add up, a band's value is the mean weighted by what each piece looked at.

    A piece that could not be judged stands for all of them.
    """
    parts = list(findings)
    if not parts:
        return Finding(0.0)
    unreadable = next((part for part in parts if part.unreadable), None)
    if len(parts) == 1 or unreadable is not None:
        return unreadable or parts[0]
    total, offending = sum(p.total for p in parts), sum(p.offending for p in parts)
    if parts[0].counts_rows:
        value = float(offending)
    else:
        weights = [p.total for p in parts] if total else [1] * len(parts)
        value = sum(p.value * w for p, w in zip(parts, weights, strict=True)) / sum(weights)
    sample = next((p.sample for p in parts if p.sample.height), parts[0].sample)
    lows = [p.low for p in parts if p.low is not None]
    highs = [p.high for p in parts if p.high is not None]
    return Finding(
        value,
        max(lows) if lows else None,
        min(highs) if highs else None,
        offending,
        total,
        sample,
        parts[0].counts_rows,
    )


@dataclass(frozen=True)
class Rule:
    """A predicate with its name, the asset it judges and what happens when it is broken.

    `inputs` maps the predicate's parameters to dataset or figure names.
    `blocking` holds back what would be built on the data in the same run. `in_order` is a rule about the order of the
    rows, which must see them as they are stored.
    """

    name: str
    asset: str
    severity: Severity
    blocking: bool
    text: str
    inputs: Mapping[str, str]
    predicate: Callable[..., Finding]
    in_order: bool = False

    def __call__(self, *args: Any, **kwargs: Any) -> Finding:
        """The bare predicate, for tests and for use outside a run."""
        return self.predicate(*args, **kwargs)

    def on(self, asset: str, **renamed: str) -> "Rule":
        """The same rule judging another asset; `renamed` maps parameters to other datasets."""
        inputs = {parameter: asset if name == self.asset else name for parameter, name in self.inputs.items()}
        return replace(self, asset=asset, inputs=inputs | renamed)

    def judge(self, inputs: Mapping[str, Any]) -> "Verdict":
        """The verdict on datasets looked up by name.

        Raises:
            MissingInputError: a dataset that the rule compares with is not among `inputs`.
        """
        missing = [name for name in self.inputs.values() if name not in inputs]
        if missing:
            raise MissingInputError(f"rule {self.asset}.{self.name} needs {missing}; given: {sorted(inputs)}")
        started = time.perf_counter()
        try:
            finding = self.predicate(**{parameter: inputs[name] for parameter, name in self.inputs.items()})
        except UNREADABLE as error:
            finding = unjudged(error)
        return Verdict(self, finding, time.perf_counter() - started)


@dataclass(frozen=True)
class Verdict:
    """A rule and what it found, with the seconds it took."""

    rule: Rule
    finding: Finding
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the rule holds."""
        return self.finding.passed


def rule(
    *, severity: Severity = Severity.ERROR, blocking: bool = False, asset: str | None = None, in_order: bool = False
) -> Callable[[Callable[..., Finding]], Rule]:
    """Makes a predicate a `Rule`: its name is the function's, its text the first paragraph of the docstring.

    The asset is the first parameter, unless `asset` names one that is judged by parts of it (a checkpoint's vectors).
    """

    def decorate(predicate: Callable[..., Finding]) -> Rule:
        parameters = list(inspect.signature(predicate).parameters)
        text = (inspect.getdoc(predicate) or "").split("\n\n")[0].replace("\n", " ")
        return Rule(
            name=predicate.__name__,  # type: ignore[attr-defined]
            asset=asset or parameters[0],
            severity=severity,
            blocking=blocking,
            text=text,
            inputs={parameter: parameter for parameter in parameters},
            predicate=predicate,
            in_order=in_order,
        )

    return decorate
