"""Daft or Spark gives the rows of `m2ib run`.

    python examples/test_daft_or_spark.py daft|spark [ROWS]

Needs the package and the program `m2ib`, and the engine.
"""

import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from daft_or_spark import on_daft, on_spark
from scene_pairs import SETTINGS, by_program, check, in_files, pairs


def main(engine: str, rows: int, folder: Path) -> None:
    in_files(pairs(rows), folder, 2)
    expected = by_program(folder)
    begun = time.monotonic()
    explain = {"daft": on_daft, "spark": on_spark}[engine]
    explain(f"{folder}/pairs-*.parquet", str(folder / engine), **SETTINGS)
    check(pq.read_table(folder / engine).to_pylist(), expected)
    print(f"the same {rows} rows by {engine} in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60, Path(made))
