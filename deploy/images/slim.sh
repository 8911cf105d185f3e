#!/bin/sh
# Takes out of a virtual environment what no process of an image reads: installers, tests of libraries, caches, headers,
# Ray's Java, maps of JavaScript's sources, and the descriptions of cloud services other than those that an object store
# and its credentials need.
set -eu
site="$(echo "$1"/lib/python3*/site-packages)"
rm -rf "$site"/pip "$site"/pip-*.dist-info "$1"/bin/pip* "$1"/bin/activate* "$1"/bin/Activate.ps1
# Not `test`: Dagster's code server imports a module of that name.
find "$site" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
if [ -d "$site/botocore/data" ]; then
  find "$site/botocore/data" -mindepth 1 -maxdepth 1 -type d \
    ! -name s3 ! -name sts ! -name sso ! -name sso-oidc -exec rm -rf {} +
fi
rm -rf "$site"/ray/jars "$site"/pyarrow/include "$site"/torch/include "$site"/torch/test
find "$site" -type f -name '*.js.map' -delete
[ ! -d "$site/torch/bin" ] || find "$site/torch/bin" -type f ! -name torch_shm_manager -delete
