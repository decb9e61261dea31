"""What more a pair is asked than where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import m2ib

HEDGEHOG = "a photo of a hedgehog"
LEAF = "a photo of a maple leaf"


def on_pixels(saliency: np.ndarray) -> np.ndarray:
    """A map over a scene's 96 by 96 pixels."""
    rows, columns = saliency.shape
    return np.kron(saliency, np.ones((96 // rows, 96 // columns)))


@pytest.fixture(scope="module")
def fast(explainer: m2ib.Explainer) -> m2ib.Explainer:
    return explainer.with_settings(preset="fast")


def test_a_contrast_has_both_ways(fast: m2ib.Explainer, scene: m2ib.Scene, tmp_path: Path) -> None:
    found = fast.attribute_against(scene.png, HEDGEHOG, LEAF)
    contrast = found.contrast
    assert contrast is not None
    assert [rival.caption for rival in contrast.rivals] == [LEAF]
    assert contrast.rivals[0].weight == 1.0 and contrast.against == "captions"
    assert contrast.difference == pytest.approx(found.similarity - contrast.rivals[0].similarity, abs=1e-5)
    assert contrast.map.shape == contrast.reverse.shape == found.image.saliency.shape
    forward = found.image.saliency - found.image.saliency.min()
    np.testing.assert_allclose(contrast.map, forward - (contrast.reverse - contrast.reverse.min()), atol=1e-4)
    masks = {thing.name: thing.mask for thing in scene.objects}
    signed = on_pixels(contrast.map)
    assert signed[masks["hedgehog"]].mean() > 0 > signed[masks["maple leaf"]].mean()
    words = [word.text for word in contrast.reverse_words]
    assert words == LEAF.split()
    for ending in ["png", "html", "json"]:
        found.save(tmp_path / f"contrast.{ending}")
    assert m2ib.Attribution.load(tmp_path / "contrast.json") == found
    plain = fast.attribute(scene.png, HEDGEHOG)
    assert plain.contrast is None and plain.spread is None and plain.interactions is None
    several = fast.attribute_against(scene.png, HEDGEHOG, [LEAF, "a photo of a koala"], kappa=0.5).contrast
    assert several is not None and len(several.rivals) == 2 and several.kappa == 0.5


def test_baselines_and_other_methods(fast: m2ib.Explainer, scene: m2ib.Scene) -> None:
    for method in [None, "grad-cam", "finer-cam"]:
        empty = fast.attribute(scene.png, HEDGEHOG, baseline="empty", method=method).contrast
        assert empty is not None and empty.rivals[0].caption == "" and list(empty.reverse_words) == []
        bank = fast.attribute(scene.png, HEDGEHOG, baseline="bank", method=method).contrast
        assert bank is not None and len(bank.rivals) == 3
        assert fast.attribute(scene.png, HEDGEHOG, baseline="none", method=method).contrast is None


def test_seeds_say_how_sure_it_is(fast: m2ib.Explainer, scene: m2ib.Scene) -> None:
    found = fast.attribute(scene.png, HEDGEHOG, seeds=3)
    spread = found.spread
    assert spread is not None and list(spread.seeds) == [0, 1, 2]
    alone = [fast.with_settings(seed=seed).attribute(scene.png, HEDGEHOG) for seed in range(3)]
    maps = np.stack([one.image.saliency for one in alone])
    np.testing.assert_allclose(found.image.saliency, maps.mean(0), atol=1e-3)
    np.testing.assert_allclose(spread.image.deviation, maps.std(0, ddof=1), atol=2e-3)
    assert 0.0 <= spread.image.support.min() and spread.image.support.max() == 1.0
    assert spread.text.strongest[-1] == 1.0
    assert len(spread.text.deviation) == len(found.words)


@pytest.mark.parametrize("by", ["bottleneck", "masks:images=200", "paths:steps=4"])
def test_words_go_with_patches(fast: m2ib.Explainer, scene: m2ib.Scene, by: str) -> None:
    found = fast.attribute(scene.png, "a hedgehog and a maple leaf", interactions=by).interactions
    assert found is not None and list(found.words) == "a hedgehog and a maple leaf".split()
    assert found.maps.shape[0] == 6 and found.method == by.split(":")[0]
    masks = {thing.name: thing.mask for thing in scene.objects}
    hedgehog = on_pixels(found.maps[1])
    assert hedgehog[masks["hedgehog"]].mean() > hedgehog[masks["maple leaf"]].mean()
    assert (found.alone is not None) == (found.method == "masks")


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"baseline": "nothing"}, "nothing"),
        ({"baseline": "empty", "kappa": 0.0}, "kappa"),
        ({"kappa": 2.0}, "kappa is 2"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": 1}, "seeds is 1"),
        ({"seeds": 10**6}, "seeds is 1000000"),
        ({"seeds": 3, "method": "saliency"}, "random"),
        ({"interactions": "guess"}, "guess"),
        ({"interactions": "masks:images=10"}, "raise"),
    ],
)
def test_what_makes_no_sense_is_said(
    cheap: m2ib.Explainer, scene: m2ib.Scene, keywords: dict[str, object], words: str
) -> None:
    with pytest.raises(m2ib.SettingsError, match=words):
        cheap.attribute(scene.png, HEDGEHOG, **keywords)  # type: ignore[arg-type]


def test_rivals_that_are_none_are_refused(cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    with pytest.raises(m2ib.SettingsError, match="same tokens"):
        cheap.attribute_against(scene.png, HEDGEHOG, HEDGEHOG.upper())
    with pytest.raises(m2ib.SettingsError, match="given twice"):
        cheap.attribute_against(scene.png, HEDGEHOG, [LEAF, LEAF])
    with pytest.raises(m2ib.SettingsError, match="1 to 64"):
        cheap.attribute_against(scene.png, HEDGEHOG, [])
    with pytest.raises(m2ib.SettingsError, match="instead_of"):
        cheap.attribute_against(scene.png, HEDGEHOG, 7)  # type: ignore[arg-type]
    with pytest.raises(m2ib.TextError):
        cheap.attribute_against(scene.png, HEDGEHOG, "")
