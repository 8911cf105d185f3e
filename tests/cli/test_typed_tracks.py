"""Songs as they are typed after `buddies recommend-tracks`, and told again when nobody knows them."""

import pytest

from buddies_assets.cli.sequences import as_typed, typed_track


@pytest.mark.parametrize(
    ("text", "track"),
    [
        ("Toto - Africa", ("Africa", "Toto")),
        ("Toto - Africa - Live", ("Africa - Live", "Toto")),
        ("spotify:track:2374M0fQpWi3dLnB54qaLX", "spotify:track:2374M0fQpWi3dLnB54qaLX"),
        ("https://open.spotify.com/track/2374M0fQpWi3dLnB54qaLX?si=1", None),
        ("Africa", None),
    ],
)
def test_a_song_is_told_as_it_was_typed(text: str, track: str | tuple[str, str] | None):
    assert typed_track(text) == (text if track is None else track)
    assert as_typed(typed_track(text)) == text
