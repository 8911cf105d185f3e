"""One report beside an older one: seconds for people to read, ratios for a machine to judge."""

from typing import Any

KEPT = 0.6
"""Share of an old ratio below which the new one is worse; side-by-side ratios differ by a third between noisy runs."""
AGAINST_FIXED_FIGURES = {"reference_hours_over_ours"}
"""Ratios whose other side was measured elsewhere: on another machine they differ, and say nothing of the code."""


def compared(new: dict[str, Any], old: dict[str, Any]) -> tuple[str, list[str]]:
    """A table of both reports, and the names of ratios that are worse.

    Args:
        new, old: as `Report.to_json` writes them.
    """
    before = {_key(row): row for row in old["rows"]}
    table = [("step", f"seconds at {old['revision']}", f"at {new['revision']}", "times as fast")]
    for row in new["rows"]:
        if (then := before.get(_key(row))) is not None:
            times = then["seconds"] / row["seconds"] if row["seconds"] else float("nan")
            table.append((row["step"], f"{then['seconds']:,.2f}", f"{row['seconds']:,.2f}", f"{times:.2f}"))
    worse = []
    for name, ratio in new["ratios"].items():
        if (then := old["ratios"].get(name)) is None:
            continue
        table.append((name, f"{then:.3g}", f"{ratio:.3g}", f"{ratio / then:.2f}"))
        if name not in AGAINST_FIXED_FIGURES and ratio < KEPT * then:
            worse.append(name)
    widths = [max(len(line[i]) for line in table) for i in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table]
    return "\n".join(lines), worse


def _key(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["step"], row["system"], row["threads"]
