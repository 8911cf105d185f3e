"""Artists over HTTP, on an experiment of three listeners and six artists whose answers are worked out by hand."""

import time
from pathlib import Path
from typing import Any

import pytest
from artist_lists import ITEMS, artist_lists

from buddies_core.artifact.named_arrays import write_artifact

JSON = {"content-type": "application/json"}


@pytest.fixture
def experiment(tmp_path: Path):
    def write(name: str = "lastfm", **more: Any) -> str:
        return write_artifact(
            tmp_path / "artists" / name, artist_lists(**more), {"system": "artists", "experiment": name}
        )

    return write


def ask(server: Any, path: str = "/recommend/", **body: Any) -> Any:
    return server.post(path, json=body)


def test_the_reference_call_answers_names_in_rank_order_and_nothing_else(server, experiment):
    experiment()
    answer = server.post("/recommend/", content=b'{"userid": 10, "item_to_recommend": 2}', headers=JSON)
    assert answer.content.decode() == '{"recommended_artist":["Cé","Björk"]}'
    assert ask(server, userid="10", item_to_recommend=2).json() == {"recommended_artist": ["Cé", "Björk"]}
    assert ask(server, "/recommend", userid=2).json() == {"recommended_artist": ["Eve", "Ana"]}


def test_an_unknown_listener_gets_popular_artists_marked_so(server, experiment):
    experiment()
    popular = {"recommended_artist": ["Björk", "Ana", "Eve"], "popular": True}
    assert ask(server, userid=99).json() == popular
    assert ask(server, userid="x-ray").json() == popular, "known, but with nothing left to recommend"
    detail = ask(server, "/recommend/?detail=1", userid=99).json()
    assert detail["popular"] and detail["taste"] == []
    assert {artist["reason"] for artist in detail["recommended_artist"]} == {"popular"}


def test_detail_has_ids_scores_reasons_and_what_is_played_most(server, experiment):
    version = experiment()
    detail = ask(server, "/recommend/?detail=1", userid=10).json()
    assert (detail["userid"], detail["experiment"], detail["version"]) == ("10", "lastfm", version)
    first, second, third = detail["recommended_artist"]
    assert first == {
        **{"id": "10", "name": "Cé", "score": 3.0, "listeners": 1},
        **{"reason": "because", "because_of": "Ana"},
    }
    assert (second["reason"], third["because_of"]) == ("alike", "Dú")
    assert [(artist["name"], artist["plays"]) for artist in detail["taste"]] == [("Ana", 40.0), ("Dú", 7.0)]
    assert detail["taste"][0]["url"] == "http://music/ana"


def test_detail_0_is_the_plain_answer(server, experiment):
    experiment()
    assert ask(server, "/recommend/?detail=0", userid=10).json() == ask(server, userid=10).json()


def test_experiments_stand_beside_each_other_and_a_new_version_is_picked_up(server, experiment):
    experiment()
    experiment("mine", lists=[[5, -1, -1], [-1, -1, -1], [-1, -1, -1]])
    assert ask(server, userid=10, experiment="mine").json() == {"recommended_artist": ["Fé"]}
    assert ask(server, userid=10).json()["recommended_artist"][0] == "Cé"
    experiment("mine", lists=[[4, -1, -1], [-1, -1, -1], [-1, -1, -1]])
    deadline = time.monotonic() + 5
    while ask(server, userid=10, experiment="mine").json() != {"recommended_artist": ["Eve"]}:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_only_experiment_answers_where_none_is_named(server, experiment):
    experiment("mine")
    assert ask(server, userid=10).json()["recommended_artist"][0] == "Cé"


def test_similar_artists_are_found_by_id(server, experiment):
    experiment()
    found = server.get("/artists/3/similar").json()
    assert found["artist"]["name"] == "Ana"
    assert [artist["id"] for artist in found["similar"]] == ["5", "10"]
    assert [server.get(f"/artists/{item}/similar").json()["artist"]["id"] for item in ITEMS] == ITEMS
    assert server.get("/artists/4/similar").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b'{"userid": 10, "item_to_recommend": 0}', 422, "item_to_recommend"),
        (b'{"userid": 10, "item_to_recommend": 51}', 422, "item_to_recommend"),
        (b'{"item_to_recommend": 5}', 422, "userid"),
        (b'{"userid": -1}', 422, "userid"),
        (b'{"userid": 1, "experiment": "../served_model"}', 422, "experiment"),
        (b'{"userid": 1, "experiment": "other"}', 404, "There are lastfm."),
        (b"{", 400, "cannot be read"),
    ],
)
@pytest.mark.parametrize("query", ["", "?detail=1"])
def test_a_wrong_call_is_told_what_is_wrong(server, experiment, query, body, status, says):
    experiment()
    answer = server.post(f"/recommend/{query}", content=body, headers=JSON)
    assert answer.status_code == status
    assert says in answer.text


def test_without_any_experiment_the_answer_says_how_to_fit_one(server):
    answer = ask(server, userid=10)
    assert answer.status_code == 404
    assert "buddies fit FILE" in answer.text


def test_the_page_offers_every_experiment_and_loads_nothing_from_elsewhere(server, experiment):
    experiment()
    experiment("mine")
    page = server.get("/artists")
    assert "<option selected>lastfm</option><option>mine</option>" in page.text
    assert "http" not in page.text.replace("<!doctype html>", "")
    assert server.get("/static/artists.js").status_code == 200


def test_a_request_takes_few_microseconds_of_processor_time(server, experiment):
    experiment()
    handler = server.service.system_fast[("POST", "/recommend/")][1]
    handler(b'{"userid": 10}', {})
    times = []
    for _ in range(7):
        began = time.process_time()
        for _ in range(500):
            handler(b'{"userid": 10, "item_to_recommend": 10}', {})
        times.append((time.process_time() - began) / 500)
    assert min(times) < 50e-6
