"""One request: its connection, its period, the time, and how to link to a run or a check."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from quality.dashboard.period import Period
from quality.dashboard.sources import Sources
from quality.graph import MAXIMUM_AGE, UPSTREAM
from quality.health import Health, judge_asset
from quality.history import assets, checks

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


T = TypeVar("T")


@dataclass
class Context:
    """What a page's functions are given; queries that several of them need are made once."""

    connection: "Connection"
    sources: Sources
    period: Period
    now: datetime
    query: dict[str, str] = field(default_factory=dict)
    _kept: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returns, made at most once in a request: several charts of a page share a query."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @cached_property
    def standing(self) -> list[dict[str, Any]]:
        """Where every check stands, with its severity and how long it has been open."""
        found = checks.standing(self.connection)
        for row in found:
            row["state"] = "pass" if row["last_passed"] else "fail" if row["severity"] == "error" else "warn"
        return found

    @cached_property
    def latest(self) -> dict[str, dict[str, Any]]:
        """Each asset's last materialisation; of assets that the history does not know, what their manifest says."""
        found = {row["asset"]: row for row in assets.latest(self.connection, self.period.until)}
        for name, manifest in self.sources.manifests.items():
            made = datetime.fromisoformat(manifest.created_at)
            if name not in found:
                rows = manifest.rows
                found[name] = {"asset": name, "at": made, "run_id": manifest.run_id, "row_count": rows, "trend": [rows]}
        return found

    @cached_property
    def health(self) -> dict[str, Health]:
        """Health of every asset that the graph, the history or the checks name."""
        names = {*UPSTREAM, *self.latest, *(row["asset"] for row in self.standing)}
        by_asset: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for row in self.standing:
            by_asset[row["asset"]].append(row)
        return {
            name: judge_asset(
                self.latest[name]["at"] if name in self.latest else None,
                self.now,
                MAXIMUM_AGE.get(name),
                by_asset[name],
            )
            for name in sorted(names)
        }

    def figures(self, asset: str) -> dict[str, Any] | None:
        """Statistics of an asset's stored version; None while there is none or it is being computed."""
        return self.sources.figures.get(asset)

    def run_of(self, asset: str) -> str | None:
        """The run that made an asset."""
        if asset in self.sources.manifests:
            return self.sources.manifests[asset].run_id
        return self.latest[asset]["run_id"] if asset in self.latest else None

    def run_url(self, run_id: str | None) -> str | None:
        """Dagster's page of a run."""
        return f"{self.sources.dashboard.dagster_url}/runs/{quote(run_id)}" if run_id else None

    def asset_url(self, asset: str) -> str:
        """Dagster's page of an asset."""
        return f"{self.sources.dashboard.dagster_url}/assets/{quote(asset)}"
