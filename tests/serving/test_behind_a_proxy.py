"""Behind a proxy nothing is redirected, both spellings of a path are one call, only trusted proxies are believed."""

import pytest

from buddies_serving.proxy import Front, ProxyError, networks, root_path

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
