#!/usr/bin/env bash
# rustc that counts what is reached in our crates and in the readers they use: for a stable compiler,
# as RUSTC_WRAPPER. Not in the others: their macros and build scripts would not link.
compiler=$1
shift
name=
previous=
for argument in "$@"; do
  [ "$previous" = --crate-name ] && name=$argument
  previous=$argument
done
case "$name" in
  clip_input | clip_model | m2ib | m2ib_* | image | png | zune_jpeg | zune_core | image_webp | gif | tiff | fdeflate | weezl | safetensors | tokenizers | csv | csv_core)
    set -- "$@" -Cpasses=sancov-module -Ccodegen-units=1
    for option in level=4 inline-8bit-counters pc-table trace-compares; do
      set -- "$@" "-Cllvm-args=-sanitizer-coverage-$option"
    done
    ;;
esac
exec "$compiler" "$@"
