#!/usr/bin/env bash
# Builds what a release hands out, and writes it to target/release-files with its SHA-256: the program for this
# machine, the wheel for every Linux with glibc 2.17 or newer, and the guide. Nothing is published.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
host=$(rustc -vV | sed -n 's/^host: //p')
out=$PWD/target/release-files

refuse() { echo "$1" >&2; exit 1; }
[[ -z $(git status --porcelain) ]] || refuse "there are changes that are not committed"
grep -q "^## $version " CHANGELOG.md || refuse "CHANGELOG.md has no section \"## $version\" with its date"
[[ $(git tag --points-at HEAD) == *"v$version"* ]] || refuse "the last commit has no tag v$version"
rm -rf "$out"
mkdir -p "$out"

cargo build --release --workspace --locked
name=m2ib-$version-$host
mkdir "$out/$name"
# The last has the licences of the fonts and the emoji that the program carries.
cp target/release/m2ib README.md CHANGELOG.md LICENSE THIRD-PARTY.txt "$out/$name/"
target/release/m2ib man --out "$out/$name/man"
for shell in bash zsh fish; do
    target/release/m2ib completions "$shell" >"$out/$name/m2ib.$shell"
done
tar -C "$out" --owner=0 --group=0 --sort=name --mtime="@$(git log -1 --format=%ct)" -czf "$out/$name.tar.gz" "$name"
rm -r "${out:?}/$name"

scripts/python.sh --manylinux
cp target/wheels/m2ib-*.whl "$out/"

scripts/book.sh
tar -C target --owner=0 --group=0 --sort=name --mtime="@$(git log -1 --format=%ct)" -czf "$out/m2ib-$version-guide.tar.gz" book

cd "$out"
sha256sum -- * >SHA256SUMS
echo "in $out:"
ls -l
cat SHA256SUMS
