"""A pair from Python against the same pair from Rust, in turns, since a machine's speed drifts.

    cargo build --release --workspace --bin costs
    python benches/compare/python.py target/release/costs crates/m2ib-emoji/model

The second argument is a model's folder, the third the number of turns. Processor time counts all threads, and says
more where others work as well.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import m2ib

CAPTION = "a photo of a dog next to a red apple"
TURNS = int(sys.argv[3]) if len(sys.argv) > 3 else 9
# The system counts in hundredths of a second.
PAIRS_A_TURN = 8


def picture() -> np.ndarray:
    """As benches/src/lib.rs has it."""
    y, x = np.mgrid[:480, :640]
    return np.dstack([x * 7 % 256, y * 5 % 256, (x ^ y) % 256]).astype(np.uint8)


def processor_time(process: int) -> float:
    """Seconds that all threads of a process have had."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    program, folder = sys.argv[1:3]
    command = [program, "serve", "--model", folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as rust:
        explainer, image = m2ib.Explainer.from_folder(folder), picture()

        def of_rust() -> None:
            assert rust.stdin is not None and rust.stdout is not None
            rust.stdin.write("\n")
            rust.stdin.flush()
            rust.stdout.readline()

        def of_python() -> None:
            explainer.attribute(image, CAPTION)

        seconds: dict[str, list[tuple[float, float]]] = {"Rust": [], "Python": []}

        def turn(name: str, process: int, pair: Callable[[], None]) -> None:
            start, used = time.perf_counter(), processor_time(process)
            for _ in range(PAIRS_A_TURN):
                pair()
            spent = time.perf_counter() - start, processor_time(process) - used
            seconds[name].append((spent[0] / PAIRS_A_TURN, spent[1] / PAIRS_A_TURN))

        for number in range(TURNS + 1):
            turn("Rust", rust.pid, of_rust)
            turn("Python", os.getpid(), of_python)
            if number == 0:
                # The first are slower.
                seconds = {name: [] for name in seconds}
        assert rust.stdin is not None
        rust.stdin.close()
    medians = {}
    for name, values in seconds.items():
        medians[name] = [statistics.median(value[kind] for value in values) for kind in (0, 1)]
        elapsed, used = medians[name]
        print(f"{name:7} {elapsed:.4f} s a pair, {used:.4f} s of processor time (medians of {TURNS} turns)")
    quotients = [python / rust for python, rust in zip(medians["Python"], medians["Rust"])]
    print("Python / Rust: {:.3f}, of processor time {:.3f}".format(*quotients))


main()
