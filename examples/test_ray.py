"""Two Ray workers give the rows of `m2ib run`, and one that is killed in the middle loses nothing.

    python examples/test_ray.py [ROWS]

Needs the package and the program `m2ib`, `ray[data]` and psutil.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import ray_data

SCENES = Path(__file__).parent / "../crates/m2ib-emoji/scenes"
PRESET = "fast"


def pairs(rows: int) -> pa.Table:
    """Each scene with what it shows and with what others show."""
    names = sorted({path.stem.split("_", 2)[2].replace("_", " ") for path in SCENES.glob("*_mask*.png")})
    images = sorted(path for path in SCENES.glob("scene?.png"))
    all = [(image, name) for name in names for image in images]
    all = (all * -(-rows // len(all)))[:rows]
    return pa.table(
        {
            "id": [f"{place:05}" for place in range(rows)],
            "image": pa.array(
                [{"bytes": image.read_bytes(), "path": image.name} for image, _ in all],
                type=pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
            ),
            # The last has no words that could be explained.
            "caption": [f"a photo of a {name}" for _, name in all[:-1]] + ["\U0001f600"],
        }
    )


def kill_one(killed: list) -> None:
    """Kills the first worker that has begun to explain."""
    me = psutil.Process()
    while not killed:
        for process in me.children(recursive=True) + list(psutil.process_iter()):
            try:
                title = " ".join(process.cmdline())
                # Ray names a worker after what it is at.
                if title.startswith("ray::") and "Explain" in title and "submit" in title:
                    os.kill(process.pid, signal.SIGKILL)
                    killed.append(process.pid)
                    return
            except psutil.Error:
                continue
        time.sleep(0.1)


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        table = pairs(rows)
        for part in range(4):
            start, end = (rows * edge // 4 for edge in (part, part + 1))
            pq.write_table(table.slice(start, end - start), folder / f"pairs-{part}.parquet")
        begun = time.monotonic()
        run = ["m2ib", "run", "--data", f"{folder}/pairs-*.parquet", "--preset", PRESET, "--out", f"{folder}/run"]
        subprocess.run(run, check=True)
        merge = ["m2ib", "merge", f"{folder}/run", "--out", f"{folder}/run.parquet"]
        subprocess.run(merge, check=True)
        print(f"m2ib run: {time.monotonic() - begun:.1f} s for {rows} rows")

        begun = time.monotonic()
            # By Ray's count reading and writing take a core each, beside the two workers.
        ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
        # Newer ones read by a dozen processes, which a small machine takes minutes to start.
        ray.data.DataContext.get_current().use_datasource_v2 = False
        killed: list = []
        killer = threading.Thread(target=kill_one, args=(killed,), daemon=True)
        killer.start()
        files = [str(folder / f"pairs-{part}.parquet") for part in range(4)]
        ray_data.explain(files, folder / "ray", workers=2, batch=8, preset=PRESET)
        print(f"Ray: {time.monotonic() - begun:.1f} s for {rows} rows, worker {killed} was killed")
        assert killed, "no worker was killed: there were too few rows to find one at work"

        by_run = {row["id"].split(":", 1)[1]: row for row in pq.read_table(folder / "run.parquet").to_pylist()}
        by_ray = pq.read_table(folder / "ray").to_pylist()
        assert len(by_ray) == rows == len(by_run), (len(by_ray), len(by_run))
        assert len({row["id"] for row in by_ray}) == rows, "rows are there twice"
        for row in by_ray:
            other = by_run[row["id"]]
            assert row["caption"] == other["caption"]
            assert (row["error"] is None) == (other["error"] is None), (row["error"], other["error"])
            if row["error"] is not None:
                continue
            assert row["words"] == other["words"]
            for name in ("similarity", "word_saliency", "map", "map_rows", "map_columns"):
                np.testing.assert_allclose(row[name], other[name], rtol=1e-4, atol=1e-6, err_msg=row["id"])
        failed = sum(row["error"] is not None for row in by_ray)
        # What is there is not done again.
        ray_data.explain(files, folder / "ray", workers=2, preset=PRESET)
        assert pq.read_table(folder / "ray").num_rows == rows
        print(f"the same {rows} rows, {failed} of them failed either way")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
