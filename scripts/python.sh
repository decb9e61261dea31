#!/usr/bin/env bash
# Builds the Python package of what the workspace's build has left, and tests it and its notebook in a
# virtual environment of its own. The wheel is in target/wheels, the environment in target/python.
#
# `--wheel` stops when the wheel is there. `--manylinux` does as well, and links it, by zig, for every Linux
# with glibc 2.17 or newer (manylinux2014). PYTHON names the interpreter, python3 unless given.
set -euo pipefail
cd "$(dirname "$0")/.."
package=$PWD/crates/m2ib-py
target=${CARGO_TARGET_DIR:-$PWD/target}
environment=$target/python
wheels=$target/wheels

"${PYTHON:-python3}" -m venv --clear "$environment"
pip=("$environment/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" 'maturin>=1.9,<2'

# maturin asks cargo for one package, whose dependencies would have other features than those of the whole
# workspace, and be built a second time. So it is given this cargo, which builds the workspace's libraries,
# that one among them, without the variables that would build PyO3 anew.
cat >"$environment/cargo" <<'END'
#!/usr/bin/env bash
[[ $1 == rustc ]] || exec cargo "$@"
for name in "${!PYO3_@}"; do unset "$name"; done
exec cargo build --release --workspace --lib --message-format json-render-diagnostics
END
chmod +x "$environment/cargo"

compatibility=()
if [[ ${1:-} == --manylinux ]]; then
    "${pip[@]}" ziglang auditwheel
    # What is not good for it is refused, in place of getting another tag.
    compatibility=(--compatibility manylinux2014)
    # Another linker in cargo's settings would build everything anew. One that comes first on the path does not:
    # of all that is linked, it takes the package's library alone.
    mkdir "$environment/linker"
    cat >"$environment/linker/cc" <<END
#!/usr/bin/env bash
if [[ "\$*" == *lib_m2ib* ]]; then
    export CARGO_ZIGBUILD_ZIG_COMMAND='$environment/bin/python' CARGO_ZIGBUILD_ZIG_COMMAND_ARGS='-m ziglang'
    exec '$environment/bin/maturin' zig cc -- -target $(uname -m)-linux-gnu.2.17 -s "\$@"
fi
exec '$(command -v cc)' "\$@"
END
    chmod +x "$environment/linker/cc"
    export PATH="$environment/linker:$PATH"
    touch "$package/src/lib.rs"
fi

rm -f "$wheels"/m2ib-*.whl
CARGO=$environment/cargo "$environment/bin/maturin" build --release --quiet "${compatibility[@]}" \
    --manifest-path "$package/Cargo.toml" --out "$wheels"
# What is published says nothing of where it was built.
"$environment/bin/python" scripts/wheel_paths.py "$wheels"/m2ib-*.whl \
    "$PWD=/m2ib" "$target=/target" "${CARGO_HOME:-$HOME/.cargo}=/cargo" "${RUSTUP_HOME:-$HOME/.rustup}=/rustup"
ls -l "$wheels"/m2ib-*.whl
size=$(stat --format %s "$wheels"/m2ib-*.whl)
((size < 40000000)) || { echo "the wheel has $size bytes, expected less than 40 MB" >&2; exit 1; }
if [[ ${1:-} == --manylinux ]]; then
    "$environment/bin/python" -m auditwheel show "$wheels"/m2ib-*.whl
fi
[[ -n ${1:-} ]] && exit

"${pip[@]}" "$wheels"/m2ib-*.whl -r "$package/tests/requirements.txt"
export PATH="$environment/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
# Elsewhere, lest the folder of the sources be taken for the package.
cd "$environment"
python -m pytest --quiet -p no:cacheprovider -c "$package/pyproject.toml" "$package/tests"
python - "$package/notebooks/tour.ipynb" "$environment/tour.ipynb" <<'END'
import sys

import nbclient
import nbformat

notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
END
