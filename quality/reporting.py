"""The health of everything as it is stored now: from the history and the datasets' manifests to a report."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from buddies_core.storage.datasets import DatasetStore
from quality.diagnosis import judge
from quality.graph import asset_graph, checks_in_code
from quality.health import AssetFacts, Code, Report
from quality.history import assets, standing
from quality.history.assets import AssetVersion
from quality.history.automation import automata
from quality.registry import spec_of
from quality.standstill import standstills
from quality.stored import Stored, read_stored

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def read_report(connection: "Connection", store: DatasetStore, now: datetime) -> Report:
    """The health of everything; the history must be up to date (`quality.history.sync`)."""
    return report_of(connection, assets.latest(connection, now), read_stored(store), now)


def report_of(connection: "Connection", made: Sequence[AssetVersion], stored: Stored, now: datetime) -> Report:
    """The same from what is known already: the newest materialisations and what is stored."""
    facts, attempts = asset_facts(made, stored), standing.attempts(connection)
    return judge(
        facts,
        standing.checks(connection),
        attempts,
        asset_graph().having([*facts, *(attempt.asset for attempt in attempts)]).made_of,
        now,
        standing.jobs(connection),
        standstills(automata(connection), now),
        Code(frozenset(asset_graph().made_of), checks_in_code()),
    )


def asset_facts(made: Sequence[AssetVersion], stored: Stored) -> dict[str, AssetFacts]:
    """What is known of each asset; of those that the history does not know, what their manifest says.

    Only datasets have a fingerprint in the history: one that has it, unpartitioned, and is not stored was deleted.
    """
    facts = {
        name: AssetFacts(
            datetime.fromisoformat(manifest.created_at), manifest.run_id, spec_of(name).max_age, stored.damage.get(name)
        )
        for name, manifest in stored.manifests.items()
    }
    for version in made:
        name, damage = version.asset, stored.damage.get(version.asset)
        if version.fingerprint and version.partition is None and name not in stored.datasets and damage is None:
            damage = "the stored dataset is gone; materialise it again"
        facts[name] = AssetFacts(version.at, version.run_id, spec_of(name).max_age, damage)
    return facts
