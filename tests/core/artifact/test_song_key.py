"""The service's song keys are the pipeline's song keys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.artifact.song_key import song_key
from buddies_core.interactions.text_keys import canonical_key, exact_key

PIECES = [
    "The ",
    "the",
    " (Live)",
    "[Remix]",
    " - Radio Edit",
    " feat. X",
    " ft. Y",
    " / ",
    ";",
    "'",
    "’",
    "É",
    "ß",
    "&",
]
TEXT = st.one_of(
    st.text(max_size=12),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(alphabet="abc éÅ.!-–", max_size=4)), max_size=6).map("".join),
)


@settings(deadline=None, max_examples=300)
@given(title=TEXT, artist=TEXT)
def test_keys_agree_with_the_pipeline(title: str, artist: str) -> None:
    assert song_key(title, artist, "canonical") == canonical_key(title, artist)
    assert song_key(title, artist, "exact") == exact_key(title, artist)


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


def test_a_scheme_that_is_not_known_finds_nothing() -> None:
    assert song_key("a", "b", "soundex") is None
