"""The bench of damages in short: every row of a damaged file is accounted for, and the bench would notice if not."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from benchmarks.damages import judging
from benchmarks.damages.bench import try_damages
from benchmarks.damages.making import KINDS, Damage
from benchmarks.damages.world import MPD, good_world


def test_sixty_damages_of_six_kinds_are_accounted_for_without_a_traceback():
    verdicts = try_damages(60, seed=5)
    assert {verdict.damage.kind for verdict in verdicts} == set(KINDS)
    assert [
        (v.damage.kind, v.damage.what, v.problems, v.traceback) for v in verdicts if v.problems or v.traceback
    ] == []


def undamaged() -> tuple[Damage, object]:
    world = good_world(1)
    path = next(path for path in world.rows if path.startswith(MPD))
    return Damage("none", "nothing", path, path, dict(world.files), len(world.rows[path])), world


@pytest.mark.parametrize(
    ("loss", "noticed"),
    [
        (lambda frame: frame.head(frame.height - 1), "kept by the counts"),
        (lambda frame: frame.with_columns(pl.lit("other").alias("name")), "not as they were"),
    ],
)
def test_the_bench_notices_rows_that_are_lost_or_changed(tmp_path: Path, monkeypatch, loss, noticed: str):
    damage, world = undamaged()
    assert judging.judge(damage, world, tmp_path / "good").problems == []
    real = judging.read_mpd

    class Spoiled:
        def __init__(self, stored):
            self._stored = stored
            self.part, self.manifest = stored.part, stored.manifest

        def frame(self):
            return loss(self._stored.frame())

    monkeypatch.setattr(judging, "read_mpd", lambda run, path: (Spoiled(real(run, path)[0]),))
    assert any(noticed in problem for problem in judging.judge(damage, world, tmp_path / "bad").problems)


def test_the_bench_notices_a_file_that_is_passed_over(tmp_path: Path):
    damage, world = undamaged()
    gone = replace(damage, files={path: data for path, data in damage.files.items() if path != damage.path})
    assert any("rows in" in problem for problem in judging.judge(gone, world, tmp_path / "world").problems)
