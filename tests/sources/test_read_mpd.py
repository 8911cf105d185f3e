"""A reading of MPD that died goes on after the last group it had stored, to the same datasets."""

import json
import os
from functools import partial
from pathlib import Path

import pytest

from buddies_assets.sources import mpd
from buddies_assets.sources.mpd_slice import ParsedSlice
from buddies_assets.sources.steps.raw import RawRun
from buddies_assets.sources.steps.read_mpd import read_mpd
from buddies_core.settings import Settings
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore


class Killed(Exception):
    """The process went away."""


@pytest.fixture
def slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six slices, read in groups of two: pid 101 comes again in slices 1 and 4, and every slice has a bad track row."""
    folder = tmp_path / "mpd"
    folder.mkdir()
    pids = [[100, 101], [110, 101], [120, 121], [130, 131], [101, 140], [150, 121]]
    for number, held in enumerate(pids):
        write(folder, number, held)
    size = (folder / name(0)).stat().st_size
    monkeypatch.setattr(
        "buddies_assets.sources.steps.read_mpd.read_slices", partial(mpd.read_slices, batch_bytes=size + 1)
    )
    return folder


def name(number: int) -> str:
    return f"mpd.slice.{number * 1000}-{number * 1000 + 999}.json"


def write(folder: Path, number: int, pids: list[int], title: str = "Song") -> None:
    track = {"artist_name": "A", "track_uri": f"spotify:track:{number:022d}", "track_name": title}
    playlists = [{"pid": pid, "name": f"{number}", "tracks": [track, track | {"track_uri": "bad"}]} for pid in pids]
    (folder / name(number)).write_text(json.dumps({"playlists": playlists}), encoding="utf-8")


def reading(monkeypatch: pytest.MonkeyPatch, die_at: str | None = None) -> list[str]:
    """Names of the slices that are parsed from now on; the process dies at one of them."""
    parsed: list[str] = []
    real = mpd.read_slice

    def read_slice(ref: mpd.SliceRef, strict: bool, sample: float) -> ParsedSlice:
        if ref.name == die_at:
            raise Killed
        parsed.append(ref.name)
        return real(ref, strict, sample)

    monkeypatch.setattr(mpd, "read_slice", read_slice)
    return parsed


def read(home: Path, slices: Path, *, reuse: bool = True) -> tuple[Dataset, Dataset]:
    settings = Settings(home=str(home), threads=1, reuse_shards=reuse, _env_file=None)
    return read_mpd(RawRun(DatasetStore.at(str(home)), settings, "run"), slices)


def die_in_the_third_group(home: Path, slices: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert reading(patch, die_at=name(5)) == []
        with pytest.raises(Killed):
            read(home, slices)


def manifests(datasets: tuple[Dataset, Dataset]) -> list[dict]:
    return [vars(dataset.manifest) | {"created_at": ""} for dataset in datasets]


def test_a_run_that_died_parses_only_the_groups_that_are_missing_and_ends_with_the_same_datasets(
    tmp_path: Path, slices: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = read(tmp_path / "whole", slices)
    assert len(whole[0].manifest.shards) == 3
    die_in_the_third_group(tmp_path / "died", slices)
    parsed = reading(monkeypatch)
    resumed = read(tmp_path / "died", slices)
    assert parsed == [name(4), name(5)]
    assert manifests(resumed) == manifests(whole)
    for one, two in zip(resumed, whole, strict=True):
        assert one.frame().equals(two.frame())
    assert resumed[0].part("quarantine").equals(whole[0].part("quarantine"))
    twice = resumed[0].part("quarantine").filter(reason="duplicate_pid").select("file", "position").rows()
    assert twice == [(name(1), 101), (name(4), 101), (name(5), 121)]


def test_a_group_of_which_one_shard_is_missing_is_parsed_again(
    tmp_path: Path, slices: Path, monkeypatch: pytest.MonkeyPatch
):
    die_in_the_third_group(tmp_path, slices)
    next(tmp_path.glob("datasets/mpd_tracks/*/shard-00001.parquet.json")).unlink()
    parsed = reading(monkeypatch)
    read(tmp_path, slices)
    assert parsed == [name(number) for number in range(2, 6)]


@pytest.mark.parametrize("change", ["content", "time"])
def test_a_changed_file_makes_everything_anew(
    tmp_path: Path, slices: Path, monkeypatch: pytest.MonkeyPatch, change: str
):
    die_in_the_third_group(tmp_path, slices)
    if change == "content":
        write(slices, 0, [100, 101], title="Another song")
    else:
        os.utime(slices / name(5), ns=(0, 0))
    parsed = reading(monkeypatch)
    read(tmp_path, slices)
    assert parsed == [name(number) for number in range(6)]


def test_without_reuse_everything_is_parsed_again(tmp_path: Path, slices: Path, monkeypatch: pytest.MonkeyPatch):
    die_in_the_third_group(tmp_path, slices)
    parsed = reading(monkeypatch)
    read(tmp_path, slices, reuse=False)
    assert len(parsed) == 6
