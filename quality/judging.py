"""The rules of one asset judged together: at once where the data are small, else piece by piece.

In memory are the rows of one piece, at most `BYTES_AT_ONCE` (22 million triplets, 11 million blocks) or one shard where
that is more, with about ten times as much around them in joins and groups; and the small tables and figures that rules
compare with. How many rows a dataset has makes no difference.

A rule that looks at no dataset that is cut (at small tables and figures alone) is judged once, a rule about the order
of rows on the shards as they are stored.
"""

import time
from collections.abc import Sequence
from functools import partial

import polars as pl

from buddies_core.storage.dataset import Dataset
from quality import pieces
from quality.check_inputs import CheckInputs
from quality.registry import spec_of
from quality.rules.proofs import PROVABLE, proven
from quality.rules.verdict import UNREADABLE, Finding, Rule, Verdict, merged, unjudged

SCHEMA_RULE = "matches_its_schema"


def judge(asset: str, rules: Sequence[Rule], inputs: CheckInputs) -> list[Verdict]:
    """Every rule's verdict on an asset; the same whether it is judged at once or in pieces."""
    cut = _to_cut(asset, rules, inputs)
    if all(pieces.size_in_memory(dataset) <= pieces.BYTES_AT_ONCE for dataset in cut.values()):
        return [rule.judge(inputs) for rule in rules]  # type: ignore[arg-type]
    found = _proven(asset, rules, inputs)
    left = [rule for rule in rules if rule.name not in found]
    of_rows = [rule for rule in left if not rule.in_order and set(rule.inputs.values()) & {*cut}]
    if of_rows:
        found |= _of_pieces(asset, of_rows, inputs, cut)
    for rule in left:
        if rule.in_order:
            shards = range(len(cut[asset].manifest.shards))
            parts = [inputs.within({asset: partial(cut[asset].shard, n)}) for n in shards]
            found[rule.name] = [rule.judge(part) for part in parts]  # type: ignore[arg-type]
        elif rule.name not in found:
            found[rule.name] = [rule.judge(inputs)]  # type: ignore[arg-type]
    return [_together(rule, found[rule.name]) for rule in rules]


def _proven(asset: str, rules: Sequence[Rule], inputs: CheckInputs) -> dict[str, list[Verdict]]:
    """The verdicts of rules that are proven to hold without looking at the rows one by one."""
    if asset not in PROVABLE:
        return {}
    began, by_name = time.perf_counter(), {rule.name: rule for rule in rules}
    try:
        held = proven(asset, inputs.handles, {name: inputs[name] for name in PROVABLE[asset]})
    except UNREADABLE:
        return {}  # the rules themselves say what cannot be read
    seconds = (time.perf_counter() - began) / max(len(held), 1)
    return {name: [Verdict(by_name[name], finding, seconds)] for name, finding in held.items() if name in by_name}


def _to_cut(asset: str, rules: Sequence[Rule], inputs: CheckInputs) -> dict[str, Dataset]:
    """The stored datasets that are cut for these rules; none where the asset is not one of them."""
    key = spec_of(asset).judged_by
    needed = {asset} | {name for rule in rules for name in rule.inputs.values()}
    names = {name for name in needed if key in spec_of(name).keys} if key else set()
    stored = {name: inputs.handles.get(name) for name in sorted(names) if name not in inputs.given}
    cut = {name: dataset for name, dataset in stored.items() if isinstance(dataset, Dataset)}
    return cut if asset in cut else {}


def _of_pieces(
    asset: str, rules: Sequence[Rule], inputs: CheckInputs, cut: dict[str, Dataset]
) -> dict[str, list[Verdict]]:
    """The verdicts on all pieces; where the data cannot even be cut, the error in place of each."""
    found: dict[str, list[Verdict]] = {rule.name: [] for rule in rules}
    seen = 0
    try:
        with pieces.pieces(asset, cut) as readers:
            for piece in readers:
                limited = inputs.within(piece)
                for rule in rules:
                    found[rule.name].append(rule.judge(limited))  # type: ignore[arg-type]
                seen += limited[asset].height
    except UNREADABLE as error:
        return {rule.name: [Verdict(rule, unjudged(error))] for rule in rules}
    if seen != cut[asset].manifest.rows:
        by_name = {rule.name: rule for rule in rules}
        lost = _misplaced(cut[asset].manifest.rows - seen)
        found[SCHEMA_RULE].append(Verdict(by_name[SCHEMA_RULE], lost))
    return found


def _together(rule: Rule, verdicts: Sequence[Verdict]) -> Verdict:
    findings = merged(verdict.finding for verdict in verdicts)
    return Verdict(rule, findings, sum(verdict.seconds for verdict in verdicts))


def _misplaced(rows: int) -> Finding:
    """Rows that no piece holds: their user is null, or not among the users of their shard."""
    sample = pl.DataFrame({"rows outside the users of their shard": [rows]})
    return Finding(float(abs(rows)), None, 0.0, abs(rows), 0, sample, counts_rows=True)
