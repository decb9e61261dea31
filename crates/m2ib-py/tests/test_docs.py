"""What the documents show is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs"
DOCS = FOLDER / "python.md"


def test_the_documents_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not DOCS.is_file():
        pytest.skip("the tests are somewhere else")
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(blocks) > 5
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert {file.name for file in tmp_path.iterdir()} == {"hedgehog.html", "hedgehog.json", "hedgehog.png"}


def test_the_page_on_segmentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = FOLDER / "segmentation.md"
    if not page.is_file():
        pytest.skip("the tests are somewhere else")
    first, *others = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(first, {})
    assert [file.name for file in tmp_path.iterdir()] == ["hedgehog.mask.png"]
    # What needs SAM or pycocotools is at least Python.
    for block in others:
        compile(block, "segmentation.md", "exec")


def test_python_in_every_page_is_python() -> None:
    pages = [FOLDER.parent / "README.md", *sorted(FOLDER.glob("*.md"))]
    if not DOCS.is_file():
        pytest.skip("the tests are somewhere else")
    blocks = [(page, block) for page in pages for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)]
    assert len(blocks) > 20
    for page, block in blocks:
        compile(block, str(page), "exec")
