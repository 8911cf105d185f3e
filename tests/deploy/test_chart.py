"""The chart: three environments, refused mistakes, valid objects, and what must hold of every container."""

import json
import subprocess
from functools import cache
from typing import Any

import pytest
import yaml

from tests.deploy.machine import DEPLOY, ROOT, tool

ROW = "chart: rendered for three environments, valid for Kubernetes 1.29 and 1.37"
ENVIRONMENTS = ("staging", "canary", "production")
CHART = str(DEPLOY / "chart")
IMAGES = {
    name: f"registry.example.org/buddies-{name}@sha256:{place * 64}"
    for place, name in zip("1234", ("service", "pipeline", "postgres", "proxy"), strict=True)
}


def render(*values: str, check: bool = True) -> subprocess.CompletedProcess:
    command = [tool("python"), str(ROOT / "tests/deploy/render.py"), CHART, *values]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


@cache
def objects(environment: str, more: str = "{}") -> list[dict[str, Any]]:
    values = str(DEPLOY / "environments" / f"{environment}.yaml")
    text = render(values, json.dumps({"images": IMAGES}), more).stdout
    return [found for found in yaml.safe_load_all(text) if found]


def of_kind(kind: str, environment: str, more: str = "{}") -> dict[str, dict[str, Any]]:
    return {found["metadata"]["name"]: found for found in objects(environment, more) if found["kind"] == kind}


def pod_specs(environment: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(name, labels, pod spec) of everything that makes pods."""
    found = []
    for one in objects(environment):
        spec = one.get("spec", {})
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        template = {"spec": spec, "metadata": one["metadata"]} if one["kind"] == "Pod" else spec.get("template")
        if isinstance(template, dict) and "containers" in template.get("spec", {}):
            found.append((one["metadata"]["name"], template["metadata"]["labels"], template["spec"]))
    return found


@pytest.mark.parametrize("version", ["1.29", "1.37"])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_object_is_valid(environment: str, version: str, tmp_path) -> None:
    core = [found for found in objects(environment) if "monitoring.coreos.com" not in found["apiVersion"]]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(core))
    command = [tool("kubernetes-validate"), "-k", version, "--strict", str(tmp_path / "all.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_field_would_be_found(tmp_path) -> None:
    (wrong, *_) = (dict(found) for found in objects("staging") if found["kind"] == "StatefulSet")
    (tmp_path / "all.yaml").write_text(yaml.safe_dump({**wrong, "spec": {**wrong["spec"], "replica": 3}}))
    command = [tool("kubernetes-validate"), "-k", "1.29", "--strict", str(tmp_path / "all.yaml")]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"servise": {}}, "servise"),
        ({"service": {"replica": 3}}, "replica"),
        ({"environment": "prod"}, "environment"),
        ({"images": {"service": "registry.example.org/buddies-service:latest"}}, "service"),
        ({"images": {"service": "registry.example.org/buddies-service"}}, "service"),
        ({"service": {"replicas": 0}}, "replicas"),
        ({"service": {"settings": {"PATH": "/"}}}, "PATH"),
        ({"postgres": {"dumps": {"schedule": "daily"}}}, "schedule"),
        ({"canary": {"image": "x:latest"}}, "image"),
    ],
)
def test_a_mistake_in_the_values_is_refused_by_name(wrong: dict, named: str) -> None:
    done = render(
        str(DEPLOY / "environments/staging.yaml"), json.dumps({"images": IMAGES}), json.dumps(wrong), check=False
    )
    assert done.returncode == 1
    assert named in done.stderr


@pytest.mark.parametrize("environment", ["canary", "production"])
def test_beyond_staging_images_go_by_digest(environment: str) -> None:
    tagged = json.dumps({"images": {**IMAGES, "service": "registry.example.org/buddies-service:1.2.3"}})
    done = render(str(DEPLOY / f"environments/{environment}.yaml"), tagged, check=False)
    assert done.returncode == 1 and "must be named by its digest" in done.stderr


def test_the_schema_is_that_of_the_models() -> None:
    command = [tool("python"), str(DEPLOY / "values_model.py"), "--check"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_container_is_restricted_limited_and_without_a_token(environment: str) -> None:
    specs = pod_specs(environment)
    assert len(specs) >= 9
    with_token = {name for name, _, spec in specs if spec["automountServiceAccountToken"]}
    assert with_token == {"buddies-webserver", "buddies-daemon"}
    for name, _, spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            allowed = container["securityContext"]
            assert allowed["readOnlyRootFilesystem"] is True and allowed["allowPrivilegeEscalation"] is False, name
            assert allowed["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name
            literal = {entry["name"] for entry in container.get("env", []) if "value" in entry}
            assert not literal & {"PGPASSWORD", "BUDDIES_POSTGRES_URL", "OPS_PASSWORD_HASH"}, name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_runs_are_restricted_as_well(environment: str) -> None:
    config = of_kind("ConfigMap", environment)["buddies-dagster"]["data"]["dagster.yaml"]
    launcher = yaml.safe_load(config)["run_launcher"]
    assert launcher["class"] == "K8sRunLauncher"
    run = launcher["config"]["run_k8s_config"]
    assert run["container_config"]["security_context"]["capabilities"] == {"drop": ["ALL"]}
    assert run["pod_spec_config"]["security_context"]["run_as_non_root"] is True
    assert launcher["config"]["job_image"] == IMAGES["pipeline"]
    # What a pod prints is written where it may write, and where Dagster's page finds it afterwards.
    home = {mount["mountPath"] for mount in launcher["config"]["volume_mounts"]}
    for kept in ("compute_logs", "local_artifact_storage"):
        folder = yaml.safe_load(config)[kept]["config"]["base_dir"]
        assert folder.startswith("/var/lib/buddies/") and "/var/lib/buddies" in home


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_servers_have_three_probes_and_no_probe_holds_a_blank(environment: str) -> None:
    for one in objects(environment):
        if one["kind"] not in ("Deployment", "StatefulSet"):
            continue
        for container in one["spec"]["template"]["spec"]["containers"]:
            if container["name"] == "pull":
                continue
            probes = {name for name in ("readinessProbe", "livenessProbe") if name in container}
            assert len(probes) == 2, one["metadata"]["name"]
            for name in probes:
                command = container[name].get("exec", {}).get("command", [])
                assert not any(" " in argument for argument in command)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_selectors_find_pods_and_nothing_else_of_the_release(environment: str) -> None:
    pods = {name: labels for name, labels, _ in pod_specs(environment)}
    for one in objects(environment):
        selector = one.get("spec", {}).get("selector")
        if one["kind"] in ("Service", "Deployment", "StatefulSet", "PodDisruptionBudget") and selector:
            wanted = selector.get("matchLabels", selector)
            found = {name for name, labels in pods.items() if wanted.items() <= labels.items()}
            assert len(found) == 1, (one["kind"], one["metadata"]["name"], found)


def test_with_the_autoscaler_no_count_is_written_and_without_it_is() -> None:
    (production,) = (found for name, found in of_kind("StatefulSet", "production").items() if name == "buddies-service")
    assert "replicas" not in production["spec"]
    assert of_kind("StatefulSet", "staging")["buddies-service"]["spec"]["replicas"] == 1
    assert of_kind("HorizontalPodAutoscaler", "production")["buddies-service"]["spec"]["minReplicas"] == 4


def test_the_spool_is_a_claim_that_outlives_its_replica() -> None:
    spec = of_kind("StatefulSet", "production")["buddies-service"]["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["spool"]
    service = spec["template"]["spec"]["containers"][0]
    mounts = {mount["name"]: mount for mount in service["volumeMounts"]}
    assert mounts["spool"]["mountPath"] == "/var/spool/buddies" and mounts["model"]["readOnly"] is True


def test_a_canary_release_stops_decisions_about_models() -> None:
    digest = IMAGES["service"].replace("1", "9")
    more = json.dumps({"canary": {"image": digest}})
    sets = of_kind("StatefulSet", "production", more)
    canary = sets["buddies-service-canary"]["spec"]["template"]
    assert canary["spec"]["containers"][0]["image"] == digest
    (service,) = (found for name, found in of_kind("Service", "production", more).items() if name == "buddies-service")
    assert service["spec"]["selector"].items() <= canary["metadata"]["labels"].items()
    assert of_kind("ConfigMap", "production", more)["buddies-pipeline"]["data"]["BUDDIES_AUTOMATION"] == "off"
    assert of_kind("ConfigMap", "production")["buddies-pipeline"]["data"]["BUDDIES_AUTOMATION"] == "on"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_service_is_open_and_nobody_may_talk_to_anybody_by_default(environment: str) -> None:
    kinds = {found["spec"].get("type", "ClusterIP") for found in of_kind("Service", environment).values()}
    assert kinds == {"ClusterIP"}
    policies = of_kind("NetworkPolicy", environment)
    default = policies["buddies-default"]["spec"]
    assert default["policyTypes"] == ["Ingress", "Egress"] and "ingress" not in default
    to_dagster = policies["buddies-proxy-to-webserver"]["spec"]["ingress"][0]["from"]
    assert [peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in to_dagster] == ["proxy"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_secret_is_rendered(environment: str) -> None:
    assert not of_kind("Secret", environment)


def test_helm_lints_it() -> None:
    script = f"from helm_python import lint; print(lint({CHART!r}, values={json.dumps({'images': IMAGES})}))"
    done = subprocess.run([tool("python"), "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "ERROR" not in done.stdout, done.stdout + done.stderr
