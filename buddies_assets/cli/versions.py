"""`buddies models`: the stored versions of what is served, and two of them on the same listeners."""

import dataclasses
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from buddies_assets.cli.console import styled
from buddies_core import json_text
from buddies_core.comparison.compared import MEASURES, Compared
from buddies_core.comparison.of_home import Comparisons, Pair, StoredVersionInfo
from buddies_core.errors import BuddiesError
from buddies_core.settings import Settings

COLOURS = {"better": "green", "worse": "yellow"}


class OneVersionError(BuddiesError):
    """One version is named and the other is not."""


def show_models(console: Console, settings: Settings, first: str | None, second: str | None, *, as_json: bool) -> None:
    """Print the versions, or the comparison of two.

    Raises:
        OneVersionError: only one is named.
    """
    comparisons = Comparisons(settings)
    if first is None:
        listed = comparisons.stored()
        if as_json:
            console.print_json(json_text.dumps([msgspec.structs.asdict(one) for one in listed]))
        else:
            console.print(_versions_table(listed) if listed else "No version is stored: run `buddies run` first.")
        return
    if second is None:
        raise OneVersionError("Name two versions, or none to list those that there are.")
    found = comparisons.of(Pair(first, second))
    if as_json:
        console.print_json(json_text.dumps([_as_json(one) for one in found]))
    else:
        console.print(_comparison_table(found, first, second))


def _versions_table(listed: Sequence[StoredVersionInfo]) -> Table:
    table = Table("version", "made", "model", "role", "run")
    for one in listed:
        table.add_row(one.version, one.created_at, one.model, one.role or "-", (one.run_id or "-")[:8])
    return table


def _as_json(one: Compared) -> dict[str, object]:
    return dataclasses.asdict(one) | {"verdict": one.verdict}


def _comparison_table(found: Sequence[Compared], first: str, second: str) -> Table:
    table = Table(
        "told apart by", "segment", "listeners", "measure", "first", "second", "lead of the second (95 %)", "",
        title=f"{second} against {first}, by hidden plays: of twenty segments one stands out by chance",
    )  # fmt: skip
    for measure in MEASURES:
        for one in found:
            if one.measure == measure:
                gain = one.gain
                lead = f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})" if gain else "too few"
                verdict = styled((one.verdict, COLOURS.get(one.verdict, "dim")))
                figures = f"{one.first:.4f}", f"{one.second:.4f}", lead
                table.add_row(one.kind, one.segment, f"{one.listeners:,}", measure, *figures, verdict)
    return table
