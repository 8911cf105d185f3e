"""Settings of the service, each read from the environment (`BUDDIES_…`) or from `.env`."""

from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import Field

from buddies_core.artifact.homes import local_folder
from buddies_core.environment import EnvironmentSettings
from buddies_core.http.hosts import AllowedHosts, is_loopback, names_in
from buddies_core.postgres.urls import asyncpg_url
from buddies_serving.http.proxy import Front, networks, root_path


class ServingSettings(EnvironmentSettings):
    """How the service listens, what it serves, where feedback goes and how it is protected."""

    home: str = Field(default=".buddies", description="Root of what is stored; holds `served_model/` and `spool/`.")
    model_store: str | None = Field(
        default=None,
        description="Where served models are shared with services elsewhere, any fsspec URL; unset: `BUDDIES_HOME` "
        "where that is a URL, else nothing is shared.",
    )
    postgres_url: str | None = Field(
        default=None, description="PostgreSQL for feedback; without it feedback stays in the spool until one is named."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on. Beyond loopback API keys are required.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    allowed_hosts: str | None = Field(
        default=None,
        description="Names by which the service may be called, with commas between; unset: those of this machine on "
        "loopback, any name where API keys are asked for.",
    )
    root_path: str | None = Field(
        default=None,
        description="Prefix under which a proxy offers the service, as `/buddies`; it may strip it or not.",
    )
    trusted_proxies: str | None = Field(
        default=None, description="Addresses or networks, by commas, of proxies whose `X-Forwarded-*` is believed."
    )
    serving_mode: Literal["lookup", "live"] = Field(
        default="lookup",
        description="`lookup`: precomputed rankings; `live`: candidates ranked at each request.",
    )
    served_model_dir: Path | None = Field(default=None, description="The served model; default `<home>/served_model`.")
    spool_dir: Path | None = Field(default=None, description="Folder of the feedback spool; default `<home>/spool`.")
    model_poll_seconds: float = Field(default=1.0, gt=0, le=3600, description="Seconds between looks for a new model.")
    signing_key_file: Path | None = Field(
        default=None,
        description="Key that signs recommendation ids, the same for all replicas; default one made in `<home>/keys`.",
    )
    owner_opt_out_file: Path | None = Field(
        default=None, description="Listeners, an index or 40-hex id a line, who are shown to nobody as owners."
    )
    api_keys_file: Path | None = Field(default=None, description="File of hashed API keys; naming one turns keys on.")
    rate_limit: float = Field(default=200.0, gt=0, description="Requests a second of a key whose entry names no limit.")
    rate_burst: float = Field(default=400.0, ge=1, description="Requests an API key may make at once after a pause.")
    max_body_bytes: int = Field(default=262_144, ge=1024, description="Largest body of a request.")
    max_batch_body_bytes: int = Field(default=4_194_304, ge=1024, description="Largest body of a large batch.")
    max_connections: int = Field(
        default=2_000, ge=8, description="Connections at once; a newcomer takes the place of one that waits."
    )
    max_connections_per_address: int = Field(
        default=200, ge=1, description="Connections of one address at once; loopback is not counted."
    )
    max_users: int = Field(default=10_000, ge=1, description="Users one call for recommendations may name.")
    max_batch_users: int = Field(default=200_000, ge=1, description="Users one call for a large batch may name.")
    feedback_queue: int = Field(default=5_000, ge=1, description="Feedback that may wait; beyond it callers get 503.")
    feedback_batch: int = Field(default=500, ge=1, le=5_000, description="Feedback stored in one transaction at most.")
    feedback_timeout: float = Field(default=2.0, gt=0, description="Seconds PostgreSQL gets before a batch is spooled.")
    spool_max_bytes: int = Field(
        default=1 << 30, ge=4096, description="Size of the spool; beyond it feedback is refused."
    )
    fresh_likes: int = Field(default=500_000, ge=0, description="Recent likes in memory, which leave lists at once.")
    stop_seconds: float = Field(
        default=0.0,
        ge=0,
        le=300,
        description="Seconds from SIGTERM on in which requests are still taken though `/health/ready` says 503.",
    )
    commit: str = Field(default="", description="Commit that the program was built from, for `buddies_build_info`.")
    image: str = Field(default="", description="Image that it runs in, by digest, for `buddies_build_info`.")
    access_log: Literal["all", "errors", "none"] = Field(default="errors", description="Which requests are logged.")
    slow_request_ms: float = Field(default=250.0, gt=0, description="Slower requests are logged with the errors.")

    @property
    def local_home(self) -> Path:
        """`home` where it is a folder, `.buddies` where it is the URL of a store."""
        return local_folder(self.home) or Path(".buddies")

    @property
    def shared_store(self) -> str | None:
        """URL of the store that served models are pulled from; None where they are in a folder of this machine."""
        return self.model_store or (None if local_folder(self.home) else self.home)

    @property
    def model_root(self) -> Path:
        """Root folder of the served model."""
        return self.served_model_dir or self.local_home / "served_model"

    @property
    def spool_root(self) -> Path:
        """Folder of the feedback spool."""
        return self.spool_dir or self.local_home / "spool"

    @property
    def last_served(self) -> Path:
        """File that names the version served last, for a start that finds the published one damaged."""
        return self.spool_root / "last-served-model"

    @property
    def database(self) -> str | None:
        """`postgres_url` as asyncpg reads it, whatever driver the URL names; None when none is set."""
        return asyncpg_url(self.postgres_url) if self.postgres_url else None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)

    @property
    def hosts(self) -> AllowedHosts:
        """The names that the service answers to."""
        names = names_in(self.allowed_hosts)
        return AllowedHosts([] if names is None and self.is_loopback else names)

    def front(self, paths: Collection[str]) -> Front:
        """What stands before the service, of which `paths` are the routes."""
        return Front(networks(names_in(self.trusted_proxies) or []), root_path(self.root_path), paths)

    @property
    def signing_key(self) -> Path:
        """File of the key that signs recommendation ids."""
        return self.signing_key_file or self.local_home / "keys" / "recommendation-id.key"


def program_version() -> str:
    """The version that is installed; `unknown` where the program runs from its folder alone."""
    try:
        return version("spotify-buddies")
    except PackageNotFoundError:
        return "unknown"
