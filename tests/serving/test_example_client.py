"""The example of a client, run against a real service."""

import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[2] / "examples" / "api_client" / "client.py"


def test_the_example_client_likes_the_first_playlist_and_is_not_shown_it_again(make_model, database, serve):
    make_model()
    running = serve(postgres_url=database)
    done = subprocess.run(
        [sys.executable, CLIENT, "0", f"http://127.0.0.1:{running.port}"], capture_output=True, text=True, check=True
    )
    asked, liked, again = done.stdout.splitlines()
    assert asked == "For 0: [130, 110, 140, 150, 120]"
    assert liked == "Liked 130: Feedback Sent"
    assert again.startswith("Now: [110, 140, 150, 120")
    assert "130" not in again
