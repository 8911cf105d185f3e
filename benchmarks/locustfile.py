"""Locust script with the reference's shape of request: 1,000 users in a call.

    locust -f benchmarks/locustfile.py --host http://127.0.0.1:8000 --headless -u 20 -r 20 -t 60s

`BUDDIES_LOAD_USERS` (default 1,000) sets how many users the model has, `BUDDIES_LOAD_KEY` an API key.
"""

import os
import random

from locust import FastHttpUser, constant, task

USERS = int(os.environ.get("BUDDIES_LOAD_USERS", "1000"))
KEY = os.environ.get("BUDDIES_LOAD_KEY", "")


class Caller(FastHttpUser):
    """A backend that asks for the lists of many users, and now and then sends a like."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Keys, if any."""
        self.key_headers = {"authorization": f"Bearer {KEY}"} if KEY else {}

    @task(9)
    def recommend(self) -> None:
        """The reference's call."""
        users = [random.randrange(USERS) for _ in range(1_000)]
        self.client.post("/api/playlist/recommend/", json={"user_ids": users}, headers=self.key_headers)

    @task(1)
    def like(self) -> None:
        """One list, and feedback on it."""
        user = random.randrange(USERS)
        body = {"user_ids": [user]}
        answer = self.client.post("/api/playlist/recommend/", json=body, headers=self.key_headers, name="one user")
        playlists = answer.json()[0]["playlists"]
        if not playlists:
            return
        liked = random.choice(playlists)
        others = [playlist for playlist in playlists if playlist != liked]
        feedback = {"user_id": user, "like_playlist": liked, "other_playlists": others}
        assert answer.headers is not None
        feedback["recommendation_id"] = answer.headers["x-recommendation-id"]
        self.client.post("/feedback", json=feedback, headers=self.key_headers)
