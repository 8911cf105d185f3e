"""Like-rate over simulated weeks with a planted change of tastes: with the loop, without it, and retrained weekly.

Listeners ask for lists every day and like by their preferences. In the third week a season begins: some playlists are
wanted more than their songs explain, others less. Three worlds see the same listeners, moments and draws:
`loop` (retrains on enough sessions or when the degradation test raises its alarm), `none` (the offline model for ever),
`weekly` (the reference: retrains every Monday whatever happened). The ratio is of the like-rates after the change.
"""

import os
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measure import Report, Row
from buddies_assets.release.degradation_test import Day, Level, Verdict, lower_bound, predicted_recommendations, watch
from buddies_assets.simulation.listeners import CHOICE, PICK, Preferences
from buddies_assets.systems.playlists.steps.training import training_data
from buddies_core.charts import png
from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import load_library
from buddies_core.kernels.randomness import uniform
from buddies_core.recommenders.bpr.config import BEST
from buddies_core.recommenders.bpr.data import NO_PLAYLIST, Blocks, TrainingData
from buddies_core.recommenders.bpr.trainer import train
from buddies_core.recommenders.factors import Factors
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

SHIFT_DAY, SHOWN, WINDOW_DAYS, NEEDED = 14, 5, 28, 1_500
DROP, ALARM_DAYS = 0.2, 365.0
SCALES = {"small": (400, 4_000, 400, 6), "tenth": (2_000, 10_000, 1_500, 8), "full": (10_000, 40_000, 5_000, 10)}
"""Users, playlists, lists a day, weeks."""


@dataclass(frozen=True)
class World:
    """What the three policies share: offline data, candidates, listeners before and after the change."""

    data: TrainingData
    candidates: Library
    before: Preferences
    after: Preferences
    listeners: np.ndarray
    lists_a_day: int
    weeks: int

    @property
    def days(self) -> int:
        """Simulated days."""
        return 7 * self.weeks


@dataclass
class History:
    """What happened under a policy: lists and likes by day, feedback by day, when it retrained and why."""

    days: list[Day] = field(default_factory=list)
    blocks: list[Blocks] = field(default_factory=list)
    retrained: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0
    alarm: tuple[int, Verdict] | None = None

    def rate(self, first: int, last: int) -> float:
        """Likes per list of days [first, last)."""
        part = self.days[first:last]
        return sum(day.likes for day in part) / sum(day.recommendations for day in part)


def run(scale: str) -> Report:
    """Three policies over the same weeks; plots like-rate by week to `build/loop.png`."""
    world = _world(scale)
    first = trained(world, [])
    report = Report("loop")
    histories = {policy: live(world, first, policy) for policy in ("loop", "none", "weekly")}
    for policy, history in histories.items():
        lists = world.lists_a_day * world.days
        name = f"{policy}: {len(history.retrained)} retrainings"
        report.add(Row(f"{world.weeks} weeks", name, 1, history.seconds, lists / history.seconds, "lists"))
    after = {policy: history.rate(SHIFT_DAY, world.days) for policy, history in histories.items()}
    report.ratios["like_rate_with_loop_vs_without"] = after["loop"] / after["none"]
    report.ratios["like_rate_with_loop_vs_weekly"] = after["loop"] / after["weekly"]
    report.notes += _notes(world, histories)
    report.notes.append(f"plot: {_plot(world, histories)}")
    return report


def _notes(world: World, histories: dict[str, History]) -> list[str]:
    notes = []
    for policy, history in histories.items():
        weeks = [f"{history.rate(7 * week, 7 * week + 7):.3f}" for week in range(world.weeks)]
        why = ", ".join(f"day {day} ({reason})" for day, reason in history.retrained)
        notes.append(f"{policy}: like-rate by week {' '.join(weeks)}; retrained: {why or 'never'}")
    none = histories["none"]
    level = none.rate(0, SHIFT_DAY)
    fallen = none.rate(SHIFT_DAY, SHIFT_DAY + 7)
    predicted = predicted_recommendations(level, fallen, drop=DROP, alarm_days=ALARM_DAYS)
    verdict = watch(none.days[SHIFT_DAY:], Level(level), drop=DROP, alarm_days=ALARM_DAYS)
    notes.append(
        f"fall {level:.3f} -> {fallen:.3f}: detected after {verdict.recommendations:,} recommendations "
        f"(by days of {world.lists_a_day:,}); the test's power predicts {predicted:,.0f}"
    )
    return notes


def live(world: World, first: Factors, policy: str) -> History:
    """The weeks of a world under a policy: `loop`, `none` or `weekly`."""
    began, history, factors = time.perf_counter(), History(), first
    trained_on, level_from = 0, 0
    for day in range(world.days):
        lived, blocks = _one_day(world, factors, day)
        history.days.append(lived)
        history.blocks.append(blocks)
        new = sum(len(part) for part in history.blocks[trained_on:])
        reason = None
        if policy == "weekly" and day % 7 == 6:
            reason = "Monday"
        if policy == "loop":
            reason = _reason(history, level_from, new)
        if reason and day < world.days - 1:
            factors = trained(world, history.blocks[-WINDOW_DAYS:])
            history.retrained.append((day, reason))
            trained_on, level_from = day + 1, day + 1
    history.seconds = time.perf_counter() - began
    return history


def _reason(history: History, since: int, new: int) -> str | None:
    if new >= NEEDED:
        return f"{new:,} sessions"
    lived = history.days[since:]
    if len(lived) < 4:
        return None
    calibration = lived[:3]
    lists, likes = (sum(getattr(day, name) for day in calibration) for name in ("recommendations", "likes"))
    verdict = watch(lived[3:], Level(lower_bound(likes, lists)), drop=DROP, alarm_days=ALARM_DAYS)
    return "like-rate has fallen" if verdict.degraded and new else None


def _one_day(world: World, factors: Factors, day: int) -> tuple[Day, Blocks]:
    taste = world.after if day >= SHIFT_DAY else world.before
    numbers = np.arange(world.lists_a_day)
    who = world.listeners[(uniform(11, PICK, day, numbers) * len(world.listeners)).astype(int)]
    draws = uniform(11, CHOICE, day, numbers)
    users, positives, negatives = [], [], []
    ranks: dict[int, int] = {}
    for user, draw in zip(who.tolist(), draws.tolist(), strict=True):
        offered = world.candidates.row(user)
        order = np.argsort(-(factors.playlists[offered] @ factors.users[user]), kind="stable")[:SHOWN]
        shown = offered[order]
        place = taste.choose(user, shown, draw)
        if place is None:
            continue
        others = np.delete(shown, place)
        users.append(user)
        positives.append(shown[place])
        negatives.append(np.pad(others, (0, SHOWN - 1 - len(others)), constant_values=NO_PLAYLIST))
        ranks[place + 1] = ranks.get(place + 1, 0) + 1
    likes = len(users)
    table = np.array(negatives, np.uint32).reshape(likes, SHOWN - 1)
    blocks = Blocks(np.array(users, np.uint32), np.array(positives, np.uint32), table, explicit=True)
    return Day(world.lists_a_day, likes, ranks), blocks


def trained(world: World, feedback: list[Blocks]) -> Factors:
    """A model of the offline blocks and these days of feedback."""
    kept = [part for part in feedback if len(part)]
    data = world.data
    if kept:
        users, positives, negatives = (
            np.concatenate([getattr(part, name) for part in kept]) for name in ("users", "positives", "negatives")
        )
        appended = Blocks(users, positives, negatives, explicit=True)
        data = replace(data, shards=[*data.shards, lambda: appended])
    return train(BEST, data).factors


def _world(scale: str) -> World:
    users, playlists, lists, weeks = SCALES[scale]
    home = Path(tempfile.mkdtemp(prefix="buddies-loop-"))
    settings = Settings(
        home=str(home), synthetic_users=users, synthetic_playlists=playlists, search_trials=0, track=False
    )
    _materialise(settings)
    return world_of(settings, lists_a_day=lists, weeks=weeks)


def world_of(settings: Settings, *, lists_a_day: int, weeks: int) -> World:
    """The world of a home whose candidates and blocks are stored."""
    store = DatasetStore.at(settings.home)
    held = {side: load_library(store.open(f"{side}_library")) for side in ("user", "playlist")}
    data = training_data(
        blocks=store.open("user_blocks"),
        validation=store.open("validation_batches"),
        scores=store.open("scores"),
        user_library=store.open("user_library"),
        playlist_library=store.open("playlist_library"),
    )
    drawn = store.open("candidates").frame().explode("playlists").drop_nulls("playlists")
    shape = held["user"].n_rows, held["playlist"].n_rows
    candidates = Library.from_pairs(drawn["user"].to_numpy(), drawn["playlists"].to_numpy(), *shape)
    cold = store.open("cold_users").frame(["user"])["user"].to_numpy()
    listeners = np.setdiff1d(np.flatnonzero(candidates.lengths >= 3 * SHOWN), cold)
    before = Preferences(held["user"], held["playlist"], seed=3)
    after = replace(before, trend=1, trend_pull=1.5, nothing=before.nothing + 1.0)
    return World(data, candidates, before, after, listeners, lists_a_day, weeks)


def _materialise(settings: Settings) -> None:
    import dagster as dg

    from buddies_assets.definitions import build_definitions

    job = build_definitions(settings).resolve_implicit_global_asset_job_def()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    names = ["user_blocks", "validation_batches", "scores", "candidates", "cold_users"]
    wanted = dg.AssetSelection.assets(*names).upstream().required_multi_asset_neighbors()
    graph = build_definitions(settings).resolve_asset_graph()
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(instance=instance, run_config=quiet, asset_selection=list(wanted.resolve(graph)))


def _plot(world: World, histories: dict[str, History]) -> str:
    import altair as alt

    rows = [
        {"week": week + 1, "policy": policy, "like-rate": history.rate(7 * week, 7 * week + 7)}
        for policy, history in histories.items()
        for week in range(world.weeks)
    ]
    chart = (
        alt.Chart(pl.DataFrame(rows), title="Like-rate by week; tastes change in week 3", width=520, height=260)
        .mark_line(point=True)
        .encode(
            x=alt.X("week:O", title="week"),
            y=alt.Y("like-rate:Q", title="likes per list", scale=alt.Scale(zero=False)),
            color=alt.Color("policy:N", title=""),
        )
    )
    path = Path(os.environ.get("BUDDIES_BENCH_DIR", "build")) / "loop.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(chart))
    return str(path)


if __name__ == "__main__":
    sys.stdout.write(run("small").to_text() + "\n")
