"""The asset graph, as Dagster has it: what each asset is made of, and how it is drawn from left to right.

The edges are those of the code location's definitions, which are loaded by name when they are first asked for: nobody
keeps a second graph. `DatasetSpec.follows` adds the edges that people close.
"""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from quality.registry import CODE_LOCATION, spec_of, where

Edges = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class AssetNode:
    """One asset in Dagster's graph: what it depends on, and what people sort it by.

    `system` is None for the first system's; `stage` is Dagster's group, `tags` are its kinds and tags (`name=value`).
    """

    deps: tuple[str, ...]
    system: str | None = None
    stage: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class AssetGraph:
    """Assets by name.

    Attributes:
        made_of: the assets that a run makes each of, all of them.
        follows: those that it follows by people's doing.
        systems: the system of each asset that is not of the first one, or shared.
        stages, tags: what each asset is sorted by.
    """

    made_of: Edges
    follows: Edges
    systems: Mapping[str, str]
    stages: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def having(self, made: Iterable[str]) -> "AssetGraph":
        """The graph without the systems beside the first that have nothing among these: not everybody wants them.

        What was not made either and serves such systems alone, playlists in order for instance, goes with them.
        """
        made = set(made)
        wanted = {self.systems.get(asset) for asset in made} | {None}
        kept = {asset for asset in self.made_of if self.systems.get(asset) in wanted}
        users: dict[str, list[str]] = {asset: [] for asset in self.made_of}
        for asset, ups in self.made_of.items():
            for up in ups:
                users[up].append(asset)
        for asset in reversed(self._in_order):
            if asset not in made and users[asset] and kept.isdisjoint(users[asset]):
                kept.discard(asset)
        return replace(self, made_of={asset: ups for asset, ups in self.made_of.items() if asset in kept})

    @cached_property
    def drawn(self) -> Edges:
        """What each asset is drawn behind: edges that a longer way implies are left out, those by people added.

        An index table feeds nearly everything; all its edges would hide those along which data flow.
        """
        behind = self._everything_behind
        found = {}
        for asset, ups in self.made_of.items():
            implied = {far for up in ups for far in behind[up]}
            found[asset] = (*(up for up in ups if up not in implied), *self.follows.get(asset, ()))
        return found

    @cached_property
    def _everything_behind(self) -> dict[str, frozenset[str]]:
        behind: dict[str, frozenset[str]] = {}
        for asset in self._in_order:
            ups = self.made_of[asset]
            behind[asset] = frozenset(ups).union(*(behind[up] for up in ups))
        return behind

    @cached_property
    def _in_order(self) -> list[str]:
        from graphlib import TopologicalSorter

        return list(TopologicalSorter(self.made_of).static_order())

    def layers(self) -> dict[str, int]:
        """Column of each asset in a drawing from left to right: one more than its furthest upstream asset."""
        column: dict[str, int] = {}
        for asset in self._in_order:
            column[asset] = max((column[up] for up in self.made_of[asset]), default=-1) + 1
        return column


def graph_of(nodes: Mapping[str, AssetNode]) -> AssetGraph:
    """The graph of assets by name, in order of name."""
    return AssetGraph(
        made_of={name: nodes[name].deps for name in sorted(nodes)},
        follows={name: spec_of(name).follows for name in nodes if spec_of(name).follows},
        systems={name: node.system for name, node in nodes.items() if node.system},
        stages={name: node.stage for name, node in nodes.items() if node.stage},
        tags={name: node.tags for name, node in nodes.items() if node.tags},
    )


def asset_graph() -> AssetGraph:
    """The graph of the code location, with the systems that can run here."""
    return _loaded(where())


def checks_in_code() -> frozenset[tuple[str, str]]:
    """Every check of the code location, as (asset, name)."""
    return _checks(where())


@lru_cache(maxsize=8)
def _checks(folders: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    found: frozenset[tuple[str, str]] = importlib.import_module(f"{CODE_LOCATION}.definitions").check_keys()
    return found


@lru_cache(maxsize=8)
def _loaded(folders: tuple[str, ...]) -> AssetGraph:
    return graph_of(importlib.import_module(f"{CODE_LOCATION}.definitions").asset_nodes())
