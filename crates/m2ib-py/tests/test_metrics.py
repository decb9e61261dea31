"""Metrics, held against NumPy and against what has to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import m2ib
from m2ib import metrics


def test_of_a_mask_against_numpy() -> None:
    generator = np.random.default_rng(3)
    for _ in range(20):
        map = generator.normal(size=(20, 30)).astype(np.float32)
        mask = generator.random((20, 30)) < 0.3
        hottest = np.unravel_index(map.argmax(), map.shape)
        assert metrics.pointing(map, mask) == float(mask[hottest])
        above = map - map.min()
        assert metrics.energy(map, mask) == pytest.approx(above[mask].sum() / above.sum(), rel=1e-5)
        assert metrics.area(mask) == pytest.approx(mask.mean())
        scaled = above / above.max()

        def iou(level: float) -> float:
            hot = scaled >= level
            return float((hot & mask).sum() / (hot | mask).sum())

        assert metrics.iou(map, mask, 0.6) == pytest.approx(iou(0.6))
        assert metrics.best_iou(map, mask) == pytest.approx(max(iou(level) for level in scaled.ravel()))

        def dice(level: float) -> float:
            hot = scaled >= level
            return float(2 * (hot & mask).sum() / (hot.sum() + mask.sum()))

        assert metrics.dice(map, mask, 0.6) == pytest.approx(dice(0.6))
        assert metrics.best_dice(map, mask) == pytest.approx(max(dice(level) for level in scaled.ravel()))


def test_tolerance_and_dilation() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    map = np.zeros((9, 9), np.float32)
    map[4, 7] = 1.0
    assert [metrics.pointing(map, mask, tolerance=t) for t in (0, 2.9, 3.0)] == [0.0, 0.0, 1.0]
    rows, columns = np.mgrid[:9, :9]
    assert np.array_equal(metrics.dilated(mask, 2.5), np.hypot(rows - 4, columns - 4) <= 2.5)


def test_boxes_are_masks() -> None:
    mask = metrics.mask_of_boxes([(1, 2, 3, 4), (7.6, 0, 20, 1)], (5, 10))
    expected = np.zeros((5, 10), bool)
    expected[2:4, 1:3] = True
    expected[0, 8:] = True
    assert np.array_equal(mask, expected)
    with pytest.raises(m2ib.MetricError, match="is empty"):
        metrics.mask_of_boxes([(3, 0, 3, 1)], (5, 5))


def test_of_an_attribution(attribution: m2ib.Attribution, scene: m2ib.Scene) -> None:
    leaf, hedgehog = (thing.mask for thing in scene.objects)
    assert metrics.pointing(attribution, hedgehog) == 1.0
    assert metrics.energy(attribution, hedgehog) > 3 * metrics.energy(attribution, leaf)
    assert metrics.best_iou(attribution, hedgehog) >= metrics.iou(attribution, hedgehog)
    # What is enlarged here is what is enlarged there.
    heat = attribution.image.heat_map()
    assert metrics.energy(heat, hedgehog) == metrics.energy(attribution, hedgehog)
    grid = attribution.image.saliency
    assert metrics.energy(grid, hedgehog) == pytest.approx(metrics.energy(attribution, hedgehog), rel=1e-4)
    assert metrics.spearman(attribution, grid) == pytest.approx(1.0)
    assert metrics.spearman(grid, -grid) == pytest.approx(-1.0)
    assert metrics.spearman(grid, np.ones_like(grid)) is None
    assert metrics.word_on_top(attribution, "hedgehog")
    assert not metrics.word_on_top(attribution, "photo")


def test_what_the_model_does(
    explainer: m2ib.Explainer, attribution: m2ib.Attribution, scene: m2ib.Scene
) -> None:
    pair = (explainer, scene.png, attribution.caption)
    mask = scene.objects[1].mask.astype(float)
    deleted = metrics.deletion(*pair, attribution, steps=10)
    assert len(deleted.changed) == len(deleted.scores) == 11
    assert deleted.scores[0] == pytest.approx(attribution.similarity, abs=1e-5)
    assert deleted.area < metrics.deletion(*pair, -mask, steps=10).area
    scores, steps = np.array(deleted.scores), np.diff(deleted.changed)
    assert deleted.area == pytest.approx(float(((scores[1:] + scores[:-1]) / 2 * steps).sum()))
    inserted = metrics.insertion(*pair, attribution, steps=10)
    assert inserted.area > metrics.insertion(*pair, -mask, steps=10).area
    road = metrics.road(*pair, attribution, percentiles=[20, 50])
    assert road.percentiles == [20.0, 50.0]
    assert road.combined > 0 > metrics.road(*pair, -mask, percentiles=[20, 50]).combined
    left = metrics.confidence(*pair, attribution)
    assert left.full == pytest.approx(attribution.similarity, abs=1e-5)
    assert left.drop == max(0.0, left.full - left.masked)
    assert left.average_drop == pytest.approx(100 * left.drop / left.full)
    of_text = metrics.deletion(*pair, attribution, side="text")
    assert len(of_text.scores) == 6
    assert of_text.scores[1] < 0.7 * of_text.scores[0], "the noun goes first"
    assert metrics.insertion(*pair, attribution.text.saliency, side="text", fill=0).scores[0] < 0.3
    assert metrics.confidence(*pair, attribution, side="text").full == left.full


@pytest.mark.parametrize(
    ("map", "mask", "said"),
    [
        (np.ones((2, 2, 2)), np.ones((4, 4), bool), "map has shape (2, 2, 2)"),
        (np.full((2, 2), np.nan), np.ones((4, 4), bool), "NaN or an infinity"),
        ("map", np.ones((4, 4), bool), "expected an array of numbers"),
        (np.ones((2, 2)), np.ones(4, bool), "mask has shape (4,)"),
        (np.ones((2, 2)), np.full((4, 4), 7), "not all 0 or 1"),
        (np.ones((0, 2)), np.ones((4, 4), bool), "at least one number"),
    ],
)
def test_arrays_that_make_no_sense(map: Any, mask: Any, said: str) -> None:
    for metric in (metrics.pointing, metrics.energy, metrics.iou, metrics.best_iou, metrics.dice, metrics.best_dice):
        with pytest.raises(m2ib.MetricError) as caught:
            metric(map, mask)
        assert said in str(caught.value)


def test_arguments_that_make_no_sense(explainer: m2ib.Explainer, attribution: m2ib.Attribution, scene: m2ib.Scene) -> None:
    mask = scene.objects[1].mask
    with pytest.raises(m2ib.MetricError, match="expected one size"):
        metrics.pointing(attribution, np.ones((5, 5), bool))
    with pytest.raises(m2ib.MetricError, match="threshold is 2"):
        metrics.iou(attribution, mask, 2)
    with pytest.raises(m2ib.MetricError, match="threshold is nan"):
        metrics.dice(attribution, mask, float("nan"))
    with pytest.raises(m2ib.MetricError, match="tolerance is -1"):
        metrics.pointing(attribution, mask, tolerance=-1)
    with pytest.raises(m2ib.MetricError, match="expected one shape"):
        metrics.spearman([[1, 2]], [[1], [2]])
    with pytest.raises(m2ib.MetricError, match='does not hold "dog"'):
        metrics.word_on_top(attribution, "dog")
    with pytest.raises(m2ib.MetricError, match='side is "both"'):
        metrics.deletion(explainer, scene.png, "a dog", attribution, side="both")  # type: ignore[arg-type]
    with pytest.raises(m2ib.MetricError, match="steps is 0"):
        metrics.deletion(explainer, scene.png, "a dog", attribution, steps=0)
    with pytest.raises(m2ib.SettingsError, match='fill is "blank"'):
        metrics.deletion(explainer, scene.png, "a dog", attribution, fill="blank")
    with pytest.raises(m2ib.TextError):
        metrics.deletion(explainer, scene.png, "", attribution)
    with pytest.raises(m2ib.MetricError):
        metrics.deletion(explainer, scene.png, "a photo of a dog", [1.0], side="text")
