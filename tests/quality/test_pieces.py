"""Large datasets judged piece by piece: the same verdicts as at once, on good data and on spoiled ones."""

from collections.abc import Iterator

import polars as pl
import pytest

from benchmarks.data_defects.world.stored import store_world
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality import pieces
from quality.check_inputs import CheckInputs
from quality.dataset_spec import Counted
from quality.judging import judge
from quality.registry import dataset_specs, named_inputs, spec_of
from quality.rules.catalogue import rules_by_asset
from quality.rules.verdict import Finding

SHARDS = 4
BY_USER = [name for name, spec in dataset_specs().items() if spec.in_ranges]
SORTED = sorted(name for name in BY_USER if spec_of(name).judged_by == "user")
COUNTED = {n: (dataset, made) for n, (dataset, made) in named_inputs().items() if isinstance(made, Counted)}
SHARDS_ARE_PIECES, WRITTEN_ANEW = 1 << 18, 1 << 15
"""Bytes at once with which a shard of the parsed files is a piece, or is too large for one."""


@pytest.fixture
def store(world, tmp_path) -> DatasetStore:
    """The world as `stored_in_shards` writes it."""
    return stored_in_shards(world, tmp_path)


def stored_in_shards(world, folder) -> DatasetStore:
    """The world stored, what is cut by a key in shards: of users, or of rows as the readers write them."""
    store = store_world(world, folder)
    for name in (*BY_USER, "mpd_tracks", "entp_plays"):
        rewrite(store, name, world[name])
    return store


def rewrite(store: DatasetStore, name: str, frame: pl.DataFrame) -> None:
    """Store a dataset anew: by ranges of users with their starts, or in shards that end between two keys."""
    key = spec_of(name).judged_by or "user"
    keys = frame[key].unique(maintain_order=True)
    size = -(-len(keys) // SHARDS)
    parts = [frame.filter(pl.col(key).is_in(keys[n * size : (n + 1) * size].implode())) for n in range(SHARDS)]
    starts = [0, *(part["user"].min() for part in parts[1:])] if key == "user" else None
    write(store, name, parts, {"starts": starts} if starts else {})


def write(store: DatasetStore, name: str, parts: list[pl.DataFrame], extra: dict | None = None) -> None:
    """Store a dataset anew as these shards."""
    writer = store.writer(CacheKey(name, params={"shards": len(parts)}), "run")
    writer.commit([writer.write_shard(n, part) for n, part in enumerate(parts)], extra=extra)


def both_ways(store: DatasetStore, asset: str, at_once: int, monkeypatch) -> tuple[dict[str, Finding], ...]:
    """Findings by rule: of the dataset judged at once, and in pieces of so many bytes."""
    handles, rules = {name: store.open(name) for name in store.names()}, rules_by_asset()[asset]
    whole = {v.rule.name: v.finding for v in judge(asset, rules, CheckInputs(handles))}
    monkeypatch.setattr(pieces, "BYTES_AT_ONCE", at_once)
    return whole, {v.rule.name: v.finding for v in judge(asset, rules, CheckInputs(handles))}


def assert_same(whole: dict[str, Finding], parts: dict[str, Finding]) -> None:
    """The same values, bands and counts for every rule, and a sample where there is one at once."""
    for name, expected in whole.items():
        found = parts[name]
        assert found.value == pytest.approx(expected.value, nan_ok=True), name
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high)), name
        assert (found.offending, found.total) == (expected.offending, expected.total), name
        assert bool(found.sample.height) == bool(expected.sample.height), name


@pytest.mark.parametrize(
    ("asset", "at_once"),
    [*((asset, 2_000) for asset in (*SORTED, "playlist_ownership", "entp_plays")), ("mpd_tracks", 20_000)],
)
def test_good_data_have_the_same_verdicts_in_pieces(asset, at_once, store, monkeypatch):
    whole, parts = both_ways(store, asset, at_once, monkeypatch)
    assert {name for name, finding in whole.items() if not finding.passed} == set()
    assert_same(whole, parts)


def spoiled_plays(plays: pl.DataFrame) -> Iterator[tuple[str, list[pl.DataFrame], set[str]]]:
    """Defects of the plays: their shards, and the rules that they break."""
    third = plays.height // 3
    thirds = [plays[:third], plays[third : 2 * third], plays[2 * third :]]
    repeated = {"plays_are_unique", "matches_its_schema"}
    yield "users split between shards", thirds, set()
    yield "a play again in another shard", [*thirds[:2], pl.concat([thirds[2], plays[:1]])], repeated
    yield "a file read twice", [*thirds, *thirds], repeated
    unheard = pl.when(pl.int_range(pl.len()) % 500 == 0).then(0).otherwise("plays").cast(pl.UInt32).alias("plays")
    yield (
        "no plays here and there",
        [part.with_columns(unheard) for part in thirds],
        {
            "plays_were_heard",
            "matches_its_schema",
        },
    )
    nobody = pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise("user_id").alias("user_id")
    yield (
        "a null user in each shard",
        [part.with_columns(nobody) for part in thirds],
        {
            "plays_name_a_user",
            "matches_its_schema",
        },
    )


def spoiled_tracks(tracks: pl.DataFrame) -> Iterator[tuple[str, list[pl.DataFrame], set[str]]]:
    """Defects of the tracks: their shards, and the rules that they break."""
    pids = tracks["pid"].unique().sort()
    early = pl.col("pid") < pids[len(pids) // 2]
    halves = [tracks.filter(early), tracks.filter(~early)]
    repeated = {"tracks_have_one_row_per_position", "matches_its_schema", "playlists_agree_with_their_tracks"}
    yield "a track again in another shard", [halves[0], pl.concat([halves[1], tracks[:1]])], repeated
    yield "a playlist cut short", [halves[0][:-3], halves[1]], {"playlists_agree_with_their_tracks"}
    strangers = tracks[:5].with_columns(pid=pl.lit(4_000_000_000, pl.UInt32), pos=pl.int_range(5, dtype=pl.UInt32))
    yield "tracks of no playlist", [*halves, strangers], {"tracks_belong_to_a_playlist"}
    garbled = pl.when(pl.int_range(pl.len()) % 20 == 0).then(pl.lit("CafÃ©")).otherwise("track_name")
    yield (
        "half of the text garbled",
        [halves[0], halves[1].with_columns(track_name=garbled)],
        {"track_texts_are_readable"},
    )
    blank = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(" ")).otherwise("artist_name").alias("artist_name")
    yield "a blank artist in each shard", [half.with_columns(blank) for half in halves], {"tracks_are_named"}


@pytest.mark.parametrize("at_once", [SHARDS_ARE_PIECES, WRITTEN_ANEW])
@pytest.mark.parametrize(("asset", "spoiled"), [("entp_plays", spoiled_plays), ("mpd_tracks", spoiled_tracks)])
def test_spoiled_files_have_the_same_verdicts_in_pieces(asset, spoiled, at_once, world, store, monkeypatch):
    for name, shards, broken in spoiled(world[asset]):
        write(store, asset, shards)
        with monkeypatch.context() as patch:
            whole, parts = both_ways(store, asset, at_once, patch)
        assert {rule for rule, finding in whole.items() if not finding.passed} == broken, name
        assert_same(whole, parts)


def test_shards_without_a_common_key_are_pieces_as_they_are_stored(world, store, monkeypatch):
    monkeypatch.setattr(pieces, "BYTES_AT_ONCE", SHARDS_ARE_PIECES)
    dataset = store.open("entp_plays")
    with pieces.pieces("entp_plays", {"entp_plays": dataset}) as readers:
        found = [piece["entp_plays"]() for piece in readers]
    assert [part.height for part in found] == [shard.rows for shard in dataset.manifest.shards]


def test_pieces_of_shards_with_common_keys_hold_every_row_of_their_keys(world, store, monkeypatch):
    monkeypatch.setattr(pieces, "BYTES_AT_ONCE", WRITTEN_ANEW)
    plays = world["entp_plays"].sample(fraction=1.0, shuffle=True, seed=5)
    write(store, "entp_plays", [plays[:1_000], plays[1_000:]])
    with pieces.pieces("entp_plays", {"entp_plays": store.open("entp_plays")}) as readers:
        found = [piece["entp_plays"]() for piece in readers]
    assert len(found) > 5
    assert sum(part["user_id"].n_unique() for part in found) == plays["user_id"].n_unique()
    assert pl.concat(found).sort("user_id", "song_id").equals(plays.sort("user_id", "song_id"))


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda held: held.with_columns(priority=pl.col("priority") * 0.5), "priorities_are_those_bid"),
        (lambda held: held.with_columns(priority=pl.lit(float("nan"))), "priorities_are_those_bid"),
        (lambda held: held.with_columns(likers=pl.col("likers") + 1), "likers_are_counted"),
        (lambda held: held.with_columns(owner=pl.col("owner").reverse()), "likers_come_before_others"),
        (lambda held: held.with_columns(priority=pl.col("priority") * 0.1), "owners_outbid_all_likers_with_room"),
        (lambda held: held[:-40], "every_liked_playlist_is_owned"),
        (lambda held: pl.concat([held, held[:1]]), "playlists_have_one_owner"),
    ],
)
def test_spoiled_ownership_has_the_same_verdicts_in_pieces_of_playlists(change, broken, world, store, monkeypatch):
    write(store, "playlist_ownership", [change(world["playlist_ownership"])])
    whole, parts = both_ways(store, "playlist_ownership", 2_000, monkeypatch)
    assert not whole[broken].passed
    assert_same(whole, parts)


def test_a_key_that_is_missing_is_named_by_the_schema(world, store, monkeypatch):
    write(store, "entp_plays", [shard.drop("user_id") for shard in store.open("entp_plays").shards()])
    _, parts = both_ways(store, "entp_plays", 2_000, monkeypatch)
    assert not parts["plays_are_unique"].passed
    assert "user_id" in str(parts["matches_its_schema"].sample.to_dicts())


def test_a_piece_that_cannot_be_judged_fails_the_rule(world, store, monkeypatch):
    shards = list(store.open("mpd_tracks").shards())
    shards[2] = shards[2].rename({"artist_name": "performer"})
    write(store, "mpd_tracks", shards)
    _, parts = both_ways(store, "mpd_tracks", SHARDS_ARE_PIECES, monkeypatch)
    assert parts["tracks_are_named"].unreadable


@pytest.mark.parametrize("name", COUNTED)
def test_counts_over_shards_are_those_over_all_rows(name, world, monkeypatch):
    monkeypatch.setattr("quality.dataset_spec._ROWS_WAITING", 10)
    dataset, counted = COUNTED[name]
    frame = world[dataset]
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=2)
    parts = counted.of(shuffled[start : start + 50] for start in range(0, frame.height, 50))
    whole = counted.count(frame)
    assert parts.sort(counted.by).equals(whole.sort(counted.by).select(parts.columns))
    assert parts.schema == whole.select(parts.columns).schema
