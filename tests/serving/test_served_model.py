"""The served-model format: what is written can be read, and what is wrong is refused by name."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from buddies_core.artifact.errors import ArrayMismatchError, ModelFormatError, NoServedModelError, ServedModelError
from buddies_core.artifact.store import Challenger, publish, read_channels, versions, write_version
from buddies_core.artifact.texts import TextColumn, pack_texts
from buddies_serving.model.served_model import ServedModel


@pytest.fixture
def model(make_model: Callable[..., Path]) -> ServedModel:
    return ServedModel.open(make_model() / "versions" / "v1")


def test_a_list_is_the_first_five_candidates_as_pids(model: ServedModel) -> None:
    assert model.top(0, 5) == [130, 110, 140, 150, 120]
    assert json.loads(model.fragment(0)) == {"user_id": 0, "playlists": [130, 110, 140, 150, 120]}


def test_a_short_list_is_filled_with_the_most_liked_that_the_user_does_not_like(model: ServedModel) -> None:
    # user 2 has 0 and 1 as candidates and likes 2; the most liked are 5, 2, 0, 1, 7, 6
    assert model.top(2, 5) == [100, 110, 150, 170, 160]


def test_cold_users_get_the_most_liked_in_order(model: ServedModel) -> None:
    assert model.top(4, 5) == [150, 120, 100, 110, 170]
    assert model.top(None, 5) == model.top(99, 5) == [150, 120, 100, 110, 170]
    assert [model.is_cold(user) for user in (0, 4, 5, 99, None)] == [False, True, True, True, True]


def test_fragments_agree_with_the_lists_for_every_user(model: ServedModel) -> None:
    for user in range(model.users):
        assert json.loads(model.fragment(user))["playlists"] == model.top(user, 5)
    assert [bytes(part) for part in model.fragments(np.array([3, 0]))] == [
        bytes(model.fragment(3)),
        model.fragment(0),
    ]


def test_hidden_playlists_leave_a_list_and_the_next_move_up(model: ServedModel) -> None:
    assert model.top(0, 5, {130, 110}) == [140, 150, 120, 160, 170]


def test_ids_are_found_and_neighbours_of_ids_are_not(model: ServedModel) -> None:
    assert model.find_user("3" * 40) == 3
    assert model.find_user("3" * 39) is None
    assert model.find_user("f" * 40) is None
    assert model.find_playlist(130) == 3
    assert model.find_playlist(131) is None
    assert model.find_playlist(2**40) is None
    assert model.find_song_id("SO0000000000000003") == 3
    assert model.find_song_id("SO9") is None


@pytest.mark.parametrize("name", ["ranked_scores", "cold", "song_keys_bytes"])
def test_a_missing_array_is_refused_by_name(tmp_path: Path, small_world: dict[str, np.ndarray], name: str) -> None:
    del small_world[name]
    with pytest.raises(ArrayMismatchError, match=f"array '{name}': is missing"):
        write_version(tmp_path, "v1", small_world)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("ranked_scores", lambda a: a[:-1], "ranked"),
        ("ranked_scores", lambda a: np.where(np.arange(len(a)) == 3, np.nan, a).astype("<f4"), "NaN"),
        ("ranked_scores", lambda a: a[::-1].copy(), "rise"),
        ("ranked_playlists", lambda a: a + 5, "playlists"),
        ("playlist_owner", lambda a: a - 5, "-1"),
        ("playlist_pids", lambda a: a[::-1].copy(), "sorted"),
        ("user_ids", lambda a: a.astype("S41"), "dtype"),
        ("playlist_tracks", lambda a: a.astype("<i8") - 3, "dtype"),
        ("most_liked", lambda a: a.reshape(2, -1), "dimensions"),
        ("liked_indptr", lambda a: a[::-1].copy(), "runs from"),
    ],
)
def test_a_broken_array_is_refused_by_name(
    tmp_path: Path, small_world: dict[str, np.ndarray], name: str, change: Callable, reason: str
) -> None:
    small_world[name] = change(small_world[name])
    with pytest.raises(ArrayMismatchError, match=reason) as caught:
        write_version(tmp_path, "v1", small_world)
    assert caught.value.array == name


def test_nothing_is_left_behind_by_a_refused_version(tmp_path: Path, small_world: dict[str, np.ndarray]) -> None:
    small_world["ranked_scores"][0] = np.nan
    with pytest.raises(ArrayMismatchError):
        write_version(tmp_path, "v1", small_world)
    assert versions(tmp_path) == []


def test_a_version_is_never_overwritten(make_model: Callable[..., Path], small_world: dict[str, np.ndarray]) -> None:
    root = make_model()
    with pytest.raises(ServedModelError, match="never overwritten"):
        write_version(root, "v1", small_world)


@pytest.mark.parametrize("version", ["", "..", "a/b", "x" * 65, ".hidden", "a b"])
def test_a_version_name_cannot_leave_its_folder(tmp_path: Path, small_world: dict, version: str) -> None:
    with pytest.raises(ServedModelError, match="unusable"):
        write_version(tmp_path, version, small_world)


def test_a_truncated_file_is_named_when_opened(make_model: Callable[..., Path]) -> None:
    folder = make_model() / "versions" / "v1"
    path = folder / "ranked_scores.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ArrayMismatchError, match="cut short"):
        ServedModel.open(folder)


def test_a_swapped_file_is_named_when_opened(make_model: Callable[..., Path]) -> None:
    folder = make_model() / "versions" / "v1"
    (folder / "ranked_scores.npy").write_bytes((folder / "playlist_owner.npy").read_bytes())
    with pytest.raises(ArrayMismatchError, match="manifest says"):
        ServedModel.open(folder)


def test_channels_name_the_champion_and_the_challenger(make_model: Callable[..., Path]) -> None:
    root = make_model("v1")
    make_model("v2")
    published = publish(root, "v1", challenger=Challenger("v2", 0.25))
    assert read_channels(root) == published
    assert (published.champion, published.challenger) == ("v1", Challenger("v2", 0.25))
    assert versions(root) == ["v1", "v2"]


def test_only_written_versions_are_published(make_model: Callable[..., Path]) -> None:
    root = make_model()
    with pytest.raises(NoServedModelError, match="v9"):
        publish(root, "v9")
    with pytest.raises(ServedModelError, match="within 0 and 1"):
        publish(root, "v1", challenger=Challenger("v1", 1.5))
    assert read_channels(root).champion == "v1"


def test_a_model_of_an_older_format_is_refused_with_what_to_do(make_model: Callable[..., Path]) -> None:
    folder = make_model() / "versions" / "v1"
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 1}))
    with pytest.raises(ModelFormatError, match=r"format 1, .* reads 5; materialise the asset served_model again"):
        ServedModel.open(folder)


def test_an_empty_root_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoServedModelError, match="served_model"):
        read_channels(tmp_path)


def test_a_model_without_ranked_candidates_can_be_opened(tmp_path: Path, small_world: dict[str, np.ndarray]) -> None:
    small_world["ranked_indptr"] = np.zeros(7, dtype="<i8")
    small_world["ranked_playlists"] = np.zeros(0, dtype="<u4")
    small_world["ranked_scores"] = np.zeros(0, dtype="<f4")
    folder = write_version(tmp_path, "v1", small_world)
    assert ServedModel.open(folder).top(0, 2) == [150, 120]


def test_texts_are_found_in_a_sorted_column() -> None:
    words = sorted(["", "été", "b", "日本", "a\tb"], key=lambda word: word.encode())
    packed = pack_texts("words", words)
    column = TextColumn(packed["words_offsets"], packed["words_bytes"])
    assert [column[row] for row in range(len(column))] == words
    assert [column.find(word) for word in words] == [0, 1, 2, 3, 4]
    assert column.find("c") is None


def test_users_are_found_by_id_though_their_numbers_follow_no_order_of_ids(
    small_world: dict[str, np.ndarray], tmp_path: Path
) -> None:
    ids = small_world["user_ids"][[4, 2, 0, 5, 1, 3]]
    renumbered = small_world | {"user_ids": ids, "user_order": np.argsort(ids).astype(np.uint32)}
    model = ServedModel.open(write_version(tmp_path, "v1", renumbered))
    assert [model.find_user(f"{digit:x}" * 40) for digit in range(7)] == [2, 4, 1, 5, 0, 3, None]
    assert model.user_id(3) == "5" * 40
