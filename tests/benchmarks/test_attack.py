"""The attacks against a living `buddies up`, in a short form: nobody else sees an error, and nothing is left."""

from collections import Counter

import pytest

from benchmarks import attack
from benchmarks.attack import AttackReport, Outcome
from benchmarks.attacks import ATTACKS

LONG = {"connections that are never closed", "callers who do not read", "a crowded dashboard", "models swapped"}
"""Attacks that wait for time-outs, or load a busy machine."""


def test_an_outcome_is_harmless_only_if_nobody_noticed_and_nothing_is_left() -> None:
    def outcome(**more: object) -> Outcome:
        return Outcome("x", 10.0, 11.0, **({"left": ""} | more))  # type: ignore[arg-type]

    assert outcome().is_harmless
    assert not outcome(left="a process").is_harmless
    assert not outcome(wait=0.3).is_harmless
    assert not outcome(errors=Counter({"503": 1})).is_harmless


def test_only_what_others_saw_meanwhile_counts() -> None:
    found = Outcome("x", 10.0, 10.2, "")
    seen = {
        "waits": {"99": 9.0, "101": 0.1, "104": 9.0},
        "answers": {"100": 3, "102": 4},
        "errors": {"101": {"503": 2}},
    }
    found.take_in(seen)
    assert (found.wait, found.answers, found.errors) == (0.1, 7, Counter({"503": 2}))


def check(report: AttackReport) -> None:
    assert [(o.name, o.left) for o in report.outcomes if o.left] == []
    assert [(o.name, o.errors) for o in report.outcomes if o.errors] == []
    # a machine that runs other tests too makes everybody wait: how long is the benchmark's affair
    assert max(o.wait for o in report.outcomes) < 5.0


@pytest.mark.integration
def test_the_attacks_harm_nobody_and_leave_nothing() -> None:
    report = attack.run("small", [name for name in ATTACKS if name not in LONG])
    check(report)
    assert len(report.outcomes) >= 11


@pytest.mark.slow
@pytest.mark.integration
def test_the_attacks_that_take_long_harm_nobody_either() -> None:
    check(attack.run("small", LONG))
