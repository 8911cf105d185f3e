"""Damaged text is repaired only where the repair is exact."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_assets.sources.quarantine import safe_excerpt
from buddies_assets.sources.repair import repair_columns, repair_text


@pytest.mark.parametrize(
    ("damaged", "expected"),
    [
        ("BeyoncÃ©", "Beyoncé"),
        ("SigurÂ RÃ³s", "SigurÂ RÃ³s"),
        ("Donâ€™t", "Don’t"),
        ("Ã–", "Ö"),
        ("Blake\x19s", "Blake’s"),
        ("Wylin\x92", "Wylin’"),
        ("a\tb\nc", "a b c"),
        ("TÂCHES", "TÂCHES"),
        ("SÃO PAULO", "SÃO PAULO"),
        ("Sigur Rós", "Sigur Rós"),
        ("宇多田ヒカル", "宇多田ヒカル"),
    ],
)
def test_text_is_repaired_or_left_alone(damaged: str, expected: str):
    assert repair_text(damaged) == expected
    frame, changed = repair_columns(pl.DataFrame({"t": ["clean", damaged, None]}), ["t"])
    assert frame["t"].to_list() == ["clean", expected, None]
    assert changed.to_list() == [False, damaged != expected, False]


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(min_codepoint=0xA0, max_codepoint=0x24F), min_size=1))
def test_double_encoding_is_undone_for_any_latin_text(text: str):
    twice = text.encode().decode("latin-1")
    assert repair_text(twice) == text or repair_text(text) != text


@given(st.binary(max_size=400) | st.text(max_size=400))
def test_an_excerpt_is_short_and_printable(value: bytes | str):
    excerpt = safe_excerpt(value)
    assert len(excerpt) <= 200
    assert excerpt.isprintable()
