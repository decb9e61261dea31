"""What the documents show is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs" / "python.md"


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
