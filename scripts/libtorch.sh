#!/usr/bin/env bash
# Fetches libtorch 2.9.0 for the feature "tch" from its Python wheel: CPU only, Linux on x86-64,
# 0.9 GB to download and 0.6 GB when slimmed. Prints what to set.
set -euo pipefail

if (($# != 1)); then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)

if [[ ! -e $folder/torch/lib/libtorch_cpu.so ]]; then
    python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --no-compile \
        --target "$folder" torch==2.9.0 nvidia-cuda-cupti-cu12==12.8.90 nvidia-cuda-runtime-cu12==12.8.90 >&2
fi
cd "$folder/torch/lib"
rm -f libtorch_cuda*.so libtorch_nvshmem.so libc10_cuda.so libcaffe2_nvrtc.so libtorch_python.so
# The wheel's libtorch.so only ties the others together, the CUDA ones among them.
echo | cc -shared -fPIC -x c - -o libtorch.so -Wl,-soname,libtorch.so

echo "export LIBTORCH=$folder/torch LD_LIBRARY_PATH=$folder/torch/lib"
