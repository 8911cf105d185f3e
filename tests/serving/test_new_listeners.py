"""Listeners for whom nothing was published: served by what they like, from the next request on, and told why.

In the small world user 5 plays song 3 and has no candidates; 150 is a playlist they liked in train.
"""

import pytest

from buddies_core.artifact.listeners import listener_id
from buddies_serving.listeners.remembered import Known
from buddies_serving.model.by_songs import fold_in
from buddies_serving.model.new_listeners import NewListeners


@pytest.fixture
def model(server):
    """The model that the server serves."""
    server.recommend(0)
    return server.service.watcher.serving.champion


def test_a_listener_without_a_list_who_likes_a_playlist_is_served_by_its_songs_at_the_next_request(server, model):
    (before,) = server.recommend(5)
    # playlist 130 holds songs 0 and 3
    expected = [pid for pid in model.pids[fold_in(model, [0, 3], 8)].tolist() if pid not in (130, 150)]
    assert server.like(5, 130, 100).status_code == 200
    (after,) = server.recommend(5)
    assert after["playlists"] == expected[:5]
    assert after != before
    explained = server.get("/api/users/5/recommendations?explain=true").json()
    assert [card["playlist"] for card in explained["playlists"]] == expected[:5]
    assert explained["cold"] is False
    why = {card["playlist"]: card["why"] for card in explained["playlists"]}
    assert {told["kind"] for told in why.values()} == {"likes"}
    held = {100: [0, 1], 110: [2], 120: [1, 2], 140: [4], 160: [1], 170: [2, 3]}
    assert {pid: told["shared_songs"] for pid, told in why.items()} == {
        pid: len({0, 3} & set(held[pid])) for pid in why
    }


def test_more_likes_make_another_list_and_what_was_liked_is_not_offered_again(server, model):
    for liked, other in ((130, 100), (100, 120)):
        server.like(5, liked, other)
    (found,) = server.recommend(5)
    assert not {130, 100, 150} & set(found["playlists"])


def test_a_listener_with_a_list_keeps_it(server, model):
    (before,) = server.recommend(0)
    server.like(0, before["playlists"][0], before["playlists"][1])
    assert server.recommend(0)[0]["playlists"][:4] == before["playlists"][1:]


@pytest.mark.parametrize("liked", [{4_000_000}, set()])
def test_likes_that_say_nothing_give_no_list(model, liked):
    assert NewListeners(model).top(None, Known(liked), 5) == []


def test_somebody_of_whom_nothing_else_is_known_is_served_by_their_likes(model):
    assert NewListeners(model).top(None, Known({130}), 8) == [
        pid for pid in model.pids[fold_in(model, [0, 3], 8)].tolist() if pid != 130
    ]


def test_lists_are_bounded(model, monkeypatch):
    monkeypatch.setattr("buddies_serving.model.new_listeners.KEPT", 3)
    new = NewListeners(model)
    for pid in model.pids.tolist():
        new.top(None, Known({pid}), 5)
    assert len(new._lists) == 3


def test_a_user_who_was_set_aside_but_has_a_list_is_told_why_it_is_theirs(make_model, serve):
    make_model(ranked=[[3, 1, 4, 5, 2, 6], [7, 0, 2, 3, 4, 5], [0, 1], [6, 5, 4, 3, 2, 1], [1, 0], []])
    shown = serve().get("/api/users/4/recommendations?explain=true&k=1").json()
    assert shown["cold"] is False
    assert shown["playlists"][0]["why"]["kind"] == "buddy"


NEW = "c0ffee" + "0" * 34


@pytest.mark.parametrize("named", [NEW, "client:ada"])
def test_somebody_unknown_to_the_library_who_names_songs_is_served_by_them_from_the_next_request_on(
    server, model, named
):
    assert server.recommend(named) == [{"user_id": named, "playlists": model.popular_pids[:5]}]
    songs = [{"title": "Aerial", "artist": "Ana"}, {"id": "SO0000000000000003"}]
    events = [{"kind": "save", "song": song} for song in songs]
    assert server.post("/api/events/", json={"user_id": named, "events": events}).status_code == 200
    expected = model.pids[fold_in(model, [0, 3], 5)].tolist()
    assert server.recommend(named) == [{"user_id": named, "playlists": expected}]
    assert server.recommend(listener_id(named))[0]["playlists"] == expected
    shown = server.get(f"/api/users/{named}/recommendations?explain=true").json()
    assert (shown["user"], shown["cold"]) == (None, False)
    assert [card["playlist"] for card in shown["playlists"]] == expected
    assert shown["playlists"][0]["why"] == {
        "kind": "likes", "buddy": None, "similarity": None, "shared_songs": 2,
        "songs": [{"title": "Aerial", "artist": "Ana"}, {"title": "Dune", "artist": "Di"}],
    }  # fmt: skip


@pytest.mark.parametrize("named", [NEW, "client:ada"])
def test_somebody_unknown_to_the_library_gives_feedback_which_is_kept_under_an_id_of_their_own(server, model, named):
    listed = server.get(f"/api/users/{named}/recommendations").json()
    liked, *others = [card["playlist"] for card in listed["playlists"]]
    others = [pid for pid in others if pid != liked]
    body = {"user_id": named, "like_playlist": liked, "other_playlists": others}
    body["recommendation_id"] = listed["recommendation_id"]
    assert server.post("/feedback", json=body).json() == {"msg": "Feedback Sent"}
    (stored,) = server.service.writer.spooled()
    assert (stored.user_key, stored.playlist) == (listener_id(named), liked)
    assert stored.user_id < 0
    assert liked not in server.recommend(named)[0]["playlists"]
    # the list of another stranger is not theirs
    body["user_id"] = "d" * 40
    assert server.post("/feedback", json=body).status_code == 422


def test_what_a_stranger_did_is_theirs_under_their_number_once_a_model_knows_them(make_model, serve, small_world):
    from buddies_core.artifact.store import publish, write_version

    root = make_model(factors=True)
    server = serve()
    likes = {"user_id": NEW, "events": [{"kind": "like", "playlist": 130}, {"kind": "like", "song": {"title": "Ember",
             "artist": "Eve"}}]}  # fmt: skip
    assert server.post("/api/events/", json=likes).status_code == 200
    (before,) = server.recommend(NEW)
    arrays = {name: array for name, array in small_world.items() if not name.startswith("contract")}
    ids = arrays["user_ids"].copy()
    ids[5] = NEW.encode()
    write_version(root, "v2", arrays | {"user_ids": ids, "user_order": ids.argsort().astype("uint32")})
    publish(root, "v2")
    for _ in range(200):
        if server.service.watcher.swaps > 1 and 5 in server.service.remembered:
            break
        import time

        time.sleep(0.02)
    assert server.service.remembered.of(5).likes == {130}
    assert len(server.service.remembered.of(5).songs) == 1
    assert 130 not in server.recommend(5)[0]["playlists"]
    assert server.recommend(NEW)[0]["playlists"] == server.recommend(5)[0]["playlists"]
    assert before["user_id"] == NEW
