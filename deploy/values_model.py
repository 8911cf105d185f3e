"""The values of the chart as pydantic models; `python deploy/values_model.py` writes chart/values.schema.json of them.

A name that is not here is refused by `helm` before anything is sent to a cluster, and so are `latest` and environments
that nobody knows.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Image = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9._:/-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$",
        json_schema_extra={"not": {"pattern": ":latest$"}},
        description="An image by digest, or by a tag other than latest (staging alone).",
    ),
]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi|Ti)?$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$")]
Schedule = Annotated[str, Field(pattern=r"^(\S+ ){4}\S+$")]
Setting = Annotated[dict[str, str], Field(json_schema_extra={"propertyNames": {"pattern": "^BUDDIES_[A-Z0-9_]+$"}})]


class Model(BaseModel):
    """Base: an unknown name is an error."""

    model_config = ConfigDict(extra="forbid")


class Amount(Model):
    """Processor and memory."""

    cpu: Quantity
    memory: Quantity


class Resources(Model):
    """What a container is promised, and what it may not exceed; processors are not limited unless said."""

    requests: Amount
    limits: dict[Literal["cpu", "memory"], Quantity]


class Images(Model):
    """What runs; one digest of each travels through the environments."""

    service: Image
    pipeline: Image
    postgres: Image
    proxy: Image
    pullSecrets: list[Name] = []


class Autoscaling(Model):
    """The autoscaler of the service."""

    enabled: bool
    min: int = Field(ge=1)
    max: int = Field(ge=1)
    cpuPercent: int = Field(ge=1, le=100)


class Volume(Model):
    """A claim; `storageClass` empty: the cluster's default."""

    size: Quantity
    storageClass: str = ""


class Home(Volume):
    """The pipeline's home. ReadWriteOnce keeps all of the pipeline on one node."""

    accessMode: Literal["ReadWriteOnce", "ReadWriteMany"]


class Service(Model):
    """The service: a StatefulSet, since the spool of each replica is a promise."""

    replicas: int = Field(ge=1)
    autoscaling: Autoscaling
    stopSeconds: int = Field(ge=0, le=300)
    spool: Volume
    resources: Resources
    pullResources: Resources
    keysSecret: Name = Field(description="Secret with api-keys.json and signing.key, the same for all replicas.")
    settings: Setting = {}


class Canary(Model):
    """A second release of the service beside the first, weighted by replicas; empty image: none."""

    image: Image | Literal[""]
    replicas: int = Field(ge=1)


class Store(Model):
    """Where served models are shared, and the Secret with its credentials as variables (AWS_…)."""

    url: str = Field(pattern=r"^([a-z0-9]+://|/).+$")
    credentialsSecret: Name | Literal[""]


class Dumps(Model):
    """Dumps of the embedded PostgreSQL every night, and a restore drill every week."""

    schedule: Schedule
    drillSchedule: Schedule
    keep: int = Field(ge=1)
    volume: Volume


class Postgres(Model):
    """The database; `secret` holds `url`, and `password` where the server is embedded."""

    embedded: bool
    secret: Name
    volume: Volume
    resources: Resources
    dumps: Dumps


class Pipeline(Model):
    """Code server, Dagster's UI and daemon, dashboard, MLflow, and a pod for each run."""

    home: Home
    rawDataClaim: Name | Literal[""]
    settings: Setting = {}
    servers: Resources
    mlflow: Resources
    runs: Resources


class Proxy(Model):
    """The one door; `secret` holds OPS_PASSWORD_HASH."""

    replicas: int = Field(ge=1)
    secret: Name
    resources: Resources


class Ingress(Model):
    """The way in from outside, to the API alone; pages of operators are reached by port-forward or a VPN."""

    enabled: bool
    className: str
    host: str
    tlsSecret: str
    annotations: dict[str, str] = {}


class Monitoring(Model):
    """Objects of the Prometheus operator; `keySecret` holds an admin key under `key`."""

    enabled: bool
    namespace: Name
    keySecret: Name


class NetworkPolicies(Model):
    """Who may talk to whom; everything else is refused."""

    enabled: bool
    ingressNamespaces: list[Name]
    storeCidrs: list[str]
    apiServerCidrs: list[str]


class Values(Model):
    """All values."""

    environment: Literal["staging", "canary", "production"]
    images: Images
    service: Service
    canary: Canary
    store: Store
    postgres: Postgres
    pipeline: Pipeline
    proxy: Proxy
    ingress: Ingress
    monitoring: Monitoring
    networkPolicies: NetworkPolicies
    ray: dict[Literal["address"], str] = Field(description="An existing Ray cluster that maps shards; empty: none.")
    # helm hands the chart these too
    nameOverride: str = ""
    global_: dict[str, Any] = Field({}, alias="global")


def schema() -> str:
    """The schema's text."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Values.model_json_schema(by_alias=True)}
    return json.dumps(made, indent=2, sort_keys=True) + "\n"  # noqa: TID251 (no figure of ours is in it)


if __name__ == "__main__":
    target = Path(__file__).parent / "chart" / "values.schema.json"
    if "--check" in sys.argv:
        sys.exit(0 if target.read_text(encoding="utf-8") == schema() else f"error: run {Path(__file__).name}")
    target.write_text(schema(), encoding="utf-8")
