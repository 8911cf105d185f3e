"""Arrays of a model by the users' lasting numbers."""

import numpy as np

from buddies_core.artifact.by_number import by_number


def ragged(lists: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.cumsum([0, *map(len, lists)]), np.array([v for part in lists for v in part], np.uint32)


def lists(pointers: np.ndarray, values: np.ndarray) -> list[list[int]]:
    return [part.tolist() for part in np.split(values, pointers[1:-1])]


def test_rows_lists_and_indexes_of_users_move_to_their_numbers_and_the_rest_stays():
    ranked, neighbours = ragged([[10, 11], [12], []]), ragged([[1], [0, 2], [1]])
    arrays = {
        "cold": np.array([True, False, False]),
        "user_factors": np.array([[1, 1], [2, 2], [3, 3]], np.float32),
        "ranked_indptr": ranked[0],
        "ranked_playlists": ranked[1],
        "ranked_scores": np.array([0.9, 0.8, 0.7], np.float32),
        "neighbour_indptr": neighbours[0],
        "neighbour_users": neighbours[1],
        "neighbour_similarity": np.array([0.1, 0.2, 0.3, 0.4], np.float32),
        "playlist_owner": np.array([2, -1, 0], np.int32),
        "most_liked": np.array([7], np.uint32),
    }
    # Row 0 has number 4, row 1 number 0, row 2 number 2; nobody in the data has the numbers 1 and 3.
    found = by_number(arrays, np.array([4, 0, 2], np.uint32), 5)
    assert found["cold"].tolist() == [False, False, False, False, True]
    assert found["user_factors"][:, 0].tolist() == [2, 0, 3, 0, 1]
    assert lists(found["ranked_indptr"], found["ranked_playlists"]) == [[12], [], [], [], [10, 11]]
    assert found["ranked_scores"].tolist() == np.array([0.7, 0.9, 0.8], np.float32).tolist()
    assert lists(found["neighbour_indptr"], found["neighbour_users"]) == [[4, 2], [], [0], [], [0]]
    assert found["neighbour_similarity"].tolist() == np.array([0.2, 0.3, 0.4, 0.1], np.float32).tolist()
    assert found["playlist_owner"].tolist() == [2, -1, 4]
    assert found["most_liked"].tolist() == [7]
    assert {name: array.dtype for name, array in found.items()} == {n: a.dtype for n, a in arrays.items()}


def test_where_the_numbers_are_the_rows_nothing_is_copied():
    arrays = {"cold": np.zeros(3, bool)}
    assert by_number(arrays, np.arange(3), 3)["cold"] is arrays["cold"]
