#!/usr/bin/env bash
# Holds that Ray and Daft give the rows of `m2ib run`: two Ray workers, of which one is killed, over 2,000 rows,
# and Daft over 60. With --spark Spark, too, which takes Java 17. The environment is the one that
# scripts/python.sh leaves; the engines (300 MB) are installed beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
package=$target/python
environment=$target/engines
[[ -x $package/bin/m2ib ]] || { echo 'first run scripts/python.sh, which installs the package' >&2; exit 1; }
# Those that it was seen to pass with: a new release of theirs fails nobody's change of this.
engines=('ray[data]==2.60.0' psutil 'daft==0.7.26')
[[ ${1:-} == --spark ]] && engines+=('pyspark>=4' 'pandas<3')
"$package/bin/python" -m venv --clear "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check "${engines[@]}" "$target"/wheels/m2ib-*.whl
export PATH="$environment/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
# Nothing is told to their makers.
export RAY_USAGE_STATS_ENABLED=0 DO_NOT_TRACK=true DAFT_ANALYTICS_ENABLED=0
# Ray gives its own processes half a minute to start, which a busy machine takes, and kills workers where memory
# is short or busy lets them wait: none is to be killed but by the test, or to be served last.
export RAY_raylet_start_wait_time_s=300 RAY_gcs_server_request_timeout_seconds=300 RAY_agent_register_timeout_ms=300000
export RAY_worker_register_timeout_seconds=300 RAY_memory_monitor_refresh_ms=0 RAY_worker_niceness=0
limited() { timeout --kill-after=10 "$@"; }
limited 900 python examples/test_ray.py
limited 200 python examples/test_daft_or_spark.py daft
if [[ ${1:-} == --spark ]]; then
    limited 600 python examples/test_daft_or_spark.py spark
fi
