#!/bin/sh
# The root is read-only: what programs want to write beside themselves goes to /tmp, compiled kernels come along.
set -eu
[ -d "$NUMBA_CACHE_DIR" ] || cp -r /opt/numba-cache "$NUMBA_CACHE_DIR"
mkdir -p "$DAGSTER_HOME"
[ -e "$DAGSTER_HOME/dagster.yaml" ] || cp /opt/dagster/dagster.yaml "$DAGSTER_HOME/dagster.yaml"
exec "$@"
