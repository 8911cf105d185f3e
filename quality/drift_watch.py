"""Which numbers are watched for drift, and against what: the history's own record of earlier versions.

Volumes come from the materialisations, distributions and null shares from the statistics kept with each version of a
dataset; the reference is the last 28 versions before, together. A measure without an earlier version passes: there is
nothing yet that it could have drifted from. Where there are more of them, rows and what columns hold are judged by
bands learnt from these (`quality/learnt.py`), which know growth and the days of the week.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from buddies_core.postgres.schema import rows
from buddies_core.storage.datasets import DatasetStore
from quality.drift import METHODS, Drift, resampled, share_change, volume
from quality.history.assets import statistics
from quality.history.profiles import profile_of
from quality.learnt import everything
from quality.registry import dataset_specs, spec_of
from quality.rules.verdict import within
from quality.statistics import figures_of

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

WINDOW = 28
CLOCKS_DIFFER = timedelta(days=1)
"""A version that a clock ahead of ours made is looked at too."""


def watched() -> list[str]:
    """Datasets with a drift check, in order of name."""
    return sorted(name for name, spec in dataset_specs().items() if spec.watched)


_VOLUMES = """
    SELECT asset, array_agg(row_count ORDER BY at DESC) AS counts
    FROM (SELECT asset, at, row_count, row_number() OVER (PARTITION BY asset ORDER BY at DESC) AS place
          FROM quality.materialisations WHERE row_count IS NOT NULL AND partition IS NULL) m
    WHERE place <= %(window)s GROUP BY asset ORDER BY asset
"""
_FIGURES = """
    SELECT asset, figures FROM quality.statistics WHERE asset = ANY (%(assets)s) ORDER BY asset, computed_at DESC
"""


def watch(connection: "Connection", wanted: Collection[str] | None = None) -> list[Drift]:
    """Every watched number of the wanted assets (None: of all) against its reference window."""
    names = [asset for asset in watched() if wanted is None or asset in wanted]
    found = _fixed(connection) + [drift for asset in names for drift in _learnt(connection, asset)]
    return [drift for drift in found if wanted is None or drift.asset in wanted]


def _learnt(connection: "Connection", asset: str) -> list[Drift]:
    found = everything(connection, asset, datetime.now(UTC) + CLOCKS_DIFFER)
    return [
        Drift(asset, one.name, f"learnt: {one.band.method}", within(one.newest.value, one.band.low, one.band.high))
        for one in found
        if one.band is not None
    ]


def _fixed(connection: "Connection") -> list[Drift]:
    counts = {row["asset"]: row["counts"] for row in rows(connection, _VOLUMES, {"window": WINDOW + 1})}
    found = [Drift(asset, "rows", "volume", volume(held[0], held[1:])) for asset, held in counts.items()]
    versions: dict[str, list[dict[str, Any]]] = {}
    for row in rows(connection, _FIGURES, {"assets": watched()}):
        versions.setdefault(row["asset"], []).append(row["figures"])
    for asset in watched():
        spec, known = spec_of(asset), versions.get(asset, [])
        found += _distributions(asset, spec.drift, known)
        found += _null_shares(asset, known) if spec.nulls else []
    cold, users = counts.get("cold_users"), counts.get("user_library")
    if cold and users:
        shares = [c / u for c, u in zip(cold, users, strict=False) if u]
        found.append(Drift("cold_users", "cold share", "difference", share_change(shares[0], shares[1:])))
    return found


def _distributions(asset: str, measures: Mapping[str, str], versions: list[dict[str, Any]]) -> list[Drift]:
    if len(versions) < 2:
        return []
    now, window = versions[0], versions[1 : WINDOW + 1]
    found = []
    for measure, method in measures.items():
        before = [resampled(version[measure]) for version in window if measure in version]
        if measure in now and before:
            finding = METHODS[method](resampled(now[measure]), np.concatenate(before))
            found.append(Drift(asset, measure, method, finding))
    return found


def _null_shares(asset: str, versions: list[dict[str, Any]]) -> list[Drift]:
    known = [version["nulls"] for version in versions if "nulls" in version]
    if len(known) < 2:
        return []
    now, window = known[0], known[1 : WINDOW + 1]
    return [
        Drift(
            asset, f"nulls in {column}", "difference", share_change(share, [v[column] for v in window if column in v])
        )
        for column, share in now.items()
    ]


def observe(connection: "Connection", store: DatasetStore, wanted: Collection[str]) -> list[Drift]:
    """`watch`, after the statistics of the stored versions are in the history; of the wanted assets."""
    for name in sorted(set(wanted) & set(watched()) & set(store.names())):
        dataset = store.open(name)
        profile_of(connection, dataset)
        statistics(connection, name, dataset.fingerprint, partial(figures_of, spec_of(name), dataset, store))
    return watch(connection, wanted)
