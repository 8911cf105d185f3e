"""A song has one key in both catalogues, and two songs never share one for want of text."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.interactions.song_key import canonical_key, exact_key
from buddies_core.interactions.text_keys import with_key

TOKENS = "( ) [ ] - – feat. (feat. ft The / ; & ' ’ !!! ? é ß Æ ø Ł ı א ב م 愛 ガ 한 ก\u0e49 नि ❤ 🎵 ﬁ Ⅳ a b 1 2014 X"
AWKWARD = st.sampled_from(TOKENS.split(" ")).flatmap(
    lambda token: st.sampled_from([token, f" {token} ", f"{token} "])
) | st.sampled_from(["e\u0301", "\u05b8", "\u0651", "カ\u3099", "\u00a0", "\u2003"])
TEXT = (
    st.lists(AWKWARD | st.text(max_size=3), min_size=1, max_size=6)
    .map("".join)
    .filter(lambda text: text.strip() and "\x00" not in text and text.isprintable())
)


@pytest.mark.parametrize(
    ("title", "artist", "key"),
    [
        ("Come Together - Remastered 2014", "The Beatles", "come together\tbeatles"),
        ("Lose Control (feat. Ciara & Fat Man Scoop)", "Missy Elliott", "lose control\tmissy elliott"),
        ("Umbrella ft. Jay-Z", "Rihanna feat. Jay-Z", "umbrella\trihanna"),
        ("Halo [Explicit] (Live (2009))", "Beyoncé", "halo\tbeyonce"),
        ("Don’t Stop", "Fleetwood Mac", "dont stop\tfleetwood mac"),
        ("Don't Stop", "Fleetwood  Mac", "dont stop\tfleetwood mac"),
        ("Otis", "JAY Z / Kanye West", "otis\tjay z"),
        ("T.N.T.", "AC/DC", "t n t\tac dc"),
        ("Soul Man", "Sam & Dave", "soul man\tsam and dave"),
        ("Røde Ørn", "Mötley Crüe", "rode orn\tmotley crue"),
        ("The End", "The The", "the end\tthe"),
        ("Half-Life - Radio Edit", "X", "half life\tx"),
        ("(Intro)", "X", "intro\tx"),
        ("(愛)", "宇多田ヒカル", "愛\t宇多田ヒカル"),
        ("!!!", "???", "!!!\t???"),
        ("Me And My Friends", "!!!", "me and my friends\t!!!"),
        ("शांति", "ข้าว", "शांति\tข้าว"),
        ("Fifth Symphony Featuring", "The", "fifth symphony featuring\tthe"),
    ],
)
def test_canonical_keys_worked_out_by_hand(title: str, artist: str, key: str):
    assert canonical_key(title, artist) == key
    assert with_key(pl.DataFrame({"t": [title], "a": [artist]}), "t", "a", "canonical")["key"].to_list() == [key]


def test_the_exact_key_only_strips_and_lowers():
    frame = pl.DataFrame({"t": ["  Song (Live) "], "a": ["The\tX"]})
    assert with_key(frame, "t", "a", "exact")["key"].to_list() == ["song (live)\tthe x"]
    assert exact_key("  Song (Live) ", "The\tX") == "song (live)\tthe x"


@pytest.mark.parametrize(
    ("one", "two"), [("(Intro)", "(Outro)"), ("!!!", "???"), ("愛", "夢"), ("(א)", "(ב)"), ("❤", "🎵")]
)
def test_titles_that_rules_would_empty_stay_apart(one: str, two: str):
    assert canonical_key(one, "X") != canonical_key(two, "X")
    assert canonical_key("X", one) != canonical_key("X", two)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=20))
def test_the_vectorised_keys_are_those_of_the_plain_functions(songs: list[tuple[str, str]]):
    frame = pl.DataFrame(songs, schema=["t", "a"], orient="row")
    assert with_key(frame, "t", "a", "canonical")["key"].to_list() == [canonical_key(*song) for song in songs]


@settings(deadline=None, max_examples=60)
@given(TEXT, TEXT)
def test_neither_part_of_a_key_is_ever_empty(title: str, artist: str):
    for key in (canonical_key(title, artist), exact_key(title, artist)):
        assert all(part.strip() for part in key.split("\t"))
        assert key.count("\t") == 1


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x17F), min_size=1, max_size=12))
def test_suffixes_case_and_brackets_never_change_a_canonical_key(title: str):
    key = canonical_key(title, "Artist")
    for other in (f"{title} - Remastered 2014", f"{title} (Live)", f"{title} [Mix]", f"{title} feat. Y", f" {title}  "):
        assert canonical_key(other, "The Artist / Z") == key
