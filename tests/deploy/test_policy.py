"""What the installation of packages leaves of the machine's policy of starting services: all of it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.deploy.machine import DEPLOY, ROOT

ROW = "policy-rc.d: as it was found, whatever the installation does"
_APT = '#!/bin/sh\n[ "$1" != install ] || {{ cat "$POLICY_RC_D" >{seen}; exit {ends}; }}\n'


@pytest.mark.parametrize("ends", [0, 100])
@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 104\n"])
def test_the_policy_is_as_it_was_found(tmp_path: Path, before: str | None, ends: int) -> None:
    policy, seen = tmp_path / "policy-rc.d", tmp_path / "seen"
    if before is not None:
        policy.write_text(before)
        policy.chmod(0o751)
    (tmp_path / "apt-get").write_text(_APT.format(seen=seen, ends=ends))
    (tmp_path / "apt-get").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POLICY_RC_D": str(policy)}
    done = subprocess.run([DEPLOY / "install-packages.sh", "some"], env=environment, check=False)
    assert done.returncode == ends
    # while packages were installed nothing could start
    assert seen.read_text().endswith("exit 101\n")
    assert (policy.read_text() if policy.exists() else None) == before
    assert before is None or policy.stat().st_mode & 0o777 == 0o751


@pytest.mark.parametrize("script", [".ci/run", "deploy/test-machine.sh"])
def test_nothing_else_touches_the_policy(script: str) -> None:
    text = (ROOT / script).read_text()
    assert "install-packages.sh" in text and "policy-rc.d" not in text and "apt-get install" not in text
