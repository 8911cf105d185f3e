"""Settings of the pipeline: one class, every field a variable `BUDDIES_<NAME>`, read from the environment and `.env`.

The table of docs/settings.md is generated from this class (`buddies settings`); a test holds the two equal.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from buddies_core.artifact.homes import local_folder
from buddies_core.environment import EnvironmentSettings, InvalidSettingError


class Settings(EnvironmentSettings):
    """What a run may vary; defaults reproduce the published recipe on the synthetic sample."""

    home: str = Field(
        ".buddies", description="Root of everything stored: a folder, or any fsspec URL for the datasets."
    )
    model_store: str | None = Field(
        None,
        description="Where served models are shared with services elsewhere, any fsspec URL; unset: `BUDDIES_HOME` "
        "where that is a URL, else nothing is shared.",
    )
    postgres_url: str | None = Field(
        None,
        description="Your own PostgreSQL, `postgresql://user:password@host:port/database`; unset: the embedded one.",
    )
    ray_address: str | None = Field(None, description="Existing Ray cluster that maps shards; unset: local threads.")
    threads: int = Field(0, ge=0, description="Threads for kernels and readers; 0: as many as there are cores.")
    seed: int = Field(20181109, ge=0, description="Seed of every draw; results depend on it and the entity alone.")
    user_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of the users that are kept, by a hash of their id, before anything is scored.",
    )
    mode: Literal["full", "toy"] = Field("full", description="`toy` keeps 5 % of users from the user-blocks on.")
    shard_users: int = Field(10_000, ge=1, description="Users in a shard; changes files, never results.")
    reuse_shards: bool = Field(
        True, description="Reuse stored shards whose cache key (code, inputs, settings) is the same."
    )

    mpd_dir: str | None = Field(None, description="Folder (or zip) of `mpd.slice.*.json[.gz]`; unset: synthetic.")
    entp_file: str | None = Field(
        None, description="Echo Nest `train_triplets.txt`, also `.gz` or `.zip`; unset: synthetic."
    )
    msd_file: str | None = Field(
        None, description="Song text: `song_data.csv` or `unique_tracks.txt`; unset: synthetic."
    )
    msd_mismatches_file: str | None = Field(None, description="`sid_mismatches.txt`; optional beside real song text.")
    lastfm_dir: str | None = Field(
        None, description="Folder or zip of the HetRec Last.fm files, for the artists; unset: synthetic."
    )
    song_plays_file: str | None = Field(
        None,
        description="Dated plays for the songs: `user, time, song…`, CSV, TSV or Parquet, or the form of the Last.fm "
        "1K users data; `synthetic`: a sample; unset: the Echo Nest's plays.",
    )
    nowplaying_file: str | None = Field(
        None, description="The tutorial's #nowplaying CSV (or its zip), for playlists where BUDDIES_MPD_DIR is unset."
    )
    strict: bool = Field(False, description="Stop at the first bad row or file instead of quarantining it.")
    sample: float = Field(
        1.0, gt=0, le=1, description="Share of playlists and users that is read, by hash of their ids: a first try."
    )
    synthetic_users: int = Field(2_000, ge=20, description="Users of the synthetic sample.")
    synthetic_playlists: int = Field(5_000, ge=60, description="Playlists of the synthetic sample.")

    match: Literal["canonical", "exact"] = Field("canonical", description="Which key makes two songs the same.")
    lengths: Literal["all", "shared"] = Field(
        "all",
        description="Songs that a score's s and p count: all distinct songs of library and playlist, or, as the"
        " reference's notebook does, only those that both sources hold.",
    )
    retain: Literal["sampled", "all"] = Field("sampled", description="`all` keeps every scored pair (small data only).")
    pool_size: int = Field(256, ge=2, description="Sampled members kept of each user's hard and easy negative pools.")
    negatives: int = Field(4, ge=2, description="Negatives in a user-block, half hard and half easy.")
    batch_negatives: int = Field(50, ge=1, description="Negatives in a validation or test batch.")
    ownership_cap: int = Field(100, ge=1, description="Playlists one user may own.")
    shuffle_nearest: bool = Field(
        False, description="Shuffle the 100 nearest before the stop rule, as the reference did."
    )
    preset: Literal["searched", "best", "published"] = Field(
        "searched", description="Configuration of the model: the best of `bpr_search`, or one of the presets."
    )
    positives: Literal["taste", "likes"] = Field(
        "taste",
        description="What the model is taught: each listener's best playlists by `taste` of songs (always with the"
        " preset `best`), or the computed `likes` of the reference. The preset `published` learns likes.",
    )
    training_backend: Literal["numba", "torch"] | None = Field(
        None, description="Kernel of a training; unset: the configuration's own. `torch` uses CUDA if there is."
    )
    training_threads: int = Field(
        1, ge=1, description="Threads of a training; 1 gives the same model each time, more are faster (hogwild)."
    )
    search_trials: int = Field(8, ge=0, description="Configurations that `bpr_search` tries; 0 turns it off.")
    search_seconds: float = Field(300, gt=0, description="Seconds after which `bpr_search` begins nothing new.")
    expectations: bool = Field(True, description="Let Great Expectations judge user-blocks and feedback too.")
    track: bool = Field(True, description="Track trainings and searches in MLflow.")
    hidden_share: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Share of plays hidden from all that learns, to judge lists by; 0 judges nothing.",
    )
    ranking: Literal["taste", "reference"] = Field(
        "taste",
        description="What lists are ranked by: `taste` of songs over all playlists, or the `reference`'s rule: the "
        "neighbours' candidates in the model's order.",
    )
    candidates: int = Field(75, ge=1, description="Candidates drawn for a user.")
    candidate_draw: int | None = Field(
        None, ge=0, description="Fixes the draw of candidates; unset: a new one each run."
    )

    dagster_port: int = Field(3000, ge=1, le=65535, description="Port of Dagster's UI under `buddies up`.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the service.")
    dashboard_port: int = Field(8001, ge=1, le=65535, description="Port of the data-quality dashboard.")
    mlflow_tracking_uri: str | None = Field(
        None, description="MLflow elsewhere: a tracking server (http://…) or a database; unset: our own database."
    )
    mlflow_artifacts: str | None = Field(
        None, description="Folder or URL (s3://…) of MLflow's artifacts there; unset: where its server keeps them."
    )
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of MLflow's UI under `buddies up`.")

    feedback_window_days: int = Field(28, ge=1, le=366, description="Days of feedback that a training reads.")
    feedback_phase_days: int = Field(
        7, ge=0, le=366, description="Oldest days of that window in which sessions are phased out, more each day."
    )
    feedback_weight: float = Field(
        1.0, ge=0, le=50, description="How often a feedback session counts in training, beside an offline block's 1."
    )
    retrain_sessions: int = Field(2_000, ge=1, description="New sessions since the last checkpoint that retrain.")
    retrain_lost_after: float = Field(
        300.0, gt=0, description="Seconds without a sign of life after which a retraining's run counts as dead."
    )
    retrain_pause: float = Field(
        60.0, ge=0, description="Seconds before a failed retraining is tried again; doubles with each failure."
    )
    canary_share: float = Field(
        0.1, ge=0, le=1, description="Share of users given a newly trained model; 0 publishes it to all at once."
    )
    canary_confidence: float = Field(0.95, gt=0.5, lt=1, description="Confidence of promotion and rollback.")
    canary_margin: float = Field(
        0.1, ge=0, lt=1, description="Relative loss of like-rate within which a challenger counts as not worse."
    )
    canary_fewest: int = Field(200, ge=1, description="Recommendations by the challenger before anything is decided.")
    canary_most: int = Field(
        50_000, ge=1, description="Recommendations after which an undecided trial ends with the champion."
    )
    canary_tolerance: float = Field(
        0.02, ge=0, le=1, description="Fall of MRR on the fixed test set that a challenger may show and be tried."
    )
    degradation_drop: float = Field(
        0.2, gt=0, lt=1, description="Relative fall of like-rate or rank that the degradation test is built to find."
    )
    degradation_alarm_days: float = Field(
        365.0, ge=1, description="Mean days to an alarm by chance, at least, when looking every day."
    )
    automation: Literal["on", "off"] = Field(
        "on", description="Whether sensors start switched on; each can be switched in Dagster's UI."
    )
    schedules: Literal["on", "off"] = Field(
        "on", description="Whether schedules start switched on (simulated listeners have a setting of their own)."
    )
    sensor_seconds: int = Field(30, ge=1, description="Seconds between two looks of a sensor.")
    simulate_schedule: Literal["on", "off"] = Field(
        "off", description="Simulated listeners every ten minutes: for demonstrations, never for real feedback."
    )
    simulated_sessions: int = Field(200, ge=1, description="Lists that one tick of the simulation asks for.")
    service_url: str | None = Field(
        None, description="Address of the service for simulated listeners; unset: 127.0.0.1 at BUDDIES_PORT."
    )
    service_api_key: str | None = Field(None, description="API key that simulated listeners send, where keys are on.")
    alert_webhook: str | None = Field(
        None, description="URL that alerts are posted to as JSON; with no BUDDIES_ALERTS either: the log alone."
    )
    alerts: str = Field(
        "",
        description="Where alerts go besides, with commas between: slack+https://…, alertmanager+http://…, "
        "pagerduty+https://KEY@events.pagerduty.com, smtp://user:password@host:587?from=…&to=….",
    )
    alert_digest_hours: float = Field(
        24.0, gt=0, description="Hours between two lists of the incidents that are open still."
    )
    dashboard_url: str = Field(
        "http://127.0.0.1:8001", description="Address under which people reach the dashboard, for links in alerts."
    )
    rules_file: str | None = Field(
        None, description="YAML file of rules without code; unset: the one that ships, quality/rules.yml."
    )
    suites_dir: str | None = Field(
        None,
        description="Folder of Great Expectations' suites, named ASSET.json or ASSET.yml; unset: quality/suites.",
    )
    owners: str = Field(
        "", description="Who looks after which asset: asset=owner, with commas between; *=owner for all others."
    )

    @property
    def sources_are_real(self) -> bool:
        """Whether the run reads files of the user's; naming only some of the three needed ones is an error."""
        named = {
            "BUDDIES_MPD_DIR": self.mpd_dir,
            "BUDDIES_ENTP_FILE": self.entp_file,
            "BUDDIES_MSD_FILE": self.msd_file,
        }
        missing = [name for name, value in named.items() if value is None]
        if missing and len(missing) < len(named):
            raise InvalidSettingError(
                f"Some sources are named and some are not: set {', '.join(missing)} too, "
                "or unset all three to run on the synthetic sample."
            )
        return not missing

    @property
    def mlflow_address(self) -> str:
        """Where MLflow's pages are, for links to them."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def home_is_local(self) -> bool:
        """Whether `home` is a folder of this machine rather than an object store."""
        return local_folder(self.home) is not None

    @property
    def local_home(self) -> Path:
        """Folder for what must be local: the database, scratch files, logs. `.buddies` when `home` is a URL."""
        return (local_folder(self.home) or Path(".buddies")).resolve()

    @property
    def shared_store(self) -> str | None:
        """URL of the store that served models are shared in; None where services read this machine's folder."""
        return self.model_store or (None if self.home_is_local else self.home)

    @property
    def worker_threads(self) -> int:
        """`threads`, or the number of cores this process may use."""
        return self.threads or len(os.sched_getaffinity(0))


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read once; tests clear it with `get_settings.cache_clear()`."""
    return Settings()
