#!/usr/bin/env bash
# Holds that two Ray workers, of which one is killed, give the rows of `m2ib run`. It takes the environment that
# scripts/python.sh leaves, installs Ray in it (200 MB) and takes the number of rows (160).
set -euo pipefail
cd "$(dirname "$0")/.."
environment=${CARGO_TARGET_DIR:-$PWD/target}/python
[[ -x $environment/bin/m2ib ]] || { echo 'first run scripts/python.sh, which installs the package' >&2; exit 1; }
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check 'ray[data]>=2.50' psutil
export PATH="$environment/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
exec timeout 600 python examples/test_ray.py "${1:-160}"
