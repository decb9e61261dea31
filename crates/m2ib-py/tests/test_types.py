"""Types as checkers see them, held against what is there."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import m2ib
from m2ib import _m2ib, metrics

PACKAGE = Path(__file__).parents[1]

GOOD = """
import numpy as np
import numpy.typing as npt
import m2ib
from m2ib import metrics

explainer = m2ib.Explainer.emoji(preset="fast", beta=(0.1, 10), image={"layer": 1}, threads=2)
ranked: m2ib.Explainer = explainer.with_settings(bank=["a cat", "a dog"], noise="matched")
place: tuple[int, int] | None = ranked.rank("dog.jpg", "a dog")
large = m2ib.Explainer.from_folder("clip", input_size=448)
attribution: m2ib.Attribution = explainer.attribute("dog.jpg", "a dog", method="grad-cam")
map: npt.NDArray[np.float32] = attribution.image.saliency
strongest: m2ib.Word = max(attribution.words, key=lambda word: word.saliency)
both: list[m2ib.Attribution] = explainer.attribute_many(["dog.jpg", b""], "a dog")
some: list[m2ib.Attribution | Exception] = explainer.attribute_many([], [], return_exceptions=True)
area: float = metrics.deletion(explainer, np.zeros((9, 9, 3), np.uint8), "a dog", attribution).area
"""

BAD = [
    'explainer.attribute("dog.jpg")',
    'explainer.attribute(7, "a dog")',
    "m2ib.Explainer.emoji(bta=1)",
    'm2ib.Explainer.emoji(preset="best")',
    'm2ib.Explainer.emoji(image={"layr": 1})',
    "attribution.saliency",
    "attribution.words[0].share",
    'metrics.iou(map, map, "half")',
    "metrics.dice(map)",
    'm2ib.Explainer.emoji(noise="white")',
    'm2ib.Explainer.emoji(input_size="large")',
]


def check(command: list[str | Path]) -> tuple[int, str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def with_each_mistake(tmp_path: Path) -> tuple[Path, Path]:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(GOOD)
    bad.write_text(GOOD + "\n".join(BAD) + "\n")
    return good, bad


def assert_all_found(report: str) -> None:
    first = len(GOOD.splitlines()) + 1
    for line, mistake in enumerate(BAD, first):
        found = [part for part in report.splitlines() if f"bad.py:{line}:" in part and "error" in part]
        assert found, (mistake, report)


def test_mypy(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    mypy: list[str | Path] = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache"]
    good, bad = with_each_mistake(tmp_path)
    code, report = check([*mypy, good])
    assert code == 0, report
    code, report = check([*mypy, bad])
    assert code == 1
    assert_all_found(report)


def test_the_package_and_its_tests_by_mypy(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    config = PACKAGE / "pyproject.toml"
    if not config.is_file():
        pytest.skip("the tests are somewhere else")
    code, report = check(
        [sys.executable, "-m", "mypy", "--config-file", config, "--cache-dir", tmp_path, PACKAGE / "python", PACKAGE / "tests"]
    )
    assert code == 0, report


def test_stubs_say_what_is_there(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    # Which it takes for functions.
    allowed = tmp_path / "allowed"
    allowed.write_text(r"m2ib\._settings\.(Preset|Quantity|Sampling)" + "\n")
    options: list[str | Path] = ["--allowlist", allowed, "--ignore-unused-allowlist", "--ignore-disjoint-bases"]
    code, report = check([sys.executable, "-m", "mypy.stubtest", "m2ib", *options])
    assert code == 0, report


def test_pyright(tmp_path: Path) -> None:
    pyright = shutil.which("pyright", path=str(Path(sys.executable).parent)) or shutil.which("pyright")
    if pyright is None:
        pytest.skip("pyright is not installed")
    good, bad = with_each_mistake(tmp_path)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "reportUnusedExpression": false}')
    command: list[str | Path] = [pyright, "--project", tmp_path, "--pythonpath", sys.executable]
    code, report = check([*command, good])
    if "rror" in report and "0 errors" not in report and "good.py" not in report:
        pytest.skip(f"pyright does not run here: {report[-200:]}")
    assert "good.py:" not in report and "0 errors" in report, report
    code, report = check([*command, bad])
    assert_all_found(report)


def test_everything_public_is_documented() -> None:
    undocumented = []
    for module in (m2ib, metrics):
        for name in module.__all__:
            thing = getattr(module, name)
            if name in ("ImageLike", "__version__"):
                continue
            if not inspect.getdoc(thing):
                undocumented.append(name)
            if inspect.isclass(thing) and thing.__module__ == "m2ib" and not issubclass(thing, Exception):
                members = [member for member in vars(thing) if not member.startswith("_")]
                undocumented += [f"{name}.{member}" for member in members if not inspect.getdoc(getattr(thing, member))]
    assert undocumented == []
    assert set(dir(_m2ib)) >= {"Explainer", "Attribution"}


def test_examples_in_the_docs_run() -> None:
    import doctest

    for module in (m2ib, metrics):
        assert doctest.testmod(module).failed == 0
