#!/usr/bin/env bash
# What a GPU makes of m2ib: whether it computes the same, and how fast, beside PyTorch, as Markdown.
#
#   scripts/gpu.sh pack FILE.tar.zst    builds the programs (half an hour cold) and packs them
#   scripts/gpu.sh run [rates' options] on the machine with the GPU, in the unpacked folder
#
# That machine needs its driver; PyTorch too for the comparison. Without a GPU, Mesa's software Vulkan
# runs it at tiny shapes: scripts/gpu.sh run --shape tiny --batch 1 --precision f32 --seconds 0
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
features=wgpu,autotune,fusion

pack() {
    local packed=$1 tests
    # No local: the trap outlives the function.
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    cd "$here"
    # One command for both, so that burn is built once.
    tests=$(cargo build --release -p m2ib-tests -p m2ib-benches --features "${features//,/ }" \
        --test conformance --bin rates --message-format json |
        python3 -c 'import json, sys
for line in sys.stdin:
    target = json.loads(line)
    if target.get("executable") and target["target"]["name"] in ("conformance", "rates"):
        print(target["target"]["name"], target["executable"])')
    mkdir -p "$folder/gpu/scripts" "$folder/gpu/benches/compare"
    while read -r name file; do
        cp "$file" "$folder/gpu/$name"
        strip "$folder/gpu/$name"
    done <<<"$tests"
    cp scripts/gpu.sh "$folder/gpu/scripts/"
    cp benches/compare/gpu.py "$folder/gpu/benches/compare/"
    # The recorded cases, which the test looks for where it was built.
    mkdir -p "$folder/gpu/tests" && cp -r tests/data "$folder/gpu/tests/"
    tar -C "$folder" -c gpu | zstd -19 -q -T0 -f -o "$packed"
    echo "$packed: $(($(stat -c %s "$packed") / 1000000)) MB"
}

conforms() {
    CARGO_MANIFEST_DIR=$here/tests ./conformance 2>&1 |
        sed -un -e '/^failures:/,$ {p; d}' -e 's/^test \(result:\|.* \.\.\.\) .*/- &/p'
}

run() {
    local failed=0
    cd "$here"
    echo "## $(command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || echo 'no nvidia-smi')"
    echo
    echo '### The same as on the CPU?'
    echo
    conforms || failed=1
    echo
    echo '### And with nothing fused?'
    echo
    BURN_FUSION_MAX_EXPLORATIONS=0 conforms || failed=1
    echo
    echo '### Rates'
    echo
    ./rates --device wgpu "$@" || failed=1
    echo
    if command -v nvidia-smi >/dev/null; then
        echo "memory in use at the end: $(nvidia-smi --query-gpu=memory.used --format=csv,noheader)"
        echo
    fi
    echo '### PyTorch'
    echo
    python3 benches/compare/gpu.py || echo 'PyTorch or its GPU is not here.'
    return "$failed"
}

case ${1-} in
pack) pack "$(realpath -m "${2:?the packed file}")" ;;
run) shift && run "$@" ;;
*) sed -n '4,5s/^# *//p' "$0" >&2 && exit 2 ;;
esac
