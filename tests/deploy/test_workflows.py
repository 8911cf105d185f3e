"""Workflows: pinned, without permissions, and every `run:` calls a script of the repository and nothing else."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.machine import DEPLOY, ROOT, tool

ROW = "workflows: linted, pinned by digest, no permissions by default, run lines call scripts that are tested"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
NAMED = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in WORKFLOWS}
SCRIPT = re.compile(r"(?:sudo (?:--preserve-env=[A-Z_,]+ )?)?(\S+)(?: .*)?")


def steps() -> list[tuple[str, dict[str, Any]]]:
    jobs = [(name, job) for name, workflow in NAMED.items() for job in workflow["jobs"].values()]
    return [(name, step) for name, job in jobs for step in job.get("steps", [])]


def test_there_are_workflows() -> None:
    assert {"ci.yml", "images.yml", "deploy.yml", "release.yml", "nightly.yml"} <= set(NAMED)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_lints(path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(tool('shellcheck')).parent}:{os.environ['PATH']}"}
    done = subprocess.run([tool("actionlint"), str(path)], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing_of_weight() -> None:
    command = [tool("zizmor"), "--offline", "--min-severity", "medium", str(ROOT / ".github/workflows")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", sorted(NAMED))
def test_nothing_is_allowed_that_a_job_does_not_ask_for(name: str) -> None:
    workflow = NAMED[name]
    assert workflow["permissions"] == {}
    assert "pull_request_target" not in (workflow.get(True) or {})
    for job in workflow["jobs"].values():
        assert "permissions" in job
        assert "uses" in job or job["timeout-minutes"] <= 360


def test_actions_are_pinned_by_digest() -> None:
    for name, step in steps():
        if "uses" in step:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"]), (name, step["uses"])


def test_every_run_line_calls_one_script_that_is_there() -> None:
    lines = [(name, step["run"]) for name, step in steps() if "run" in step]
    assert len(lines) >= 7
    for name, line in lines:
        assert "${{" not in line and "\n" not in line.strip(), (name, line)
        script = SCRIPT.fullmatch(line.strip())[1]
        if script == "make":
            assert f"\n{line.split()[-1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8"), line
        else:
            assert os.access(ROOT / script, os.X_OK), (name, script)


def test_a_proof_that_is_skipped_fails_where_a_machine_is_known_to_be_able() -> None:
    proofs = [step for _, step in steps() if "make test-deploy" in step.get("run", "")]
    assert len(proofs) == 2
    for step in proofs:
        assert step["env"] == {"BUDDIES_DEPLOY_STRICT": "1"} and "PATH,BUDDIES_DEPLOY_STRICT" in step["run"]


def test_shell_scripts_lint() -> None:
    scripts = [str(path) for path in DEPLOY.rglob("*.sh")]
    done = subprocess.run([tool("shellcheck"), *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


D = [f"registry.example.org/buddies-{name}@sha256:{'ab' * 32}" for name in ("service", "pipeline", "postgres", "proxy")]


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A copy of deploy/ to write in."""
    folder = tmp_path / "deploy"
    subprocess.run(["cp", "-r", str(DEPLOY), str(folder)], check=True)
    return folder


def promote(deploy: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([deploy / "promote.py", *arguments], capture_output=True, text=True, check=False)


def test_one_set_of_digests_travels(deploy: Path) -> None:
    images = [f"{name}={digest}" for name, digest in zip(("service", "pipeline", "postgres", "proxy"), D, strict=True)]
    assert promote(deploy, "v1", *images).returncode == 0
    assert promote(deploy, "production", "--from", "v1").returncode == 0
    assert (deploy / "releases/v1.yaml").read_text() == (deploy / "releases/production.yaml").read_text()


@pytest.mark.parametrize(
    "arguments",
    [["v1"], ["../v1", f"service={D[0]}"], ["v1", f"service={D[0]}"], ["v1", "--from", "none"],
     ["v1", "service=x:latest", *(f"{n}={d}" for n, d in zip(("pipeline", "postgres", "proxy"), D, strict=False))]],
)  # fmt: skip
def test_a_release_that_is_not_whole_or_no_digest_is_refused(deploy: Path, arguments: list[str]) -> None:
    assert promote(deploy, *arguments).returncode == 1
    assert not (deploy / "releases/v1.yaml").exists()


def test_deploying_calls_helm_with_the_environment_and_takes_back_what_fails(deploy: Path, tmp_path: Path) -> None:
    images = [f"{name}={digest}" for name, digest in zip(("service", "pipeline", "postgres", "proxy"), D, strict=True)]
    promote(deploy, "v1", *images)
    promote(deploy, "production", "--from", "v1")

    def said(*arguments: str) -> subprocess.CompletedProcess:
        environment = {"HELM": "echo", "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            [deploy / "deploy.sh", *arguments], env=environment, capture_output=True, text=True, check=False
        )

    staging = said("staging", "v1").stdout
    assert (
        "--rollback-on-failure --wait" in staging and "environments/staging.yaml --values releases/v1.yaml" in staging
    )
    assert "--namespace buddies-staging" in staging
    canary = said("canary", "v1").stdout
    assert f"canary.image={D[0]}" in canary and "--namespace buddies-production" in canary
    for wrong in (["prod", "v1"], ["staging", "../v1"], ["staging", "none"]):
        assert said(*wrong).returncode == 2


def test_a_first_installation_is_not_taken_away_for_want_of_a_model(deploy: Path, tmp_path: Path) -> None:
    images = [f"{name}={digest}" for name, digest in zip(("service", "pipeline", "postgres", "proxy"), D, strict=True)]
    promote(deploy, "v1", *images)
    promote(deploy, "production", "--from", "v1")
    helm = tmp_path / "helm"
    helm.write_text('#!/bin/sh\n[ "$1" != status ] || exit 1\necho "$@"\n')
    helm.chmod(0o755)

    def said(environment: str) -> subprocess.CompletedProcess:
        command = [deploy / "deploy.sh", environment, "v1"]
        return subprocess.run(
            command, env={"HELM": str(helm), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
        )

    first = said("staging")
    assert first.returncode == 0 and first.stdout.startswith("install buddies chart --namespace buddies-staging")
    assert "--wait" not in first.stdout and "First model" in first.stdout
    assert said("canary").returncode == 2


def test_the_drill_of_an_environment_ends_as_its_job_does(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\necho "$@"\n[ "$3" != wait ] || exit "$FAILS"\n')
    kubectl.chmod(0o755)

    def drill(environment: str, fails: str = "0") -> subprocess.CompletedProcess:
        variables = {"KUBECTL": str(kubectl), "PATH": "/usr/bin:/bin", "FAILS": fails}
        command = [DEPLOY / "drill.sh", environment]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    good = drill("staging")
    assert good.returncode == 0 and "--from=cronjob/buddies-drill" in good.stdout
    bad = drill("staging", "1")
    assert bad.returncode == 1 and "logs job/buddies-drill-" in bad.stdout
    assert drill("canary").returncode == 2


@pytest.mark.parametrize("builder", ["buildah", "podman", "docker"])
def test_an_image_is_built_by_what_is_here(builder: str) -> None:
    environment = {"BUILDER": f"echo {builder}", "PATH": "/usr/bin:/bin", "COMMIT": "abc", "ARCH": "arm64"}
    done = subprocess.run(
        [DEPLOY / "images/build.sh", "service"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.startswith(f"{builder} build "), done.stderr
    assert "--tag localhost/buddies-service:abc" in done.stdout and "--platform linux/arm64" in done.stdout
    assert ("--ignorefile" in done.stdout) == (builder != "docker")
    for path in (DEPLOY / "images").glob("*.Containerfile"):
        assert path.with_name(f"{path.name}.dockerignore").resolve() == DEPLOY / "images/.containerignore"


def test_secrets_of_a_cluster_are_made_once_in_a_namespace_that_refuses_what_is_not_restricted(tmp_path: Path) -> None:
    there, kubectl = tmp_path / "there", tmp_path / "kubectl"
    there.mkdir()
    kubectl.write_text(
        '#!/bin/sh\nshift 2\necho "$@"\n'
        f'case "$1 $2" in "get secret" | "get namespace") [ -e {there}/$2-$3 ] ;;\n'
        f'"create secret") touch {there}/secret-$4 ;; "create namespace") touch {there}/namespace-$3 ;; esac\n'
    )
    kubectl.chmod(0o755)

    def said() -> str:
        environment = {"KUBECTL": str(kubectl), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [DEPLOY / "chart_secrets.sh", "buddies-staging"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    first = said()
    assert "label namespace buddies-staging pod-security.kubernetes.io/enforce=restricted" in first
    made = {line.split()[3] for line in first.splitlines() if line.startswith("create secret generic")}
    assert made == {f"buddies-{name}" for name in ("postgres", "keys", "clients", "proxy", "monitoring")}
    assert not re.search(r"sb_[0-9a-f]{20}|postgresql://", first)
    assert "create " not in said()
