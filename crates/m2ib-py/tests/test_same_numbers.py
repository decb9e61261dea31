"""The numbers are Rust's, to the bit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import m2ib


@pytest.mark.parametrize(
    ("arguments", "settings", "method"),
    [
        ([], {}, None),
        (["--preset", "released", "--seed", "7"], {"preset": "released", "seed": 7}, None),
        (
            ["--preset", "fast", "--beta", "0.1..10", "--gates", "8", "--image-layer", "1", "--steps", "4"],
            {"preset": "fast", "beta": (0.1, 10), "gates": 8, "image_layer": 1, "steps": 4},
            None,
        ),
        (["--preset", "matched", "--steps", "3", "--calibration", "none"], {"preset": "matched", "steps": 3, "calibration": None}, None),
        (["--method", "grad-eclip"], {}, "grad-eclip"),
        (["--method", "kernel-shap:samples=60:seed=3"], {}, "kernel-shap:samples=60:seed=3"),
    ],
)
def test_as_the_program(
    program: Path,
    tmp_path: Path,
    explainer: m2ib.Explainer,
    scene: m2ib.Scene,
    arguments: list[str],
    settings: m2ib.Settings,
    method: str | None,
) -> None:
    picture = tmp_path / "scene6.png"
    picture.write_bytes(scene.png)
    text = "a photo of a hedgehog"
    command = [program, "explain", "--image", picture, "--text", text, "--format", "json", "--out", tmp_path]
    subprocess.run([*map(str, command), *arguments], check=True, capture_output=True)
    (written,) = tmp_path.glob("*.json")

    found = explainer.with_settings(**settings).attribute(picture, text, method=method)
    program_says = json.loads(written.read_text())
    # Of many explanations, whoever reads them wants to know which is of what.
    assert program_says.pop("file") == str(picture)
    assert json.loads(found.to_json()) == program_says
    assert found == m2ib.Attribution.load(written)


def test_the_parts_give_what_the_whole_gives(
    explainer: m2ib.Explainer, scene: m2ib.Scene, attribution: m2ib.Attribution
) -> None:
    image, text = explainer.encode_image(scene.png), explainer.encode_text(attribution.caption)
    assert explainer.attribute_encoded(image, text) == attribution
    assert explainer.similarity(image, text) == attribution.similarity
    assert explainer.similarity(scene.image, attribution.caption) == attribution.similarity
    a, b = image.embedding, text.embedding
    cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert cosine == pytest.approx(attribution.similarity, abs=1e-6)


def test_many_give_what_each_gives(cheap: m2ib.Explainer) -> None:
    scenes = m2ib.scenes()
    images = [scene.png for scene in scenes for _ in scene.objects]
    texts = [thing.caption for scene in scenes for thing in scene.objects]
    told: list[tuple[int, int]] = []
    found = cheap.attribute_many(images, texts, progress=lambda done, of: told.append((done, of)))
    assert len(found) == len(texts)
    for attribution, image, text in zip(found, images, texts):
        alone = cheap.attribute(image, text)
        assert attribution.caption == text
        assert attribution.similarity == pytest.approx(alone.similarity, abs=1e-6)
        np.testing.assert_allclose(attribution.image.saliency, alone.image.saliency, rtol=1e-3, atol=1e-3)
    assert told[-1] == (len(texts), len(texts))
    assert [done for done, _ in told] == sorted(done for done, _ in told)

    one_image = cheap.attribute_many(images[0], texts[:3])
    assert [attribution.caption for attribution in one_image] == texts[:3]
    one_text = cheap.attribute_many(images[:3], texts[0], keep_images=True)
    assert [attribution.overlay().shape for attribution in one_text] == [(96, 96, 3)] * 3
    assert cheap.attribute_many([], []) == []
    ways: list[tuple[Any, Any]] = [
        ((image for image in images), (text for text in texts)),
        (iter(images), np.array(texts)),
        (np.array(images, dtype=object), tuple(texts)),
        (np.stack([m2ib.read_image(image) for image in images]), texts),
    ]
    for of_images, of_texts in ways:
        for attribution, same in zip(cheap.attribute_many(of_images, of_texts), found, strict=True):
            assert attribution.caption == same.caption
            assert attribution.similarity == pytest.approx(same.similarity, abs=1e-6), type(of_images)


def test_many_by_another_method(cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    texts = [thing.caption for thing in scene.objects]
    found = cheap.attribute_many(scene.png, texts, method="grad-cam")
    for attribution, text in zip(found, texts):
        assert attribution.method == "grad-cam"
        alone = cheap.attribute(scene.png, text, method="grad-cam")
        np.testing.assert_allclose(attribution.image.saliency, alone.image.saliency, rtol=1e-4, atol=1e-6)
