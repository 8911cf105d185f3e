"""A client of the service: asks for a listener's playlists, says why each is there, likes the first and asks again.

    python examples/api_client/client.py USER [http://127.0.0.1:8000]

Standard library alone. USER is a number or a 40-hex id. With API keys switched on, set BUDDIES_SERVICE_API_KEY.
"""

import json
import os
import sys
import uuid
from typing import Any
from urllib.request import Request, urlopen


def post(base: str, path: str, body: dict[str, Any], **headers: str) -> Any:
    """The answer to a JSON request, parsed.

    Raises:
        urllib.error.HTTPError: the service refused; its body is JSON that says why.
    """
    key = os.environ.get("BUDDIES_SERVICE_API_KEY")
    told = {"content-type": "application/json", **({"x-api-key": key} if key else {}), **headers}
    with urlopen(Request(base + path, json.dumps(body).encode(), told), timeout=10) as answer:
        return json.load(answer)


def playlists(base: str, user: int | str) -> list[int]:
    """Pids of the five playlists recommended to a user, best first."""
    answer: list[int] = post(base, "/api/playlist/recommend/", {"user_ids": [user]})[0]["playlists"]
    return answer


def like(base: str, user: int | str, liked: int, others: list[int]) -> str:
    """Tell the service which of a list was liked; sent twice with the same key it counts once."""
    body = {"user_id": user, "like_playlist": liked, "other_playlists": others}
    message: str = post(base, "/feedback", body, **{"idempotency-key": str(uuid.uuid4())})["msg"]
    return message


def main(user: int | str, base: str) -> None:
    """Ask, like, ask again."""
    first = playlists(base, user)
    sys.stdout.write(f"For {user}: {first}\n")
    liked, *others = first
    sys.stdout.write(f"Liked {liked}: {like(base, user, liked, others)}\n")
    sys.stdout.write(f"Now: {playlists(base, user)}\n")


if __name__ == "__main__":
    name = sys.argv[1]
    main(int(name) if name.isdigit() else name, sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8000")
