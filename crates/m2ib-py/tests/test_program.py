"""The program that comes with the package."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

import m2ib

Run = subprocess.CompletedProcess[str]


def run(program: Path, *arguments: object) -> Run:
    return subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False)


def test_it_explains(console_script: Path, tmp_path: Path, scene: m2ib.Scene, attribution: m2ib.Attribution) -> None:
    picture = tmp_path / "scene.png"
    picture.write_bytes(scene.png)
    done = run(
        console_script, "explain", "--image", picture, "--text", attribution.caption,
        "--format", "png,json", "--out", tmp_path / "out",
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("warning")) == (0, 1), done.stderr
    assert "hedgehog" in done.stdout
    (written,) = (tmp_path / "out").glob("*.json")
    assert m2ib.Attribution.load(written) == attribution
    assert len(list((tmp_path / "out").glob("*.png"))) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["explain", "--help"],
        [],
        ["explian"],
        ["explain", "--image", "none.png", "--text", "a dog"],
        ["devices"],
        ["methods"],
    ],
)
def test_as_the_program_alone(console_script: Path, program: Path, arguments: list[str]) -> None:
    own, other = run(console_script, *arguments), run(program, *arguments)
    assert own.returncode == other.returncode
    assert own.stdout == other.stdout
    assert own.stderr == other.stderr


def test_a_module_is_the_program() -> None:
    done = subprocess.run([sys.executable, "-m", "m2ib", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"m2ib {m2ib.__version__}\n"


def test_the_licences_of_what_it_holds_come_with_it() -> None:
    held = metadata.files("m2ib") or []
    texts = {file.name: file.read_text() for file in held if "licenses" in file.parts}
    assert set(texts) == {"LICENSE", "THIRD-PARTY.txt"}
    for name in ("Noto Color Emoji", "SIL OPEN FONT LICENSE", "UBUNTU FONT LICENCE"):
        assert name in texts["THIRD-PARTY.txt"]


def test_ctrl_c_ends_it_as_it_ends_others(console_script: Path, tmp_path: Path, scene: m2ib.Scene) -> None:
    picture = tmp_path / "scene.png"
    picture.write_bytes(scene.png)
    command = [str(console_script), "explain", "--image", str(picture), "--text", "a dog"]
    command += ["--steps", "100000", "--out", str(tmp_path)]
    # What is started in the background may have been told to ignore Ctrl-C, and so are its children.
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    ) as child:
        time.sleep(2.0)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        pressed = time.monotonic()
        assert child.wait(10) == -signal.SIGINT
        assert time.monotonic() - pressed < 1.0
        assert child.stderr is not None and b"Traceback" not in child.stderr.read()


def test_a_reader_that_goes_is_no_error(console_script: Path) -> None:
    command = f"'{console_script}' methods | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
