"""A song typed as text has the key that the model was built with."""

import subprocess
import sys

import pytest

from buddies_core.interactions.song_key import song_key


@pytest.mark.parametrize(
    ("title", "artist"),
    [
        ("Dreams (2004 Remaster)", "Fleetwood Mac"),
        ("dreams - Live", "FLEETWOOD MAC feat. Somebody"),
        ("Dreams!", "The Fleetwood Mac / Others"),
    ],
)
def test_one_song_has_one_canonical_key(title: str, artist: str) -> None:
    assert song_key(title, artist, "canonical") == "dreams\tfleetwood mac"


def test_the_exact_scheme_keeps_what_tells_recordings_apart() -> None:
    assert song_key(" Dreams (Live)", "Fleetwood\u00a0Mac ", "exact") == "dreams (live)\tfleetwood mac"


def test_a_scheme_that_is_not_known_finds_nothing() -> None:
    assert song_key("a", "b", "soundex") is None


def test_a_service_without_polars_can_work_out_a_key() -> None:
    code = "import sys, buddies_core.interactions.song_key; print(sorted({'numpy', 'polars'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
