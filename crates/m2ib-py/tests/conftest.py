"""What several tests use."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import m2ib


@pytest.fixture(scope="session")
def explainer() -> m2ib.Explainer:
    """With all defaults."""
    return m2ib.Explainer.emoji()


@pytest.fixture(scope="session")
def cheap(explainer: m2ib.Explainer) -> m2ib.Explainer:
    """As few passes as there can be."""
    return explainer.with_settings(preset="fast", steps=2, samples=2)


@pytest.fixture(scope="session")
def scene() -> m2ib.Scene:
    """A maple leaf and a hedgehog."""
    return m2ib.scenes()[6]


@pytest.fixture(scope="session")
def attribution(explainer: m2ib.Explainer, scene: m2ib.Scene) -> m2ib.Attribution:
    """Of the hedgehog."""
    return explainer.attribute(scene.png, "a photo of a hedgehog")


@pytest.fixture(scope="session")
def program() -> Path:
    """The program as cargo builds it, by M2IB_PROGRAM or in target/release."""
    built = Path(__file__).parents[3] / "target" / "release" / "m2ib"
    named = os.environ.get("M2IB_PROGRAM")
    program = Path(named) if named else built
    if not program.is_file():
        pytest.skip(f"{program} is not built")
    return program


@pytest.fixture(scope="session")
def console_script() -> Path:
    """The program that pip installed."""
    import sys

    beside = Path(sys.executable).with_name("m2ib")
    found = beside if beside.is_file() else shutil.which("m2ib")
    if found is None:
        pytest.skip("the package is not installed with its program")
    return Path(found)
