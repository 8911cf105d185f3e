"""What training and serving share of the songs: the writer refuses what the reader could not serve."""

import numpy as np
import pytest

from buddies_core.artifact.errors import ServedModelError
from buddies_core.artifact.named_arrays import read_artifact
from buddies_core.artifact.served_songs import (
    LISTED,
    NEAREST,
    NEAREST_OF_SOURCE,
    TASTE,
    Listed,
    Reason,
    ServedSongs,
    Song,
    publish_songs,
)


def row(*values, length, fill=-1, dtype=np.int32):
    return np.array([*values, *[fill] * (length - len(values))], dtype)


def tiny():
    """Two listeners, four songs; the third song has two ids."""
    users = ["ann", "bob"]
    arrays = {
        "lists": np.stack([row(2, 3, length=LISTED), row(0, length=LISTED)]),
        "scores": np.stack(
            [row(0.5, 0.25, length=LISTED, fill=0, dtype=np.float32), row(0.1, length=LISTED, fill=0, dtype=np.float32)]
        ),
        "reasons": np.stack([row(1, 3, length=LISTED, fill=0), row(length=LISTED, fill=0)]).astype(np.uint8),
        "because": np.stack([row(0, length=LISTED), row(length=LISTED)]),
        "known_offsets": np.array([0, 2, 4]),
        "known": np.array([0, 1, 1, 2], np.int32),
        "taste": np.stack([row(1, 0, length=TASTE), row(2, 1, length=TASTE)]),
        "plays": np.stack([row(9, 1, length=TASTE, fill=0, dtype=np.float32)] * 2),
        "similar": np.stack([row((at + 1) % 4, length=NEAREST) for at in range(4)]),
        "similar_scores": np.stack([row(0.5, length=NEAREST, fill=0, dtype=np.float32)] * 4),
        "similar_by_source": np.stack([np.stack([row((at + 2) % 4, length=NEAREST_OF_SOURCE) for at in range(4)])] * 2),
        "listeners": np.array([1, 2, 1, 0], np.int32),
        "artist_number": np.array([0, 0, 1, -1], np.int32),
        "year": np.array([1999, 0, 2001, 0], np.int16),
        "id_row": np.array([0, 1, 2, 2, 3], np.int32),
    }  # fmt: skip
    texts = {
        "user": users,
        "song": ["S0", "S1", "S2", "S3"],
        "title": ["One", "Two", "Three", ""],
        "artist": ["A", "A", "B", ""],
        "release": ["R", "", "", ""],
        "uri": ["spotify:track:1", "", "", ""],
        "id": ["S0", "S1", "S2", "S2b", "S3"],
    }
    return arrays, texts, {"sources": ["als", "bpr"]}


def published(home):
    publish_songs(home, *tiny())
    return ServedSongs(read_artifact(home / "songs" / "plays"))


def test_what_is_written_is_read(tmp_path):
    served = published(tmp_path)
    ann = served.find_user("ann")
    assert ann is not None
    assert served.listed(ann) == [Listed(2, 0.5, Reason.PLAYED, 0), Listed(3, 0.25, Reason.LISTENERS, -1)]
    assert served.listed(ann, 1) == served.listed(ann)[:1]
    assert served.known(ann).tolist() == [0, 1]
    assert served.taste(ann) == [(1, 9.0), (0, 1.0)]
    assert served.neighbours(3) == [(0, 0.5)]
    assert served.neighbours_by_source(3) == [[1], [1]]
    assert served.sources == ["als", "bpr"]
    assert served.song(0) == Song("S0", "One", "A", "R", 1999, "spotify:track:1", 1)
    assert (served.artist_number(3), served.n_songs) == (-1, 4)


def test_every_id_of_a_song_finds_its_one_row_and_unknown_ids_find_nothing(tmp_path):
    served = published(tmp_path)
    assert [served.find_song(name) for name in ("S2", "S2b", "S3", "S4", "")] == [2, 2, 3, None, None]
    assert served.find_user("zoe") is None


def test_popular_songs_come_by_listeners_equal_ones_by_row_and_without_those_that_nobody_has(tmp_path):
    assert published(tmp_path).popular() == [(1, 1.0), (0, 0.5), (2, 0.5)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays, texts: arrays.pop("similar"), "'similar' must be .* missing"),
        (lambda arrays, texts: arrays.update(year=np.zeros(3, np.int16)), "'year' must be"),
        (lambda arrays, texts: arrays["lists"].__setitem__((0, 0), 4), "'lists' names a row"),
        (lambda arrays, texts: arrays["scores"].__setitem__((0, 0), np.nan), "'scores' holds"),
        (lambda arrays, texts: texts.update(user=["bob", "ann"]), "'user' are not ascending"),
        (lambda arrays, texts: texts.update(id=["S0", "S1", "S1", "S2b", "S3"]), "'id' are not ascending"),
        (lambda arrays, texts: texts.update(title=["One"]), "1 texts 'title' for 4 songs"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(tmp_path, change, said):
    arrays, texts, facts = tiny()
    change(arrays, texts)
    with pytest.raises(ServedModelError, match=said):
        publish_songs(tmp_path, arrays, texts, facts)
    assert not (tmp_path / "songs").exists()
