"""What people read of a search in MLflow: names of its trials, its charts, and a description with the way back."""

from collections.abc import Mapping, Sequence
from typing import Any

from buddies_core import charts
from buddies_core.tuning.trials import Trial

LONGEST_NAME = 120
MEASURES = {"mrr": "MRR", "hit_5": "Hit@5"}
DESCRIPTION = "mlflow.note.content"
"""Tag that MLflow shows as the description of a run."""


def trial_names(trials: Sequence[Trial]) -> list[str]:
    """A name for each trial, by its place and by the choices that tell the trials apart.

    >>> # trial_names([...]) == ["01 learning_rate=0.05 dimension=64", "02 learning_rate=0.1 dimension=64", …]
    """
    choices = [_flat(trial) for trial in trials]
    differing = [name for name in (choices[0] if choices else {}) if len({str(c.get(name)) for c in choices}) > 1]
    return [
        " ".join([f"{place:02d}", *(f"{name}={_short(chosen[name])}" for name in differing)])[:LONGEST_NAME]
        for place, chosen in enumerate(choices, start=1)
    ]


def _flat(trial: Trial) -> dict[str, Any]:
    values = trial.config.model_dump(mode="json")
    negatives = values.pop("negatives")
    return {**values, **{f"negatives.{name}": value for name, value in negatives.items()}}


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def search_charts(trials: Sequence[Trial]) -> dict[str, bytes]:
    """PNG images by file name: MRR and Hit@5 of each trial, and the epochs of each learning rate; none of no epochs."""
    measured = [
        {"trial": place, "value": trial.epochs[-1][measure], "measure": label}
        for place, trial in enumerate(trials, start=1)
        for measure, label in MEASURES.items()
        if trial.epochs and trial.epochs[-1].get(measure) is not None
    ]
    rates = [
        {"epoch": row["epoch"], "mrr": row["mrr"], "rate": f"{_short(trial.config.learning_rate)} (trial {place:02d})"}
        for place, trial in enumerate(trials, start=1)
        for row in trial.epochs
        if row.get("mrr") is not None
    ]
    found = {}
    if measured:
        drawn = charts.lines(measured, x="trial", y="value", series="measure", axis="trial")
        found["mrr_and_hit_5_by_trial.png"] = charts.png(drawn.properties(width=560))
    if rates:
        drawn = charts.lines(rates, x="epoch", y="mrr", series="rate", axis="epoch")
        found["learning_rates_compared.png"] = charts.png(drawn.properties(width=560))
    return found


def description(what: str, tags: Mapping[str, str]) -> str:
    """What a run is, and where its data and its Dagster run are, as Markdown."""
    lines = [what]
    if "dagster_url" in tags:
        lines.append(f"Made by the [Dagster run]({tags['dagster_url']}) `{tags.get('dagster_run', '')}`.")
    known = {"dataset_fingerprint": "data", "git_revision": "code", "mode": "mode"}
    lines += [f"- {label}: `{tags[name]}`" for name, label in known.items() if name in tags]
    return "\n".join(lines)
