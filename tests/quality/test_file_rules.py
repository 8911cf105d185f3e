"""Rules without code: judged, shown and owned like all others; a rule that is none is refused in a line."""

from pathlib import Path

import polars as pl
import pytest

from quality.file_rules import RulesFileError, expression, file_rules, owners_of_rules, runbooks_of_rules
from quality.rules.catalogue import rules_by_asset

FILE = """
rules:
  - {name: plays_are_few, asset: entp_plays, text: At most 9 plays on average., sql: SELECT avg(plays) FROM entp_plays,
     high: 9, owner: anna, runbook: Ask Anna.}
  - {name: shares_are_middling, asset: exploration_coefficients, text: About a third.,
     polars: "pl.col('exploration').mean()", low: 0.2, high: 0.4, severity: warn}
  - {name: nobody_plays_much, asset: entp_plays, text: Nobody plays a song a thousand times.,
     rows: SELECT * FROM entp_plays WHERE plays > 1000, blocking: true}
"""
BEGUN = "rules:\n- {name: x_rule, asset: entp_plays, text: Hm hm., "


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def write(text: str) -> None:
        file = tmp_path / f"rules-{len(list(tmp_path.iterdir()))}.yml"
        file.write_text(text)
        monkeypatch.setenv("BUDDIES_RULES_FILE", str(file))

    return write


def rule(asset: str, name: str):
    return next(r for r in rules_by_asset()[asset] if r.name == name)


def test_a_figure_and_rows_are_judged_like_any_rule(written, world):
    written(FILE)
    plays = world["entp_plays"]
    assert rule("entp_plays", "plays_are_few").judge(world).finding.value == pytest.approx(plays["plays"].mean())
    assert rule("exploration_coefficients", "shares_are_middling").judge(world).passed
    many = plays.with_columns(plays=pl.when(pl.int_range(pl.len()) < 3).then(5_000).otherwise("plays").cast(pl.UInt32))
    verdict = rule("entp_plays", "nobody_plays_much").judge({"entp_plays": many})
    assert (verdict.finding.offending, verdict.finding.total, verdict.rule.blocking) == (3, plays.height, True)
    assert verdict.finding.sample["plays"].to_list() == [5_000] * 3
    assert not rule("entp_plays", "plays_are_few").judge({"entp_plays": many.with_columns(plays=10)}).passed
    assert rule("entp_plays", "plays_are_few").judge({"entp_plays": plays.clear()}).passed
    assert (owners_of_rules(), runbooks_of_rules()) == (
        {"entp_plays:plays_are_few": "anna"},
        {"plays_are_few": "Ask Anna."},
    )


def test_the_file_that_ships_is_read_where_none_is_named():
    assert [found.name for found in file_rules()] == ["playlists_are_named"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [", "no YAML"),
        ("- a", "no list"),
        (BEGUN + "sql: SELECT 1, high: 1, colour: red}", "colour"),
        (BEGUN + "high: 1}", "exactly one of"),
        (BEGUN + "sql: SELECT 1}", "need low or high"),
        ("rules:\n- {name: x_rule, asset: entp_play, text: Hm hm., sql: SELECT 1, high: 1}", "did you mean entp_plays"),
        ("rules:\n- {name: plays_are_unique, asset: entp_plays, text: Hm hm., sql: SELECT 1, high: 1}", "second rule"),
        (BEGUN + "polars: \"open('x')\", high: 1}", "only `pl`"),
        (BEGUN + "polars: \"pl.read_csv('x')\", high: 1}", "may not be"),
    ],
)  # fmt: skip
def test_a_rule_that_is_none_is_refused_in_a_line(written, text, said):
    written(text)
    with pytest.raises(RulesFileError, match=said) as told:
        rules_by_asset()
    assert "\n" not in str(told.value)


def test_sql_that_cannot_be_carried_out_fails_and_says_why(written, world):
    written(BEGUN + "sql: SELECT avg(nothing) FROM entp_plays, high: 1}")
    verdict = rule("entp_plays", "x_rule").judge(world)
    assert not verdict.passed
    assert "nothing" in verdict.finding.sample["could_not_be_judged"][0]


@pytest.mark.parametrize(
    "text", ["pl.__class__", "(lambda: 1)()", "[pl for x in 'a']", "pl.col('a').map_elements(pl.len)", "1", "pl.col("]
)
def test_an_expression_is_of_columns_and_nothing_else(text):
    with pytest.raises(ValueError, match=r"may not|is no|not known"):
        expression(text)
