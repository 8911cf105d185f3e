"""Freshness by content: a dataset is fresh while what it was made of is what is stored now, however old both are."""

from dataclasses import replace

import polars as pl

from quality.rules.verdict import Finding, Rule, Severity, offending_rows, rule


def is_made_of_what_is_stored_now(lineage: pl.DataFrame) -> Finding:
    """Every dataset that went into this one is stored with the same fingerprint: else it is stale, make it anew.

    `lineage`: input, made_of, stored (null when the input is no longer stored, which makes nothing stale).
    """
    return offending_rows(lineage.filter(pl.col("made_of") != pl.col("stored")), lineage.height)


def freshness_rule(asset: str) -> Rule:
    """The rule `is_made_of_what_is_stored_now` of a dataset."""
    made = rule(asset=asset, severity=Severity.WARN)(is_made_of_what_is_stored_now)
    return replace(made, inputs={"lineage": f"lineage:{asset}"})
