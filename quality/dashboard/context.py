"""One request: its connection, its period, the time, and how to link to a run or a check."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from quality.dashboard.choice import Choice
from quality.dashboard.period import Period
from quality.dashboard.sources import Sources
from quality.file_rules import owners_of_rules
from quality.graph import AssetGraph, asset_graph
from quality.health import CheckHealth, Health, Report
from quality.history import assets
from quality.history.assets import AssetVersion
from quality.incidents import Incident, open_incidents
from quality.owners import parse_owners
from quality.reporting import report_of

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
    def report(self) -> Report:
        """The health of everything, as the alerts and `buddies status` judge it."""
        return report_of(self.connection, list(self._recorded.values()), self.sources.stored, self.now)

    @cached_property
    def incidents(self) -> list[Incident]:
        """What needs somebody now, one for each cause."""
        return open_incidents(self.report)

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """Who looks after which asset and rule."""
        return owners_of_rules() | parse_owners(self.sources.settings.owners)

    @cached_property
    def graph(self) -> AssetGraph:
        """The asset graph, without systems of which nothing is made."""
        return asset_graph().having(self.health)

    @cached_property
    def choice(self) -> Choice:
        """The assets that the URL asks for."""
        return Choice.of(self.query)

    def chosen(self, asset: str, check: str = "") -> bool:
        """Whether the URL asks for this asset, or this check of it; an incident of no asset is always told."""
        return not asset or self.choice.has(asset, asset_graph(), self.owners, check)

    def none_chosen(self, text: str) -> str:
        """What an empty table says: the text, unless a choice may be why it is empty."""
        return f"Nothing of {self.choice.words}; clear the filters for all others." if self.choice else text

    @property
    def checks(self) -> Sequence[CheckHealth]:
        """Every check, the worst first."""
        return self.report.checks

    @property
    def health(self) -> Mapping[str, Health]:
        """Health of every asset that the graph, the history or a check names."""
        return self.report.assets

    @cached_property
    def _recorded(self) -> dict[str, AssetVersion]:
        return {version.asset: version for version in assets.latest(self.connection, self.period.until)}

    @cached_property
    def latest(self) -> dict[str, AssetVersion]:
        """Each asset's last materialisation; of assets that the history does not know, what their manifest says."""
        found = dict(self._recorded)
        for name, manifest in self.sources.manifests.items():
            made, rows = datetime.fromisoformat(manifest.created_at), manifest.rows
            found.setdefault(name, AssetVersion(name, made, manifest.run_id, rows, (rows,)))
        return found

    def figures(self, asset: str) -> dict[str, Any] | None:
        """Statistics of an asset's stored version; None while there is none or it is being computed."""
        return self.sources.figures.get(asset)

    def run_of(self, asset: str) -> str | None:
        """The run that made an asset."""
        if asset in self.sources.manifests:
            return self.sources.manifests[asset].run_id
        return self.latest[asset].run_id if asset in self.latest else None

    def run_url(self, run_id: str | None) -> str | None:
        """Dagster's page of a run."""
        return f"{self.sources.dashboard.dagster_url}/runs/{quote(run_id)}" if run_id else None

    def asset_url(self, asset: str) -> str:
        """Dagster's page of an asset."""
        return f"{self.sources.dashboard.dagster_url}/assets/{quote(asset)}"
