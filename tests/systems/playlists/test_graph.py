"""The whole offline graph on a small synthetic world, as Dagster runs it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from oracles import adoption
from running import materialise, upstream_of

from buddies_assets.definitions import build_definitions
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.kernels.randomness import TIE, hash_pairs
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

ROOT = Path(__file__).parents[3]
SHARDED = [
    "scores",
    "liked_playlists",
    "splits",
    "user_blocks",
    "triplets",
    "validation_batches",
    "test_batches",
    "user_pairings",
    "candidates",
]
OFFLINE = {
    "mpd_playlists": {"sources"},
    "mpd_tracks": {"sources"},
    "entp_plays": {"sources"},
    "msd_songs": {"sources"},
    "quarantined_raw": {"sources"},
    "songs": {"libraries"},
    "user_library": {"libraries"},
    "playlist_library": {"libraries"},
    "exploration_coefficients": {"scoring"},
    "scores": {"scoring"},
    "liked_playlists": {"scoring"},
    "cold_users": {"splitting"},
    "splits": {"splitting"},
    "playlist_ownership": {"splitting"},
    "user_blocks": {"training"},
    "triplets": {"training"},
    "validation_batches": {"training"},
    "test_batches": {"training"},
    "user_pairings": {"pairing"},
    "candidates": {"pairing"},
    "bpr_checkpoint": {"training"},
    "bpr_evaluation": {"training"},
    "ranked_candidates": {"serving"},
    "served_model": {"serving"},
}


def content(store: DatasetStore, name: str) -> bytes:
    """All rows of a dataset as the bytes of one Arrow file."""
    import io

    buffer = io.BytesIO()
    store.open(name).frame().rechunk().write_ipc(buffer)
    return buffer.getvalue()


def test_every_asset_of_the_design_is_there_with_group_kinds_owner_and_description():
    specs = {spec.key.to_user_string(): spec for spec in build_definitions(Settings()).resolve_all_asset_specs()}
    assert OFFLINE.keys() <= specs.keys()
    for name, group in OFFLINE.items():
        assert {specs[name].group_name} == group, name
        assert specs[name].owners, name
        assert specs[name].kinds, name
        assert specs[name].description, name


def test_loading_the_definitions_imports_nothing_heavy():
    code = "import buddies_assets.definitions, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"torch", "numba", "ray", "mlflow", "great_expectations", "pandera", "altair", "scipy", "vl_convert"}
    assert not heavy & set(loaded)


def test_workspace_and_pyproject_name_the_same_code_location():
    module = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"][0]["python_module"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    assert module["location_name"] == project["code_location_name"]
    assert module["module_name"] == project["code_location_target_module"]


def test_one_run_materialises_everything_with_row_counts(tiny_world):
    _, result = tiny_world
    assert result.success
    events = {e.asset_key.to_user_string(): e for e in result.get_asset_materialization_events()}
    assert OFFLINE.keys() <= events.keys()
    for name in OFFLINE.keys() - {"bpr_checkpoint", "served_model"}:
        metadata = events[name].step_materialization_data.materialization.metadata
        assert metadata["dagster/row_count"].value >= (0 if name == "quarantined_raw" else 1), name


def test_likes_obey_the_definition_when_recomputed_from_the_libraries(tiny_world):
    settings, _ = tiny_world
    store = DatasetStore.at(settings.home)
    songs = {side: store.open(f"{side}_library").frame() for side in ("user", "playlist")}
    entries = {}
    for side in ("user", "playlist"):
        dataset = store.open(f"{side}_library")
        lengths = songs[side]["songs"].to_numpy()
        entries[side] = pl.DataFrame(
            {
                side: pl.Series(songs[side][side]).repeat_by(pl.Series(lengths)).explode(),
                "song": dataset.array("indices"),
            }
        )
    pairs = entries["user"].join(entries["playlist"], on="song").group_by("user", "playlist").len("m")
    scored = (
        pairs.join(store.open("exploration_coefficients").frame(), on="user")
        .join(songs["user"].select("user", s="length"), on="user")
        .join(songs["playlist"].select("playlist", p="length"), on="playlist")
        .with_columns(
            score=((1 - pl.col("exploration")) * (1 + pl.col("m")).log() + pl.col("exploration"))
            / (pl.col("s").sqrt() * pl.col("p").sqrt())
        )
    )
    keys, pids = (load_keys(store.open(f"{side}_library")) for side in ("user", "playlist"))
    lots = hash_pairs(settings.seed, TIE, keys[scored["user"]], pids[scored["playlist"]]) >> np.uint64(32)
    liked = (
        scored.with_columns(lot=pl.Series(lots))
        .sort("user", -pl.col("score").round(12), "lot")
        .with_columns(n=pl.len().over("user"), place=pl.int_range(pl.len()).over("user"))
        .filter(pl.col("place") < ((pl.col("n") * 15 + 999) // 1000))
        .sort("user", -pl.col("score").round(12), "playlist")
    )
    stored = store.open("liked_playlists").frame().sort("user", "rank")
    assert stored.select("user", "playlist").equals(liked.select("user", "playlist"))
    assert (stored["score"] - liked["score"].cast(pl.Float32)).abs().max() < 1e-6


def test_no_negative_is_liked_or_owned_and_no_split_leaks(tiny_world):
    settings, _ = tiny_world
    store = DatasetStore.at(settings.home)
    liked = store.open("liked_playlists").frame().select("user", "playlist")
    splits = store.open("splits").frame()
    assert splits.select("user", "playlist").is_unique().all()
    assert splits.join(store.open("cold_users").frame(), on="user", how="semi").is_empty()
    for name, split in (("user_blocks", "train"), ("validation_batches", "validation"), ("test_batches", "test")):
        blocks = store.open(name).frame()
        positives = blocks.select("user", playlist="positive")
        assert positives.join(splits.filter(pl.col("split") == split), on=["user", "playlist"], how="anti").is_empty()
        negatives = blocks.select("user", playlist=pl.col("negatives").arr.to_list()).explode("playlist")
        assert negatives.join(liked, on=["user", "playlist"], how="semi").is_empty(), name
        assert (blocks["negatives"].arr.to_list().list.n_unique() == blocks["negatives"].dtype.shape[0]).all(), name
    triplets = store.open("triplets").frame()
    assert triplets.height == 4 * store.open("user_blocks").manifest.rows


def test_what_is_shown_and_what_candidates_hold_is_counted_against_the_held_out_likes(tiny_world):
    settings, _ = tiny_world
    store = DatasetStore.at(settings.home)
    likes = store.open("splits").frame().filter(pl.col("split").cast(pl.String) == "test")
    judged = set(store.open("test_batches").frame()["user"].to_list())
    held = {user: set(part["playlist"].to_list()) for (user,), part in likes.group_by("user") if user in judged}
    shown, drawn = (
        dict(store.open(name).frame().select("user", "playlists").iter_rows())
        for name in ("ranked_candidates", "candidates")
    )
    told = store.open("bpr_evaluation").frame().filter(pl.col("split") == "test")
    precision = sum(len(set(shown.get(user, [])[:5]) & liked) for user, liked in held.items()) / (5 * len(held))
    recall = sum(len(set(drawn.get(user, [])) & liked) / len(liked) for user, liked in held.items()) / len(held)
    assert told["shown_precision_5"].to_list() == pytest.approx([precision] * told.height)
    assert told["served_recall"].to_list() == pytest.approx([recall] * told.height)
    assert recall > 0


def test_playlists_that_nobody_owns_are_stored_with_the_two_listeners_whom_they_fit_best(tiny_world):
    settings, _ = tiny_world
    store = DatasetStore.at(settings.home)
    users, held = (library_rows(store, side) for side in ("user", "playlist"))
    songs, lengths = (store.open(f"{side}_library").frame()["length"].to_list() for side in ("user", "playlist"))
    exploration = store.open("exploration_coefficients").frame()["exploration"].to_list()
    cold = set(store.open("cold_users").frame()["user"].to_list())
    owned = set(store.open("playlist_ownership").frame()["playlist"].to_list())
    told: dict[int, list[int]] = {}
    for playlist, user in store.open("playlist_ownership").part("fits").select("playlist", "user").iter_rows():
        told.setdefault(playlist, []).append(user)
    assert told.keys() <= set(range(len(held))) - owned
    unowned = [playlist for playlist in range(0, len(held), 97) if playlist not in owned]
    assert unowned
    nobody = [0] * len(users)
    for playlist in unowned:
        before: set[int] = set()
        for _ in range(2):
            (best,) = adoption.adopt([playlist], held, lengths, [before], users, songs, exploration, cold, nobody, 1)
            before |= set() if best is None else {best}
        assert set(told.get(playlist, [])) == before


def library_rows(store: DatasetStore, side: str) -> list[set[int]]:
    """The songs of each row of a library."""
    library = load_library(store.open(f"{side}_library"))
    return [set(library.row(row).tolist()) for row in range(library.n_rows)]


def test_other_threads_and_shard_sizes_give_the_same_rows(tiny_world, tmp_path):
    settings, _ = tiny_world
    other = settings.model_copy(update={"home": str(tmp_path / "other"), "threads": 1, "shard_users": 1_000})
    shutil.copytree(Path(settings.home) / "raw", tmp_path / "other" / "raw")
    materialise(other, upstream_of("mpd_playlists", *SHARDED))
    ours, theirs = DatasetStore.at(settings.home), DatasetStore.at(other.home)
    for name in SHARDED:
        assert content(ours, name) == content(theirs, name), name


def test_a_run_that_died_between_shards_resumes_to_the_same_bytes(tiny_world, tmp_path):
    settings, _ = tiny_world
    copy = settings.model_copy(update={"home": str(tmp_path / "copy")})
    shutil.copytree(settings.home, copy.home)
    dataset = DatasetStore.at(copy.home).open("scores")
    before = dataset.fingerprint
    shard = Path(str(dataset.folder)) / dataset.manifest.shards[1].file
    shard.unlink()
    shard.with_name(shard.name + ".json").unlink()
    (Path(str(dataset.folder)).parent / "manifest.json").unlink()
    materialise(copy, "scores")
    again = DatasetStore.at(copy.home).open("scores")
    assert again.manifest.extra["reused_shards"] == len(again.manifest.shards) - 1
    assert again.fingerprint == before


def test_rematerialising_one_asset_in_the_middle_reads_what_is_stored(tiny_world, tmp_path):
    settings, _ = tiny_world
    copy = settings.model_copy(update={"home": str(tmp_path / "copy"), "ownership_cap": 1})
    shutil.copytree(settings.home, copy.home)
    result = materialise(copy, "playlist_ownership")
    assert [e.asset_key.to_user_string() for e in result.get_asset_materialization_events()] == ["playlist_ownership"]
    owned = DatasetStore.at(copy.home).open("playlist_ownership").frame()
    assert owned.group_by("owner").len()["len"].max() == 1


def test_candidates_are_drawn_anew_at_each_materialisation_unless_fixed(tiny_world, tmp_path):
    settings, _ = tiny_world
    copy = settings.model_copy(update={"home": str(tmp_path / "copy"), "candidates": 5})
    shutil.copytree(settings.home, copy.home)
    store, draws = DatasetStore.at(copy.home), []
    for fixed in (None, None, 7, 7):
        materialise(copy.model_copy(update={"candidate_draw": fixed}), "candidates")
        draws.append(content(store, "candidates"))
    assert draws[0] != draws[1]
    assert draws[2] == draws[3]


def test_a_toy_run_keeps_about_a_twentieth_of_the_users(tiny_world, tmp_path):
    settings, _ = tiny_world
    toy = settings.model_copy(update={"home": str(tmp_path / "toy"), "mode": "toy"})
    shutil.copytree(settings.home, toy.home)
    materialise(toy, "user_blocks,validation_batches")
    store = DatasetStore.at(toy.home)
    everyone = set(DatasetStore.at(settings.home).open("user_blocks").frame()["user"])
    kept = set(store.open("user_blocks").frame()["user"])
    assert kept < everyone
    assert 0.01 < len(kept) / len(everyone) < 0.12
    assert set(store.open("validation_batches").frame()["user"]) <= kept


@pytest.fixture
def files_with_a_bad_slice(tiny_world, tmp_path) -> Settings:
    """Settings of real files made of the synthetic world, one slice of which is cut off in the middle."""
    settings, _ = tiny_world
    raw = next((Path(settings.home) / "raw").iterdir())
    shutil.copytree(raw, tmp_path / "raw")
    slices = sorted((tmp_path / "raw" / "mpd").iterdir())
    cut = slices[-1].read_bytes()
    slices[-1].write_bytes(cut[: len(cut) // 2])
    return Settings(
        home=str(tmp_path / "home"),
        mpd_dir=str(tmp_path / "raw" / "mpd"),
        entp_file=str(tmp_path / "raw" / "train_triplets.txt"),
        msd_file=str(tmp_path / "raw" / "song_data.csv"),
        msd_mismatches_file=str(tmp_path / "raw" / "sid_mismatches.txt"),
    )


def test_a_cut_off_slice_goes_to_quarantine_and_the_rest_goes_on(files_with_a_bad_slice):
    assert materialise(files_with_a_bad_slice, upstream_of("quarantined_raw", "mpd_playlists", "splits")).success
    store = DatasetStore.at(files_with_a_bad_slice.home)
    quarantined = store.open("quarantined_raw").frame()
    assert quarantined.filter(pl.col("reason") == "truncated_file")["file"].to_list() == ["mpd.slice.3000-3999.json"]
    cut = (Path(files_with_a_bad_slice.mpd_dir) / "mpd.slice.3000-3999.json").read_text(encoding="utf-8")
    whole = cut.count('"tracks": [') - 1  # those before the one that the cut goes through
    assert store.open("mpd_playlists").manifest.rows == 3_000 + whole
    assert whole > 100


def test_a_strict_run_stops_at_the_cut_off_slice_and_names_it(files_with_a_bad_slice):
    strict = files_with_a_bad_slice.model_copy(update={"strict": True})
    with pytest.raises(Exception, match=r"mpd\.slice.3000-3999\.json.*truncated_file"):
        materialise(strict)


def test_a_listener_known_by_songs_gets_the_vector_that_training_would_give(tiny_world):
    import numpy as np

    from buddies_assets.systems.playlists.steps.cold import stored_fold_in
    from buddies_core.artifact.store import read_channels
    from buddies_core.interactions.csr import Library
    from buddies_serving.model.by_songs import fold_in
    from buddies_serving.model.served_model import ServedModel

    settings, _ = tiny_world
    root = Path(settings.home) / "served_model"
    model = ServedModel.open(root / "versions" / read_channels(root).champion)
    stored = DatasetStore.at(settings.home).open("cold_user_evaluation")
    maps = stored_fold_in(stored)
    catalogue = maps.catalogue(np.array(model.arrays["playlist_factors"]))
    for songs in ([3], [3, 5, 8], list(range(40))):
        library = Library(np.array([0, len(songs)]), np.array(songs, np.uint32), model.songs)
        scores = (maps.users(library) @ catalogue.T)[0]
        served = fold_in(model, songs, 5)
        assert served[0] == int(scores.argmax())
        assert scores[served].min() >= np.sort(scores)[-5] - 1e-4
