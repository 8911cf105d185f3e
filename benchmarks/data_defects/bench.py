"""Plants every defect in a good world and notes which checks raise; and counts alarms on worlds without defects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.data_defects import (
    artists,
    events,
    examples,
    feedback,
    general,
    labels,
    models,
    rankings,
    sequences,
    served,
    songs,
    sources,
    window,
)
from benchmarks.data_defects.files import FILE_DEFECTS, FileDefect, quarantined_reasons
from benchmarks.data_defects.planting import Defect
from benchmarks.data_defects.world.clean import clean_world
from quality.inputs import derived_inputs, with_derived
from quality.rules.catalogue import rules_by_asset
from quality.rules.verdict import Rule, Verdict

_KINDS = (
    sources,
    labels,
    examples,
    models,
    rankings,
    feedback,
    events,
    window,
    served,
    artists,
    sequences,
    songs,
    general,
)
DEFECTS: tuple[Defect, ...] = tuple(defect for kind in _KINDS for defect in kind.DEFECTS)


@dataclass(frozen=True)
class Outcome:
    """One defect, the check that must name it, and every check that raised."""

    name: str
    expected: str
    raised: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Whether the check that must name it raised."""
        return self.expected in self.raised


def try_defect(defect: Defect, world: Mapping[str, Any]) -> Outcome:
    """Plants one defect and runs every rule that looks at what was touched.

    A rule that could not judge the damaged data does not count as having caught anything.
    """
    verdicts = judged(defect, world)
    raised = [f"{v.rule.asset}.{v.rule.name}" for v in verdicts if not v.passed and not v.finding.unreadable]
    return Outcome(defect.name, defect.caught_by, tuple(raised))


def judged(defect: Defect, world: Mapping[str, Any]) -> list[Verdict]:
    """The verdicts on a world with the defect, of every rule that looks at what was touched."""
    spoiled, touched = planted(defect, world)
    return [rule.judge(spoiled) for rule in _all_rules() if touched & set(rule.inputs.values())]


def planted(defect: Defect, world: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The world with the defect, and the inputs that it touched, with those that are derived from them."""
    changed = defect.plant(world)
    touched = {*changed}
    whole = {**world, **changed}
    base = {name: value for name, value in whole.items() if value is not None and not _stale(name, touched)}
    return with_derived(base), touched | {name for name in derived_inputs() if _stale(name, touched)}


def try_file_defect(defect: FileDefect) -> Outcome:
    """Writes one damaged file and reads it; the reasons of the quarantine are its checks."""
    raised = tuple(sorted(f"quarantine.{reason}" for reason in quarantined_reasons(defect)))
    return Outcome(f"{defect.source} file: {defect.name}", f"quarantine.{defect.reason}", raised)


def try_all(seed: int = 0) -> list[Outcome]:
    """Every defect on one world."""
    world = clean_world(seed)
    return [*(try_file_defect(d) for d in FILE_DEFECTS), *(try_defect(d, world) for d in DEFECTS)]


def false_alarms(seeds: Iterable[int]) -> dict[int, list[str]]:
    """Checks that raise on good worlds, by seed; only seeds with an alarm."""
    found = {}
    for seed in seeds:
        world = clean_world(seed)
        raised = [f"{rule.asset}.{rule.name}" for rule in _all_rules() if not rule.judge(world).passed]
        if raised:
            found[seed] = raised
    return found


def _all_rules() -> list[Rule]:
    return [rule for rules in rules_by_asset().values() for rule in rules]


def _stale(name: str, touched: set[str]) -> bool:
    """Whether a derived input must be made anew, because what it is made of was touched and it was not itself."""
    made = derived_inputs().get(name)
    return made is not None and name not in touched and bool(touched & set(made.needs))
