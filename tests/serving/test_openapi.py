"""The OpenAPI document, held against the service by generated requests."""

import contextlib
from pathlib import Path
from typing import Any

import schemathesis
from artist_lists import artist_lists
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import load_all_checks
from small_sequences import small_artifact
from songs_world import publish as publish_songs

from buddies_core.artifact.named_arrays import write_artifact
from buddies_serving.http.problems import MEDIA_TYPE

load_all_checks()
CHECKS = [
    schemathesis.checks.not_a_server_error,
    *schemathesis.checks.CHECKS.get_by_names(
        ["status_code_conformance", "content_type_conformance", "response_schema_conformance"]
    ),
]


QUIET = settings(
    max_examples=25,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_generated_requests_get_documented_answers_and_no_5xx(server: Any) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    statuses: dict[str, set[int]] = {operation.path: set() for operation in operations}
    for operation in operations:
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @QUIET
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: Any) -> None:
                answer = case.call_and_validate(checks=CHECKS)
                statuses[case.operation.path].add(answer.status_code)

            # a call without parameters cannot be called wrongly
            with contextlib.suppress(Unsatisfiable):
                check()
    assert statuses.keys() == document(server)["paths"].keys()
    # what needs an id of the small world is hardly ever hit by chance; everything else must be
    rarely = {path for path in statuses if "{playlist_id}" in path or "{artist_id}" in path}
    # no songs are made here; tests/serving/test_songs.py calls these with some
    rarely |= {"/api/songs/recommend/", "/api/songs/{song_id}/similar", "/recommend", "/put", "/get"}
    rarely |= {"/feedback", "/api/events/", "/recommend/"}
    # no model of playlists is fitted here; tests/serving/test_sequences.py calls these with one
    rarely |= {"/api/track/next/", "/api/playlist/continue/", "/api/track/{uri}/neighbours", "/recommendations"}
    rarely |= {"/v1/models/track2vec:predict", "/api/tracks"}
    assert {path for path, seen in statuses.items() if 200 not in seen} <= rarely


def document(server: Any) -> dict[str, Any]:
    return server.get("/openapi.json").json()


def test_every_call_has_a_summary_examples_and_problem_documents(server: Any) -> None:
    described = document(server)
    assert "HTTPValidationError" not in described["components"]["schemas"]
    for path, calls in described["paths"].items():
        for method, call in calls.items():
            assert call["summary"] and call["description"], (path, method)
            for status, answer in call["responses"].items():
                (kind, content), *_ = answer["content"].items()
                if status == "200":
                    assert content["example"] not in (None, ""), (path, method)
                elif path != "/health/ready":
                    assert kind == MEDIA_TYPE, (path, method, status)
            if method == "post" and path not in ("/recommend", "/put", "/get"):
                assert call["requestBody"]["content"]["application/json"]["examples"], path


def test_the_examples_are_answered(server: Any, tmp_path: Path) -> None:
    write_artifact(tmp_path / "artists" / "lastfm", artist_lists(), {"experiment": "lastfm"})
    write_artifact(tmp_path / "sequences" / "mpd", small_artifact(), {"experiment": "mpd"})
    publish_songs(tmp_path)
    for path, calls in document(server)["paths"].items():
        for example in (
            calls.get("post", {})
            .get("requestBody", {})
            .get("content", {})
            .get("application/json", {})
            .get("examples", {})
            .values()
        ):
            # the example's playlists are not in the small world, which is a matter of fields, not of form
            assert server.post(path, json=example["value"]).status_code in (200, 422), path


def test_unknown_paths_and_methods_are_problems_too(server: Any) -> None:
    missing = server.get("/api/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, MEDIA_TYPE)
    wrong = server.get("/feedback")
    assert (wrong.status_code, wrong.headers["content-type"], wrong.headers["allow"]) == (405, MEDIA_TYPE, "POST")
