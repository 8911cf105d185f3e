"""Two versions on the same listeners: as sets of ids say, whatever the order of rows in each version is."""

from collections.abc import Sequence

import numpy as np
import pytest
from version_worlds import SONGS, World, plays_of

from buddies_core.artifact.errors import DamagedModelError, NoServedModelError
from buddies_core.comparison.compared import FEWEST, NothingToCompareError
from buddies_core.comparison.versions import compare_versions


def by_hand(world: World, user: str, known: set[str], hidden: set[str]) -> tuple[float, float]:
    new = [world.playlists[pid] - known for pid in world.shown[user][:5]]
    precision = sum(len(songs & hidden) / len(songs) for songs in new if songs) / 5
    return precision, float(len(set().union(*new) & hidden))


def a_world(seed: int, songs: Sequence[str], users: Sequence[str]) -> World:
    generator = np.random.default_rng(seed)

    def some(share: float) -> set[str]:
        return {song for song in songs if generator.random() < share}

    playlists = {10 + n: some(0.2) for n in range(30)}
    titles = {pid: "Heavy metal" if pid % 2 else "jazz" for pid in playlists}
    return World(
        {user: some(generator.choice([0.1, 0.3, 0.7])) for user in users},
        playlists,
        {user: generator.permutation(sorted(playlists))[:6].tolist() for user in users},
        {user for user in users if generator.random() < 0.2},
        titles,
    )


def test_it_agrees_with_sets_of_ids_whatever_the_order_of_rows_is(tmp_path):
    users = [f"{n:040x}" for n in range(120)]
    old = a_world(1, SONGS[:50], users[:110])
    new = a_world(2, SONGS[10:], users[10:])
    old.write(tmp_path, "old", SONGS[:50], users[:110])
    new.write(tmp_path, "new", SONGS[10:][::-1], users[10:][::-1])
    generator = np.random.default_rng(3)
    hidden = {user: {song for song in SONGS if generator.random() < 0.3} for user in users}
    found = {
        (row.kind, row.segment, row.measure): row for row in compare_versions(tmp_path, "old", "new", plays_of(hidden))
    }

    judged = {}
    for user in users[10:110]:
        known = old.plays[user] | new.plays[user]
        if len(known) >= 3 and len(hidden[user] - known) >= 2:
            judged[user] = [by_hand(world, user, known, hidden[user] - known) for world in (old, new)]
    everybody = {measure: found["everybody", "everybody", measure] for measure in ("precision", "hits")}
    assert len(judged) > 80
    for at, (_, row) in enumerate(everybody.items()):
        assert row.listeners == len(judged)
        assert row.first == pytest.approx(np.mean([of[0][at] for of in judged.values()]))
        assert row.second == pytest.approx(np.mean([of[1][at] for of in judged.values()]))
        assert row.gain.mean == pytest.approx(row.second - row.first)
        assert row.gain.low < row.gain.mean < row.gain.high
    cold = [user for user in judged if user in old.cold and user in new.cold]
    assert found["new or old", "set aside from training", "hits"].listeners == len(cold)
    many = [user for user in judged if len(old.plays[user] | new.plays[user]) > 30]
    row = found["songs known", "over 30", "precision"]
    assert (row.listeners, row.second) == (len(many), pytest.approx(np.mean([judged[u][1][0] for u in many])))


def test_listeners_of_a_kind_are_told_apart_once(tmp_path):
    users = [f"{n:040x}" for n in range(90)]
    for seed, name in ((1, "a"), (2, "b")):
        a_world(seed, SONGS, users).write(tmp_path, name, SONGS, users)
    found = compare_versions(tmp_path, "a", "b", plays_of({user: set(SONGS[::3]) for user in users}))
    judged = found[0].listeners
    kinds: dict[str, int] = {}
    for row in found:
        if row.measure == "hits":
            kinds[row.kind] = kinds.get(row.kind, 0) + row.listeners
    assert len(kinds) == 5
    assert set(kinds.values()) == {judged}
    assert {"metal", "jazz"} & {row.segment for row in found if row.kind == "genre of most songs"}


def test_a_version_that_shows_what_listeners_play_is_better_and_the_other_way_round_worse(tmp_path):
    users = [f"{n:040x}" for n in range(FEWEST)]
    playlists = {n: {SONGS[n]} for n in range(60)}
    plays = {user: set(SONGS[:3]) for user in users}
    World(plays, playlists, {user: [10, 11, 12, 13, 14] for user in users}).write(tmp_path, "right", SONGS, users)
    World(plays, playlists, {user: [50, 51, 52, 53, 54] for user in users}).write(tmp_path, "wrong", SONGS, users)
    # Even listeners have three of the five songs of the right lists among their hidden plays, odd ones two.
    hidden = {user: set(SONGS[10 : 13 - n % 2]) for n, user in enumerate(users)}
    better = compare_versions(tmp_path, "wrong", "right", plays_of(hidden))[0]
    assert (better.first, better.second, better.verdict) == (0.0, pytest.approx(0.5), "better")
    assert compare_versions(tmp_path, "right", "wrong", plays_of(hidden))[0].verdict == "worse"
    same = compare_versions(tmp_path, "right", "right", plays_of(hidden))[0]
    assert (same.gain.low, same.gain.high, same.verdict) == (0.0, 0.0, "undecided")


def test_a_hidden_play_that_a_version_was_told_is_counted_for_neither(tmp_path):
    users = [f"{n:040x}" for n in range(5)]
    playlists = {n: {SONGS[n]} for n in range(60)}
    shown = {user: [10, 11, 12, 13, 14] for user in users}
    World({user: set(SONGS[:3]) for user in users}, playlists, shown).write(tmp_path, "honest", SONGS, users)
    World({user: set(SONGS[:11]) for user in users}, playlists, shown).write(tmp_path, "told", SONGS, users)
    row = compare_versions(tmp_path, "honest", "told", plays_of({user: set(SONGS[10:13]) for user in users}))[1]
    assert (row.measure, row.first, row.second) == ("hits", 2.0, 2.0)
    assert row.gain is None  # five listeners are too few for an interval


def test_versions_without_a_listener_to_judge_say_so(tmp_path):
    users = [f"{n:040x}" for n in range(3)]
    world = World({user: set(SONGS[:3]) for user in users}, {1: {SONGS[9]}}, {user: [1] for user in users})
    for name in ("a", "b"):
        world.write(tmp_path, name, SONGS, users)
    with pytest.raises(NothingToCompareError, match="in both a and b"):
        compare_versions(tmp_path, "a", "b", plays_of({}))


def test_a_version_that_is_gone_or_cut_short_is_named(tmp_path):
    users = [f"{n:040x}" for n in range(3)]
    World({u: set(SONGS[:3]) for u in users}, {1: {SONGS[9]}}, {user: [1] for user in users}).write(
        tmp_path, "a", SONGS, users
    )
    with pytest.raises(NoServedModelError, match="gone"):
        compare_versions(tmp_path, "a", "gone", plays_of({}))
    file = tmp_path / "versions" / "a" / "song_ids.npy"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DamagedModelError, match=r"song_ids\.npy"):
        compare_versions(tmp_path, "a", "a", plays_of({}))
