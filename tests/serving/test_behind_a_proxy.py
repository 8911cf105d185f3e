"""Behind a proxy nothing is redirected, both spellings of a path are one call, only trusted proxies are believed."""

import pytest

from buddies_core.artifact.store import publish, write_version
from buddies_serving.http.proxy import Front, ProxyError, networks, root_path

PATHS = {"/", "/feedback", "/api/playlist/recommend/", "/health/live", "/docs"}


@pytest.mark.parametrize(
    ("prefix", "asked", "route"),
    [
        ("", "/feedback", "/feedback"),
        ("", "/feedback/", "/feedback"),
        ("", "/api/playlist/recommend", "/api/playlist/recommend/"),
        ("", "/api/playlist/recommend/", "/api/playlist/recommend/"),
        ("", "/api/users/5/", "/api/users/5"),
        ("", "/", "/"),
        ("/buddies", "/buddies/feedback/", "/feedback"),
        ("/buddies", "/feedback", "/feedback"),
        ("/buddies", "/buddies", "/"),
        ("/buddies", "/buddies/", "/"),
        ("/buddies", "/buddiesque", "/buddiesque"),
    ],
)
def test_a_path_means_its_route_with_or_without_prefix_and_slash(prefix: str, asked: str, route: str):
    assert Front([], prefix, PATHS).route(asked) == route


def scope(client: str, **headers: str) -> dict:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"client": (client, 5), "scheme": "http", "headers": named, "path": "/"}


FORWARDED = {"host": "inside", "x_forwarded_proto": "https", "x_forwarded_for": "6.6.6.6, 9.9.9.9, 10.0.0.3"}


@pytest.mark.parametrize(
    ("client", "scheme", "address"), [("10.0.0.2", "https", "9.9.9.9"), ("8.8.8.8", "http", "8.8.8.8")]
)
def test_only_a_trusted_proxy_says_who_called_and_how(client: str, scheme: str, address: str):
    front = Front(networks(["10.0.0.0/8"]), "/b", PATHS)
    seen = front.seen_by_caller(scope(client, **FORWARDED, x_forwarded_host="music.example"), "/feedback")
    assert (seen["scheme"], seen["client"][0], seen["path"], seen["root_path"]) == (
        scheme,
        address,
        "/b/feedback",
        "/b",
    )
    host = dict(seen["headers"])[b"host"]
    assert host == (b"music.example" if scheme == "https" else b"inside")


@pytest.mark.parametrize(
    ("call", "said"), [(lambda: networks(["nobody"]), "TRUSTED_PROXIES"), (lambda: root_path("http://x/"), "ROOT_PATH")]
)
def test_what_cannot_be_read_names_its_variable(call, said: str):
    with pytest.raises(ProxyError, match=said):
        call()


@pytest.mark.parametrize(
    ("written", "prefix"), [(None, ""), ("", ""), ("/", ""), ("buddies/", "/buddies"), ("/a/b", "/a/b")]
)
def test_a_prefix_may_be_written_with_slashes_or_without(written, prefix: str):
    assert root_path(written) == prefix


@pytest.mark.parametrize("path", ["/api/playlist/recommend", "/api/playlist/recommend/"])
def test_a_running_service_redirects_nothing(steady, path: str):
    answer = steady.post(path, json={"user_ids": [0]}, follow_redirects=False)
    assert (answer.status_code, answer.json()[0]["user_id"]) == (200, 0)


def test_both_spellings_of_every_path_give_the_same_status(steady):
    for path in ("/health/live", "/health/ready", "/model", "/docs", "/openapi.json", "/metrics"):
        assert [steady.get(path + end, follow_redirects=False).status_code for end in ("", "/")] == [200, 200], path
    assert [steady.post(path, json={}, follow_redirects=False).status_code for path in ("/feedback", "/feedback/")] == [
        422,
        422,
    ]


def test_a_running_service_works_below_a_prefix_and_says_that_it_is_a_sample(tmp_path, small_world, serve):
    write_version(tmp_path / "served_model", "v1", small_world, extra={"sample": 0.01})
    publish(tmp_path / "served_model", "v1")
    running = serve(root_path="/buddies")
    assert running.get("/buddies/health/live").status_code == 200
    assert running.get("/health/ready").json()["sample"] == 0.01
    page = running.get("/buddies/").text
    assert 'href="/buddies/static/listener.css"' in page
    assert 'data-root="/buddies"' in page
    assert "Made of a sample: 1.00 %" in page
    assert running.get("/buddies/static/listener.js").status_code == 200
    assert running.post("/buddies/feedback/", json={}, follow_redirects=False).status_code == 422
