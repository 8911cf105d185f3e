"""What is hidden from the model: by hash without dates, by date with them, new listeners whole."""

import polars as pl
import pytest

from buddies_assets.systems.songs.catalogue import EVENTS, canonical, no_text
from buddies_assets.systems.songs.splits import part_of, seen_plays, split_plays


def played(listeners=200, songs=12):
    rows = [(f"u{u}", f"s{(u * 7 + n * 3) % 50}", 1.0) for u in range(listeners) for n in range(songs)]
    return (
        pl.DataFrame(rows, schema=["user", "song", "weight"], orient="row")
        .unique(["user", "song"])
        .sort("user", "song")
    )


def test_about_a_third_is_hidden_by_the_pair_alone():
    plays = played()
    found = split_plays(plays, seed=0)
    share = found.filter(pl.col("split") == "test").height / found.filter(pl.col("split") != "new").height
    assert share == pytest.approx(0.3, abs=0.04)
    some = plays.filter(pl.col("user").is_in([f"u{n}" for n in range(0, 200, 3)])).sample(
        fraction=1.0, shuffle=True, seed=1
    )
    again = split_plays(some, seed=0)
    assert again.join(found, on=["user", "song"]).filter(pl.col("split") != pl.col("split_right")).is_empty()


def test_new_listeners_are_away_whole_and_few_songs_hide_nothing():
    plays = pl.concat([played(), pl.DataFrame({"user": ["few"] * 2, "song": ["s1", "s2"], "weight": [1.0] * 2})])
    found = split_plays(plays, seed=0)
    parts = dict(found.group_by("user").agg(pl.col("split").unique()).iter_rows())
    new = [user for user, names in parts.items() if "new" in names]
    assert 3 <= len(new) <= 20
    assert all(parts[user] == ["new"] for user in new)
    assert "test" not in parts["few"]


def test_with_dates_the_songs_that_were_met_last_are_hidden_and_later_plays_of_old_songs_are_not_counted():
    rows = [(f"u{u}", f"s{n}", 1.0, float(n * 10 + u % 3)) for u in range(60) for n in range(10)]
    rows += [(f"u{u}", "s0", 5.0, 99.5) for u in range(60)]
    events = pl.DataFrame(rows, schema=["user", "item", "weight", "time"], orient="row")
    found = canonical(events, no_text())
    splits = split_plays(found.plays, seed=0)
    joined = splits.join(found.plays, on=["user", "song"])
    assert (
        joined.filter(pl.col("split") == "test")["first"].min()
        > joined.filter(pl.col("split") == "train")["first"].max()
    )
    train = part_of(seen_plays(found.plays, found.events, splits), splits, "train")
    first = train.filter(pl.col("song") == "s0")
    assert first["weight"].unique().to_list() == [1.0]
    assert first["time"].max() <= 2.0
    assert seen_plays(found.plays, pl.DataFrame(schema=EVENTS), splits).equals(found.plays)
