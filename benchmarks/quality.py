"""Quality of ranking: our model beside what it must beat, on worlds made of song overlap and on one made of taste.

Configurations were chosen on the validation splits; this prints validation and test. `--scale small` takes the
product's synthetic sample and two denser worlds (likes made of overlap; likes made of taste and chance), `tenth` the
synthetic tenth of the published data, `real` the files that BUDDIES_MPD_DIR, BUDDIES_ENTP_FILE and BUDDIES_MSD_FILE
name. Beside the main table: what is really served, users never trained on, and playlists that came later.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.measure import machine, revision
from benchmarks.quality_unseen import cold_users, later_playlists
from benchmarks.worlds import World, likes_matrix, noisy_world, overlap_world, real_world, synthetic_world
from buddies_assets.sources.synthetic.world import FULL_PLAYLISTS, FULL_USERS
from buddies_assets.systems.playlists.pairing.candidates import draw_candidates
from buddies_assets.systems.playlists.pairing.nearest import nearest, take_owners
from buddies_core.evaluation.ranks import popularity
from buddies_core.evaluation.report import EvaluationProtocol, evaluation_protocol, judge
from buddies_core.evaluation.served_lists import served_metrics
from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged
from buddies_core.recommenders.als import als_factors
from buddies_core.recommenders.baselines import (
    System,
    factor_model,
    neighbours_vote,
    popularity_baseline,
    random_order,
    song_overlap,
)
from buddies_core.recommenders.bpr.config import BEST, PUBLISHED, TrainingConfig
from buddies_core.recommenders.bpr.trainer import train
from buddies_core.recommenders.factors import Factors

_SEED = 1
_OURS = "BPR, best preset"
_MAIN = ("mrr", "hit_1", "hit_5", "hit_10", "matched_mrr", "all_ndcg_10", "all_recall_10", "coverage", "novelty")
_SERVED = ("reach", "recall", "mrr", "hit_1", "hit_5", "ndcg_10", "precision_5", "coverage")


@dataclass
class QualityReport:
    """Tables by title; printed as text, written as JSON."""

    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)

    def to_text(self) -> str:
        """All tables for people."""
        return "\n\n".join(f"{title}\n{_text(rows)}" for title, rows in self.tables.items())

    def to_json(self) -> str:
        """All tables with the revision and the machine."""
        head = {"benchmark": "quality", "revision": revision(), "machine": machine(), "ratios": self.ratios}
        return json.dumps(head | {"tables": self.tables}, indent=1, default=float)


def run(scale: str) -> QualityReport:
    """All tables of a scale."""
    report = QualityReport()
    for world in _worlds(scale):
        title = f"{world.name}: {world.train.n_rows:,} users, {world.train.n_columns:,} playlists"
        for table, rows in tables(world, large=scale in ("tenth", "full")).items():
            report.tables[f"{title}; {table}"] = rows
            print(f"{title}; {table}\n{_text(rows)}\n", file=sys.stderr, flush=True)
    return report


def tables(world: World, *, large: bool) -> dict[str, list[dict[str, object]]]:
    """The tables of one world; a large one is judged on fewer users and without what would take hours."""
    counts = popularity(world.train)
    protocols = evaluation_protocols(world, counts, large=large)
    main: list[dict[str, object]] = []
    served: list[dict[str, object]] = []
    candidates, known = _candidates(world), _owned_or_liked(world)
    best: Factors | None = None
    for name, build in _systems(world, counts, large=large):
        began = time.perf_counter()
        built = build()
        seconds = time.perf_counter() - began
        system = built if isinstance(built, System) else factor_model(name, built)
        if name == _OURS and isinstance(built, Factors):
            best = built
        main += [ranking_row(system, name, protocol, seconds) for protocol in protocols]
        shown = served_metrics(
            system, candidates, protocols[1].relevant, known=known, playlist_songs=world.playlist_songs, **_ids(world)
        )
        served.append({"system": name, **{metric: f"{shown[metric]:.3f}" for metric in _SERVED}})
    found = {"ranking": main, "candidates served, test likes": served}
    if best is not None:
        found["users never trained on"] = cold_users(world, best, counts, seed=_SEED)
    if not large:
        found["playlists that came later"] = later_playlists(world, seed=_SEED)
    return found


def evaluation_protocols(world: World, counts: np.ndarray, *, large: bool) -> list[EvaluationProtocol]:
    """What systems are asked on validation and on test."""
    return [
        evaluation_protocol(
            split, cases, likes=world.likes, train=world.train, popularity=counts, playlist_songs=world.playlist_songs,
            **_ids(world), seed=_SEED, most_users=1_000 if large else 5_000,
        )
        for split, cases in (("validation", world.data.validation), ("test", world.test_cases))
    ]  # fmt: skip


def _systems(world: World, counts: np.ndarray, *, large: bool) -> Iterator[tuple[str, Callable[[], System | Factors]]]:
    """Names and how to build each; a factorisation is given as its factors."""

    def trained(config: TrainingConfig) -> Callable[[], Factors]:
        return lambda: train(config.model_copy(update={"threads": 2}), world.data).factors

    yield "random", lambda: random_order(*_ids(world).values(), seed=_SEED)
    yield "most liked", lambda: popularity_baseline(counts)
    yield "song overlap", lambda: song_overlap(world.user_songs, world.playlist_songs, world.playlist_songs.lengths)
    yield "neighbours' vote", lambda: neighbours_vote(world.user_songs, world.train)
    if large:
        config = TrainingConfig(negatives=PUBLISHED.negatives, learning_rate=0.05, decay=0.9)
        yield "BPR, published negatives", trained(config)
    else:
        yield "BPR, published", trained(PUBLISHED)
        yield "BPR, published, batch 1,024", trained(PUBLISHED.model_copy(update={"batch_size": 1_024}))
    yield "implicit BPR", lambda: _implicit(world, "bpr", iterations=20 if large else 100)
    yield "implicit ALS", lambda: _implicit(world, "als", iterations=15)
    best = BEST.model_copy(update={"threads": 2})
    yield "ALS of likes", lambda: als_factors(world.train, best)
    yield "ALS of likes and libraries", lambda: als_factors(world.train, best, user_songs=world.user_songs)
    yield "BPR, uniform and popular negatives", trained(TrainingConfig(learning_rate=0.05, decay=0.9))
    yield _OURS, trained(BEST)


def _implicit(world: World, kind: str, *, iterations: int) -> Factors:
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from threadpoolctl import threadpool_limits

    if kind == "als":
        model = AlternatingLeastSquares(factors=128, iterations=iterations, random_state=_SEED, num_threads=2)
    else:
        model = BayesianPersonalizedRanking(
            factors=127, learning_rate=0.05, iterations=iterations, random_state=_SEED, num_threads=2
        )
    with threadpool_limits(1, user_api="blas"):
        model.fit(likes_matrix(world.train), show_progress=False)
    return Factors(model.user_factors, model.item_factors)


def _ids(world: World) -> dict[str, np.ndarray]:
    """A world is given as matrices, without ids: its rows are all there is to know users and playlists by."""
    return {"keys": np.arange(world.train.n_rows, dtype=np.uint64), "pids": np.arange(world.train.n_columns)}


def _owned_or_liked(world: World) -> Library:
    """What each user owns or likes in train."""
    owners = np.repeat(np.arange(world.train.n_rows), world.train.lengths)
    pairs = [(owners, world.train.indices), (world.ownership.owner, world.ownership.playlist)]
    return Library.from_parts(pairs, world.train.n_rows, world.train.n_columns)


def _candidates(world: World) -> Library:
    """The candidates that users would be offered, by pairing and ownership."""
    owned = Library.from_pairs(
        world.ownership.owner, world.ownership.playlist, world.train.n_rows, world.train.n_columns
    )
    neighbours = take_owners(nearest(world.user_songs, threads=2), owned.lengths)
    everyone = np.arange(world.train.n_rows)
    drawn = draw_candidates(
        everyone,
        neighbours.lists,
        Ragged(owned.indptr, owned.indices),
        Ragged(world.train.indptr, world.train.indices),
        keys=everyone,
        pids=np.arange(world.train.n_columns),
        seed=_SEED,
    )
    return Library(drawn.offsets, drawn.values, world.train.n_columns)


def ranking_row(system: System, name: str, protocol: EvaluationProtocol, seconds: float) -> dict[str, object]:
    """A system's row of the ranking table."""
    found = judge(replace(system, name=name), protocol, seed=_SEED)
    row: dict[str, object] = {"system": name, "split": protocol.split}
    for metric in _MAIN:
        digits = 2 if metric == "novelty" else 4 if metric.startswith("all") else 3
        shown = f"{found[metric]:.{digits}f}"
        if metric in ("mrr", "matched_mrr"):
            shown += f" [{found[metric + '_low']:.3f}, {found[metric + '_high']:.3f}]"
        row[metric] = shown
    return row | {"seconds": f"{seconds:.1f}"}


def _worlds(scale: str):
    match scale:
        case "real":
            yield real_world(seed=_SEED)
        case "small":
            yield overlap_world(4_000, 6_000, 3_000, seed=_SEED)
            yield noisy_world(4_000, 6_000, 3_000, seed=_SEED)
            yield synthetic_world(10_000, 10_000, seed=_SEED)
        case _:
            yield synthetic_world(FULL_USERS // 10, FULL_PLAYLISTS, seed=_SEED)


def _text(rows: list[dict[str, object]]) -> str:
    header = list(rows[0])
    lines = [header, *([str(row[name]) for name in header] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
