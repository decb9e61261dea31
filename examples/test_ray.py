"""Two Ray workers give the rows of `m2ib run`, and one that is killed in the middle loses nothing.

    python examples/test_ray.py [ROWS]

Needs the package and the program `m2ib`, `ray[data]` and psutil.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import ray
import ray_data
from scene_pairs import SETTINGS, by_program, check, in_files, pairs


def kill_one(killed: list, looks: int = 5) -> None:
    """Kills a worker that is found explaining, after others were found so some times."""
    while not killed:
        # Ray's processes are nobody's children, and are named after what they are at.
        for process in psutil.process_iter():
            try:
                title = " ".join(process.cmdline())
                if title.startswith("ray::") and "Explain" in title and "submit" in title:
                    looks -= 1
                    if looks < 0:
                        os.kill(process.pid, signal.SIGKILL)
                        killed.append(process.pid)
                        return
            except psutil.Error:
                continue
        time.sleep(0.05)


def start(folder: str) -> None:
    """A Ray of this test's own, whatever else there is on the machine, that is gone with this process."""
    ray.init(
        address="local",
        # By Ray's count reading and writing take a core each, beside the two workers.
        num_cpus=4,
        # The rows are 40 MB. Where /dev/shm has less room, Ray takes its folder.
        object_store_memory=512 << 20,
        include_dashboard=False,
        log_to_driver=False,
        _temp_dir=folder,
    )


def main(rows: int, folder: Path, own: str) -> None:
    files = in_files(pairs(rows, named=True), folder, 4)
    begun = time.monotonic()
    expected = by_program(folder)
    print(f"m2ib run: {rows} rows in {time.monotonic() - begun:.0f} s", flush=True)

    begun = time.monotonic()
    start(own)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # Newer ones read by a dozen processes, which a small machine takes minutes to start.
    context.use_datasource_v2 = False
    killed: list = []
    threading.Thread(target=kill_one, args=(killed,), daemon=True).start()
    # Three of the files first, by two workers, of which one dies.
    ray_data.explain(files[:-1], folder / "ray", workers=2, batch=8, **SETTINGS)
    assert killed, "no worker was killed: there were too few rows to find one at work"
    first = {row["id"]: row for row in pq.read_table(folder / "ray").to_pylist()}
    print(f"Ray: {len(first)} rows in {time.monotonic() - begun:.0f} s, and worker {killed[0]} was killed", flush=True)
    assert len(first) == rows * 3 // 4, "rows are lost"

    begun = time.monotonic()
    # All of them then: what is there is not done again.
    ray_data.explain(files, folder / "ray", workers=2, batch=8, **SETTINGS)
    found = pq.read_table(folder / "ray").to_pylist()
    print(f"Ray: the rest in {time.monotonic() - begun:.0f} s", flush=True)
    check(found, expected)
    again = [row["id"] for row in found if row["id"] in first and row["seconds"] != first[row["id"]]["seconds"]]
    assert not again, f"{again} were done again"
    print(f"the same {rows} rows by Ray")


if __name__ == "__main__":
    # Sockets lie in Ray's folder, and their paths must be short, whatever TMPDIR says.
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as own:
        try:
            main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, Path(made), own)
        finally:
            ray.shutdown()
