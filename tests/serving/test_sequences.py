"""Next track and continuation over HTTP, on forty playlists that run through two artists' songs."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_sequences import small_artifact

from buddies_core.artifact.named_arrays import write_artifact

SEED = "spotify:track:song 1/artist 2"


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    return small_artifact()


@pytest.fixture
def fitted(tmp_path: Path, arrays: dict[str, Any]) -> str:
    return write_artifact(tmp_path / "sequences" / "mpd", arrays, {"system": "sequences", "experiment": "mpd"})


def test_the_next_track_has_its_reason_and_the_model_its_version(server, fitted):
    body = {"tracks": [SEED, {"title": "never heard", "artist": "nobody"}], "n": 3}
    answer = server.post("/api/track/next/", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["model"], found["known"], len(found["tracks"])) == (fitted, [True, False], 3)
    assert answer.headers["x-model-version"] == fitted
    assert set(found["tracks"][0]) == {"track_uri", "title", "artist", "score", "why"}
    again = server.post("/api/track/next/", json=body)
    assert again.content == answer.content


def test_a_playlist_goes_on_by_title_alone_and_flows_when_asked(server, fitted):
    found = server.post("/api/playlist/continue/", json={"title": "artist 3", "n": 6, "order": "flow"}).json()
    assert (found["known"], len(found["tracks"])) == ([], 6)
    assert {song["why"]["kind"] for song in found["tracks"]} == {"filler"}


def test_the_shape_of_spotifys_call_stands_under_both_addresses(server, fitted):
    first, second = (
        server.get(f"{base}/recommendations", params={"seed_tracks": "song 1/artist 2,unknown", "limit": 4}).json()
        for base in ("", "/v1")
    )
    assert first == second
    assert len(first["tracks"]) == 4
    assert {"id", "uri", "name", "artists", "type"} == set(first["tracks"][0])
    assert [seed["initialPoolSize"] for seed in first["seeds"]] == [4, 0]


def test_the_tutorials_call_answers_names_without_the_song_that_was_sent(server, fitted):
    body = json.dumps({"instances": ["artist 2-song 1"]})
    found = server.post("/v1/models/track2vec:predict", content=body, headers={"content-type": "application/json"})
    names = found.json()["predictions"]["output_2"]
    assert names[0] == "artist 2-song 2"
    assert "artist 2-song 1" not in names


def test_neighbours_of_a_song_and_of_one_that_nobody_knows(server, fitted):
    found = server.get("/api/track/spotify:track:other/neighbours", params={"n": 2}).json()
    assert [song["why"]["kind"] for song in found["tracks"]] == ["together", "together"]
    assert server.get("/api/track/spotify:track:nobody/neighbours").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/track/next/", {"tracks": [{"title": "x"}]}, "tracks"),
        ("/api/track/next/", {"tracks": [SEED], "n": 0}, "n"),
        ("/api/playlist/continue/", {"order": "backwards"}, "order"),
        ("/v1/models/track2vec:predict", {"instances": []}, "instances"),
    ],
)
def test_a_body_that_is_wrong_is_told_with_its_field(server, fitted, path, body, field):
    answer = server.post(path, json=body)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]


OTHER = "spotify:track:song 3/artist 2"
NOBODY = {"title": "never heard", "artist": "nobody"}
ODD = {
    "nobody knows any": {"tracks": [NOBODY, "spotify:track:0000000000000000000000"]},
    "no song and no title": {},
    "spaces for a title": {"title": " \t "},
    "emoji for a title": {"title": "\U0001f525\U0001f525 \U0001f1e7\U0001f1f7"},
    "a title that joins and combines": {"title": "Z\u0361\u035d\u200da\u0300l\u202e\x00go", "tracks": [SEED]},
    "five hundred songs nobody knows before one": {"tracks": [*[NOBODY] * 500, SEED]},
    "two thousand times the same song": {"tracks": [SEED] * 2_000},
    "a song that is to be left out": {"tracks": [SEED], "exclude": [SEED, OTHER]},
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_odd_playlists_are_answered_with_songs_that_they_lack_each_once(server, fitted, body):
    answer = server.post("/api/playlist/continue/", json={"n": 8, **body})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    named = [song["track_uri"] for song in found["tracks"]]
    assert len(named) == len(set(named)) == 8
    sent = [*body.get("tracks", []), *body.get("exclude", [])]
    assert not {track for track in sent if isinstance(track, str)} & set(named)
    assert len(found["known"]) == min(len(body.get("tracks", [])), 500)
    assert all(song["score"] == song["score"] for song in found["tracks"])


def test_a_song_sent_twice_counts_once_where_it_was_last(server, fitted):
    def songs(tracks):
        return server.post("/api/track/next/", json={"tracks": tracks, "n": 5}).json()["tracks"]

    assert songs([SEED, OTHER, SEED, SEED]) == songs([OTHER, SEED])
    assert songs([SEED, NOBODY, NOBODY]) == songs([SEED, NOBODY])


def test_without_a_fitted_model_the_answer_names_the_command(server):
    answer = server.post("/api/track/next/", json={"tracks": [SEED]})
    assert answer.status_code == 404
    assert "buddies fit-playlists" in answer.json()["detail"]


def test_a_playlist_is_named_by_its_id_and_goes_on_after_its_songs(server, fitted):
    body = {"playlist": 7, "n": 5}
    answer = server.post("/api/playlist/continue/", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert len(found["known"]) == 9 and all(found["known"])
    assert len(found["tracks"]) == 5
    wrong = server.post("/api/playlist/continue/", json={"playlist": 40})
    assert (wrong.status_code, "No playlist has the id 40" in wrong.text) == (404, True)


def test_a_threshold_draws_among_what_is_likely_and_says_how_likely(server, fitted):
    def asked(threshold: float, fresh: int) -> list[dict[str, Any]]:
        body = {"tracks": [SEED], "n": 5, "threshold": threshold, "fresh": fresh, "max_per_artist": 0}
        answer = server.post("/api/playlist/continue/", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["tracks"]

    few = asked(0.01, 1)
    assert few and all(song["probability"] >= 0.01 for song in few)
    assert asked(0.01, 1) == few
    assert any(asked(0.01, fresh) != few for fresh in (2, 3, 4))
    assert asked(0.9999, 1) == []


def test_each_task_is_answered_by_its_own_version_where_the_graph_made_one(server, fitted, tmp_path, arrays):
    own = write_artifact(tmp_path / "sequences" / "next_track", arrays, {"system": "sequences", "experiment": "next"})
    body = {"tracks": [SEED], "n": 2}
    assert server.post("/api/track/next/", json=body).json()["model"] == own
    assert server.post("/api/playlist/continue/", json=body).json()["model"] == fitted


def test_spotipy_as_released_gets_recommendations_with_another_base_address(server, fitted):
    spotipy = pytest.importorskip("spotipy", reason="spotipy is a development dependency")
    import requests

    class Session(requests.Session):
        """Requests as spotipy makes them, answered by the test's server."""

        def request(self, method, url, params=None, **more):  # type: ignore[override]
            found = server.request(method, url.removeprefix("http://buddies"), params=params)
            answer = requests.Response()
            answer.status_code, answer._content, answer.url = found.status_code, found.content, url
            return answer

    client = spotipy.Spotify(auth="nobody", requests_session=Session())
    client.prefix = "http://buddies/v1/"
    found = client.recommendations(seed_tracks=["other"], limit=3)
    assert len(found["tracks"]) == 3 and found["tracks"][0]["artists"][0]["name"]


def test_songs_are_found_by_what_is_typed_the_most_popular_first(server, fitted):
    found = server.get("/api/tracks", params={"search": "SONG 1", "limit": 3}).json()["tracks"]
    assert [song["title"] for song in found] == ["song 1"] * 3
    assert set(found[0]) == {"track_uri", "title", "artist"}
    most = server.get("/api/tracks", params={"limit": 50}).json()["tracks"]
    assert len(most) == 30
    assert [song for song in most if song["title"] == "song 1"][:3] == found
    assert server.get("/api/tracks", params={"search": "never heard"}).json() == {"tracks": []}


def test_odds_stand_beside_the_list_and_change_nothing_of_it(server, fitted):
    plain, told = (
        server.post("/api/playlist/continue/", json={"tracks": [SEED], "n": 5, "odds": odds}).json()["tracks"]
        for odds in (False, True)
    )
    assert [song.pop("probability") is not None for song in told] == [True] * 5
    assert plain == told
    assert told[0]["why"].get("title", "") in ("", "song 1")


def test_where_next_track_alone_is_made_its_songs_are_found_and_spotifys_call_answers(server, tmp_path, arrays):
    only = {name: array for name, array in arrays.items() if not name.startswith("continuation_")}
    version = write_artifact(tmp_path / "sequences" / "next_track", only, {"system": "sequences"})
    assert server.post("/api/track/next/", json={"tracks": [SEED]}).json()["model"] == version
    assert len(server.get("/api/tracks").json()["tracks"]) == 6
    found = server.get("/recommendations", params={"seed_tracks": "song 1/artist 2", "limit": 4}).json()
    assert len(found["tracks"]) == 4
    assert server.post("/api/playlist/continue/", json={"tracks": [SEED]}).status_code == 404
