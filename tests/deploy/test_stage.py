"""The stage of CI: everything where containers can run, what needs none elsewhere, and never longer than its limit."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.deploy.machine import DEPLOY

ROW = "stage of CI: whole where containers run, light and with its reason elsewhere, cut off at its limit"
ABLE = {"id": "echo 0", "apt-get": "true", "unshare": "true", "podman": "echo $* >>{log}; echo one"}
"""What programs say on a machine that can; `make` and `timeout` are there in any case."""


def stage(folder: Path, make: str, lacks: dict[str, str], limit: str = "20") -> tuple[int, str, list[str]]:
    """(exit code, what it said, what it ran) of the stage beside programs that pretend."""
    log = folder / "log"
    policy = folder / "policy-rc.d"
    programs = {**ABLE, "make": f'echo "$1 $BUDDIES_DEPLOY_STRICT" >>{log}\n{make}', **lacks}
    for name, body in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{body.format(log=log)}\n")
        (folder / name).chmod(0o755)
    for name in ("bash", "sh", "env", "timeout", "dirname", "mktemp", "rm", "chmod", "cp", "xargs", "sleep", "cat"):
        found = next(path for path in (Path("/usr/bin") / name, Path("/bin") / name) if path.exists())
        (folder / name).symlink_to(found)
    environment = {"PATH": str(folder), "LIMIT": limit, "POLICY_RC_D": str(policy), "HOME": str(folder)}
    done = subprocess.run(
        [folder / "bash", DEPLOY / "test-stage.sh"], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr, log.read_text().splitlines() if log.exists() else []


def test_all_is_proven_where_containers_can_run_and_a_skip_is_a_failure_there(tmp_path: Path) -> None:
    code, said, ran = stage(tmp_path, "exit 0", {})
    assert (code, ran) == (0, ["test-deploy 1"]), said


@pytest.mark.parametrize(
    ("lacks", "reason"),
    [
        ({"id": "echo 1000"}, "need root"),
        ({"unshare": "exit 1"}, "allows no namespaces"),
        ({"apt-get": "exit 100"}, "cannot be installed"),
    ],
)
def test_elsewhere_what_needs_no_container_is_proven_and_the_reason_said(
    tmp_path: Path, lacks: dict[str, str], reason: str
) -> None:
    code, said, ran = stage(tmp_path, "exit 0", lacks)
    assert (code, ran) == (0, ["check-deploy "])
    (line,) = (line for line in said.splitlines() if line.startswith("deploy: without containers here, because"))
    assert reason in line


@pytest.mark.parametrize("lacks", [{}, {"id": "echo 1000"}])
def test_a_failure_is_one(tmp_path: Path, lacks: dict[str, str]) -> None:
    assert stage(tmp_path, "exit 2", lacks)[0] == 2


def test_what_hangs_is_cut_off_and_its_containers_go(tmp_path: Path) -> None:
    began = time.monotonic()
    code, said, ran = stage(tmp_path, "exec sleep 60", {}, limit="1")
    assert code == 124 and "cut off after 1 seconds" in said
    made, listed, removed = ran
    assert made == "test-deploy 1" and "name=^buddies-test-stage-" in listed
    assert removed.endswith("rm --force --time 1 one")
    assert time.monotonic() - began < 20


def test_an_installation_that_hangs_takes_of_the_same_time(tmp_path: Path) -> None:
    began = time.monotonic()
    code, said, ran = stage(tmp_path, "exec sleep 60", {"apt-get": "exec sleep 60"}, limit="2")
    assert code == 124 and "cannot be installed" in said and ran == ["check-deploy "]
    assert time.monotonic() - began < 20
