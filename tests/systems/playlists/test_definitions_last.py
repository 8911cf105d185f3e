"""What users and playlists were given stays theirs when others come, go, or stand elsewhere in the files.

Each test runs the steps from the libraries to the batches over two small worlds that differ in one way, and compares
what they say by ids.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from buddies_assets.sources.steps.libraries import playlist_library, user_library
from buddies_assets.systems.playlists.scoring.exploration import exploration_coefficients
from buddies_assets.systems.playlists.steps.blocks import USER_BLOCKS, VALIDATION_BATCHES
from buddies_assets.systems.playlists.steps.scores import LIKED_PLAYLISTS, SCORES
from buddies_assets.systems.playlists.steps.splits import SPLITS, cold_users
from buddies_core.interactions.labelled import load_keys, load_library
from buddies_core.interactions.numbers import REGISTER, stored_register
from buddies_core.interactions.song_index import song_index
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from buddies_core.storage.shards import ShardBuilder, ThreadRunner, ranges_of

SEED, SONGS = 20, 60


def ids(n: int) -> list[str]:
    draw = np.random.default_rng(8)
    return [draw.bytes(20).hex() for _ in range(n)]


PEOPLE = ids(90)
PIDS = np.random.default_rng(9).permutation(3_000)[:1_000].tolist()


def raw(kind: str, owners: list, width: tuple[int, int]) -> pl.DataFrame:
    """Rows (owner, song) in which each owner's songs are drawn by the owner alone; one of them nobody else has."""
    rows = []
    for owner in owners:
        draw = np.random.default_rng(owner + 10 if kind == "pid" else int(owner[:8], 16))
        count = int(draw.integers(*width))
        rows += [(owner, f"{song}") for song in np.unique((draw.random(count) ** 2 * SONGS).astype(int))]
        rows.append((owner, f"only {owner}"))
    song = "song_id" if kind == "user_id" else "track_uri"
    schema = {kind: pl.String if kind == "user_id" else pl.UInt32, song: pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def store_songs(store: DatasetStore, played: pl.Series, held: pl.Series) -> Dataset:
    """The song index of these songs, whose ids are their texts."""
    text = pl.DataFrame({"song_id": played, "title": played, "artist": "a", "mismatched": False})
    tracks = pl.DataFrame({"track_uri": held, "track_name": held, "artist_name": "a"})
    found = song_index(tracks, text, played, "exact")
    writer = store.writer(CacheKey("songs"), "run")
    writer.write_part("tracks", found.tracks)
    writer.write_part("played", found.played)
    return writer.commit([writer.write_shard(0, found.songs)])


@dataclass(frozen=True)
class World:
    """Everything that a world says, by user id and pid."""

    shared: set
    exploration: dict
    cold: set
    numbers: dict
    libraries: dict
    held: dict
    liked: dict
    pools: dict
    splits: dict
    blocks: dict
    batches: dict


def world(path: Path, people: list[str], pids: list[int], register: pl.DataFrame | None = None) -> World:
    """The steps over users and playlists in the order given."""
    store = DatasetStore.at(str(path))
    builder = ShardBuilder(store, ThreadRunner(1), "run")

    def whole(name: str, frame: pl.DataFrame) -> Dataset:
        writer = store.writer(CacheKey(name), "run")
        return writer.commit([writer.write_shard(0, frame)])

    plays, tracks = raw("user_id", people, (2, 12)), raw("pid", pids, (1, 9))
    songs = store_songs(store, plays["song_id"].unique(), tracks["track_uri"].unique())
    plays, tracks = whole("entp_plays", plays), whole("mpd_tracks", tracks)
    known = REGISTER.to_frame() if register is None else register
    labelled, known = user_library(plays, songs, known, lengths="all")
    users = labelled.save(store.writer(CacheKey("user_library"), "run"), parts={"numbers": known})
    playlists = playlist_library(tracks, songs, lengths="all").save(store.writer(CacheKey("playlist_library"), "run"))
    keys = load_keys(users)
    drawn = pl.DataFrame({"user": range(len(keys)), "exploration": exploration_coefficients(keys, SEED)})
    coefficients = whole("exploration_coefficients", drawn.with_columns(pl.col("user").cast(pl.UInt32)))
    ranges = ranges_of(len(keys), 25)
    libraries = {"user_library": users, "playlist_library": playlists}
    scoring = {"seed": SEED, "pool_size": 8, "retain": "sampled"}
    scores = builder.build(SCORES, libraries | {"exploration_coefficients": coefficients}, scoring, ranges)
    liked = builder.build(LIKED_PLAYLISTS, {"scores": scores}, {}, ranges)
    cold = whole("cold_users", cold_users(users, scores.scan(), SEED))
    splits = builder.build(SPLITS, libraries | {"liked_playlists": liked, "cold_users": cold}, {"seed": SEED}, ranges)
    drawing = {"seed": SEED, "mode": "full", "negatives": 4, "batch_negatives": 20, "split": "validation"}
    # Ownership does move, and with it what is no negative of its owner: here nobody owns anything.
    empty = pl.DataFrame(schema={"playlist": pl.UInt32, "owner": pl.UInt32})
    sampling = libraries | {"splits": splits, "playlist_ownership": whole("playlist_ownership", empty)}
    blocks = builder.build(USER_BLOCKS, sampling | {"scores": scores}, drawing, ranges)
    batches = builder.build(VALIDATION_BATCHES, sampling, drawing, ranges)
    who, which = users.frame()["user_id"].to_list(), load_keys(playlists).tolist()

    texts = songs.frame(["key"])["key"]

    def songs_of(library: Dataset, names: list) -> dict:
        """Shared songs and length by name."""
        rows, lengths = load_library(library), library.frame(["length"])["length"].to_list()
        return {name: (texts[rows.row(row).tolist()].to_list(), lengths[row]) for row, name in enumerate(names)}

    def pids_of(rows) -> list:
        return [which[row] for row in rows]

    def negatives(dataset: Dataset) -> dict:
        frame = dataset.frame()
        return {(who[user], which[pid]): pids_of(others) for user, pid, others in frame.iter_rows()}

    pools = scores.frame(["user", "hard", "easy"])
    return World(
        shared=set(texts),
        exploration=dict(zip(who, drawn["exploration"], strict=True)),
        cold=set(cold.frame()["user_id"]),
        numbers=dict(users.frame(["user_id", "number"]).iter_rows()),
        libraries=songs_of(users, who),
        held=songs_of(playlists, which),
        liked={who[u]: set(pids_of(p)) for u, p in liked.frame().group_by("user").agg("playlist").iter_rows()},
        pools={who[user]: (set(pids_of(hard)), set(pids_of(easy))) for user, hard, easy in pools.iter_rows()},
        splits={(who[u], which[p]): s for u, p, s in splits.frame(["user", "playlist", "split"]).iter_rows()},
        blocks=negatives(blocks),
        batches=negatives(batches),
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> World:
    made = world(tmp_path_factory.mktemp("base"), PEOPLE[:60], PIDS[:900])
    assert len(made.cold) >= 2 and len(made.batches) >= 30 and set(made.splits.values()) >= {"train", "validation"}
    return made


def kept_register(base: World) -> pl.DataFrame:
    rows = [(number, who) for who, number in base.numbers.items()]
    return pl.DataFrame(rows, REGISTER, orient="row").sort("number")


CHANGES = {
    "users come": (PEOPLE, PIDS[:900]),
    "users go": (PEOPLE[20:60], PIDS[:900]),
    "users come and go": (PEOPLE[20:], PIDS[:900]),
    "users stand elsewhere": (PEOPLE[59::-1], PIDS[:900]),
    "playlists come": (PEOPLE[:60], PIDS),
    "playlists go": (PEOPLE[:60], PIDS[140:900]),
    "playlists stand elsewhere": (PEOPLE[:60], PIDS[899::-1]),
    "everything moves": (PEOPLE[:9:-1], PIDS[:29:-1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_everybody_keeps_exploration_cold_number_and_library_whoever_comes_or_goes(change, base, tmp_path):
    people, pids = CHANGES[change]
    after = world(tmp_path, people, pids, kept_register(base))
    both = set(PEOPLE[:60]) & set(people)
    for kept in ("exploration", "numbers"):
        before = {who: what for who, what in getattr(base, kept).items() if who in both}
        assert {who: what for who, what in getattr(after, kept).items() if who in both} == before, kept
    # A song that one source got or lost is in everybody's library or in nobody's; the others stay, and so do lengths.
    for kept, names in (("libraries", both), ("held", set(base.held) & set(after.held))):
        before, now = getattr(base, kept), getattr(after, kept)
        for name in names:
            assert set(before[name][0]) & after.shared == set(now[name][0]) & base.shared, kept
            assert before[name][1] == now[name][1], kept
    assert after.cold & both == base.cold & both
    assert len(set(after.numbers.values())) == len(people)


@pytest.mark.parametrize("change", [change for change in CHANGES if change.startswith("users")])
def test_other_users_change_nobodys_likes_splits_pools_or_blocks_and_no_draw_among_the_same_playlists(
    change, base, tmp_path
):
    people, pids = CHANGES[change]
    after = world(tmp_path, people, pids, kept_register(base))
    both = set(PEOPLE[:60]) & set(people)
    for kept in ("liked", "pools"):
        before = {who: what for who, what in getattr(base, kept).items() if who in both}
        assert {who: what for who, what in getattr(after, kept).items() if who in both} == before, kept
    for kept in ("splits", "blocks"):
        before = {pair: what for pair, what in getattr(base, kept).items() if pair[0] in both}
        assert {pair: what for pair, what in getattr(after, kept).items() if pair[0] in both} == before, kept
    # A user may be the first to know a song of some playlist, which then is one to draw: of 900, a few.
    before = {pair: what for pair, what in base.batches.items() if pair[0] in both}
    assert before.keys() == {pair for pair in after.batches if pair[0] in both}
    if base.held.keys() == after.held.keys():
        assert {pair: what for pair, what in after.batches.items() if pair[0] in both} == before
    same = np.mean([len(set(what) & set(after.batches[pair])) / len(what) for pair, what in before.items()])
    moved = len(base.held.keys() ^ after.held.keys()) / len(base.held)
    assert same >= 1 - 3 * moved


@pytest.mark.parametrize("change", ["playlists come", "playlists go", "playlists stand elsewhere"])
def test_other_playlists_leave_the_split_and_the_block_of_every_user_whose_likes_and_pools_are_the_same(
    change, base, tmp_path
):
    after = world(tmp_path, *CHANGES[change], kept_register(base))
    unmoved = {who for who, liked in base.liked.items() if after.liked.get(who) == liked}
    assert len(unmoved) >= (60 if change.endswith("elsewhere") else 5)
    same_pools = {who for who in unmoved if after.pools[who] == base.pools[who]}
    for kept, whose in (("splits", unmoved), ("blocks", same_pools)):
        before = {pair: what for pair, what in getattr(base, kept).items() if pair[0] in whose}
        assert {pair: what for pair, what in getattr(after, kept).items() if pair[0] in whose} == before, kept


def test_another_seed_draws_everything_anew(base, tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.SEED", SEED + 1)
    other = world(tmp_path, PEOPLE[:60], PIDS[:900])
    assert other.libraries == base.libraries and other.numbers == base.numbers
    assert not set(other.exploration.values()) & set(base.exploration.values())
    assert other.splits != base.splits and other.cold != base.cold


def test_a_register_is_kept_with_the_library(tmp_path):
    world(tmp_path, PEOPLE[:5], PIDS[:20])
    stored = stored_register(DatasetStore.at(str(tmp_path)).open("user_library"))
    assert stored["user_id"].to_list() == sorted(PEOPLE[:5]) and stored["number"].to_list() == list(range(5))
