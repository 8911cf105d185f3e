#!/usr/bin/env bash
# Brings the stack to the images that the variables name. The code server is replaced only once no run of Dagster is in
# it (wait-for-runs.sh); nothing changes before. The service is away for a few seconds; where it must not be, use the
# chart, or replace it behind a proxy as tests/deploy/test_replacement.py does.
set -euo pipefail
cd "$(dirname "$0")"
./wait-for-runs.sh
exec ./up.sh
