"""Planted defects: which check catches which, what is missed, and false alarms on worlds without any."""

import time

from benchmarks.data_defects.bench import false_alarms, try_all
from benchmarks.measure import Report, Row

CLEAN_WORLDS = 20
MOST_NAMED = 3


def run(scale: str) -> Report:
    """The matrix of defects by checks as notes, and its three ratios; worlds are small at every scale."""
    began = time.perf_counter()
    outcomes = try_all()
    planted = time.perf_counter() - began
    began = time.perf_counter()
    alarms = false_alarms(range(100, 100 + CLEAN_WORLDS))
    clean = time.perf_counter() - began
    report = Report("defects")
    report.add(Row("plant and judge", "rules", 1, planted, len(outcomes) / planted, "defect"))
    report.add(Row("judge clean worlds", "rules", 1, clean, CLEAN_WORLDS / clean, "world"))
    for outcome in outcomes:
        others = [name for name in outcome.raised if name != outcome.expected]
        more = f" (+{len(others) - MOST_NAMED} more)" if len(others) > MOST_NAMED else ""
        also = f"; also {', '.join(others[:MOST_NAMED])}{more}" if others else ""
        verdict = "caught" if outcome.caught else "MISSED"
        report.notes.append(f"{verdict}  {outcome.name}  by {outcome.expected}{also}")
    report.notes.extend(f"FALSE ALARM in world {seed}: {', '.join(names)}" for seed, names in alarms.items())
    report.ratios = {
        "defects_planted": float(len(outcomes)),
        "defects_caught_share": sum(outcome.caught for outcome in outcomes) / len(outcomes),
        "clean_worlds_without_alarm_share": 1 - len(alarms) / CLEAN_WORLDS,
    }
    return report
