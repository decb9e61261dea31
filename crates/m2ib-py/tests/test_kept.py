"""Encodings that are kept, captions encoded together, and an explanation in a few lines."""

from __future__ import annotations

import json

import numpy as np
import pytest

import m2ib


@pytest.fixture(scope="module")
def quick() -> m2ib.Explainer:
    return m2ib.Explainer.emoji(steps=2, samples=1)


def test_an_encoding_that_was_kept_explains_as_the_one_that_was_made(quick: m2ib.Explainer) -> None:
    scene = m2ib.scenes()[0]
    image, text = quick.encode_image(scene.png), quick.encode_text("a photo of a piano")
    kept = quick.restore_image(image.to_json()), quick.restore_text(text.to_json())
    assert quick.attribute_encoded(*kept).to_dict() == quick.attribute_encoded(image, text).to_dict()
    assert kept[1].text == "a photo of a piano"
    other = m2ib.Explainer.emoji(preset="released")
    with pytest.raises(m2ib.EncodedError, match="expected"):
        other.restore_image(image.to_json())
    changed = json.loads(image.to_json())
    changed["embedding"] = []
    with pytest.raises(m2ib.EncodedError, match="changed, or cut off"):
        quick.restore_image(json.dumps(changed))
    with pytest.raises(m2ib.EncodedError, match="no encoding in JSON"):
        quick.restore_text("{}")


def test_captions_are_encoded_together_as_each_alone(quick: m2ib.Explainer) -> None:
    captions = ["a photo of a piano", "lock", "a photo of a money bag"]
    together = quick.encode_texts(captions)
    assert [text.text for text in together] == captions
    for text in together:
        assert np.allclose(text.embedding, quick.encode_text(text.text).embedding, atol=1e-5)
    with pytest.raises(m2ib.TextError, match=r"texts\[1\]"):
        quick.encode_texts(["lock", "  "])


def test_an_explanation_prints_in_a_few_lines_and_its_json_has_words_and_picture(quick: m2ib.Explainer) -> None:
    scenes = m2ib.scenes()
    attribution = quick.attribute(scenes[0].png, "a photo of a piano")
    first, words, where, *warnings = str(attribution).splitlines()
    assert first.startswith('"a photo of a piano", similarity ') and " captions" in first
    assert words.startswith("words: ") and where.startswith("map: ")
    assert any("toy" in line for line in warnings)
    written = json.loads(attribution.to_json())
    assert [word["text"] for word in written["text"]["words"]] == ["a", "photo", "of", "a", "piano"]
    other = quick.attribute(scenes[1].png, "a photo of a piano")
    digests = {written["provenance"]["picture"], other.provenance["picture"]}
    assert len(digests) == 2 and all(len(digest) == 32 for digest in digests)
    assert m2ib.Attribution.from_json(attribution.to_json()) == attribution


def test_a_photograph_gets_a_warning_of_its_own(quick: m2ib.Explainer) -> None:
    generator = np.random.default_rng(0)
    light = np.kron(generator.uniform(0.3, 1.0, (60, 80)), np.ones((2, 2)))[..., None]
    photo = (light * [200, 160, 110]).astype(np.uint8)
    kinds = {notice.kind for notice in quick.attribute(photo, "a photo of a piano").warnings}
    assert {"toy", "unlike"} <= kinds
    kinds = {notice.kind for notice in quick.attribute(m2ib.scenes()[0].png, "a photo of a piano").warnings}
    assert "toy" in kinds and "unlike" not in kinds
