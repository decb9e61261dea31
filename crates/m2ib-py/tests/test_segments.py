"""Maps cut into masks, regions and prompts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import m2ib


def test_a_mask_is_the_heat_map_above_a_threshold(attribution: m2ib.Attribution, scene: m2ib.Scene) -> None:
    heat = attribution.image.heat_map()
    segments = attribution.image.segment(0.5, least_region=0.0)
    assert segments.mask.dtype == np.bool_
    np.testing.assert_array_equal(segments.mask, heat >= 0.5)
    assert (segments.threshold, segments.level) == ("0.5", 0.5)
    assert segments.area == segments.mask.sum() == sum(region.area for region in segments.regions)
    truth = scene.objects[1].mask
    dice = 2 * (segments.mask & truth).sum() / (segments.mask.sum() + truth.sum())
    assert dice > 0.6, "the hedgehog is outlined"


def test_regions_have_boxes_and_points_inside(attribution: m2ib.Attribution) -> None:
    segments = attribution.image.segment("otsu", regions=1, points=3, background_points=2)
    (region,) = segments.regions
    left, top, right, bottom = region.box
    rows, columns = np.nonzero(segments.mask)
    assert (left, top, right, bottom) == (columns.min(), rows.min(), columns.max(), rows.max())
    heat = attribution.image.heat_map()
    x, y = region.points[0]
    assert heat[y, x] == heat.max() and len(region.points) == 3
    assert all(segments.mask[y, x] for x, y in region.points)
    assert len(segments.background_points) == 2
    assert not any(segments.mask[y, x] for x, y in segments.background_points)
    assert region.heat == pytest.approx(heat[segments.mask].mean(), abs=1e-5)


# pycocotools' arrays know nothing of NumPy 2's keyword.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_other_tools_read_what_is_written(attribution: m2ib.Attribution, tmp_path: Path) -> None:
    segments = attribution.image.segment("mass:0.5", background_points=1)
    segments.save(tmp_path / "mask.png")
    picture = np.asarray(Image.open(tmp_path / "mask.png"))
    np.testing.assert_array_equal(picture, np.where(segments.mask, 255, 0))

    segments.save(tmp_path / "a.coco.json", file_name="scene6.png")
    coco = json.loads((tmp_path / "a.coco.json").read_text())
    assert coco == segments.coco("scene6.png")
    assert coco["images"] == [{"id": 1, "file_name": "scene6.png", "width": 96, "height": 96}]
    assert coco["categories"][0]["name"] == "a photo of a hedgehog"
    annotation = coco["annotations"][0]
    assert annotation["segmentation"] == segments.regions[0].rle
    tools = pytest.importorskip("pycocotools.mask")
    decoded = tools.decode(annotation["segmentation"])
    assert decoded.sum() == annotation["area"] == segments.regions[0].area
    union = np.any([tools.decode(region.rle) for region in segments.regions], axis=0)
    np.testing.assert_array_equal(union, segments.mask)

    segments.save(tmp_path / "a.sam.json", file_name="scene6.png")
    sam = json.loads((tmp_path / "a.sam.json").read_text())
    assert sam == [segments.sam("scene6.png")]
    assert sam[0]["prompts"][0]["box"] == list(segments.regions[0].box)
    assert sam[0]["prompts"][0]["point_labels"] == [1, 0]


def test_what_makes_no_sense_is_refused(attribution: m2ib.Attribution, tmp_path: Path) -> None:
    for arguments, words in [
        ({"threshold": 1.5}, "0 to 1"),
        ({"threshold": "half"}, "otsu"),
        ({"regions": 0}, "at least 1"),
        ({"points": 5000}, "at most 1000"),
    ]:
        with pytest.raises(m2ib.SettingsError, match=words):
            attribution.image.segment(**arguments)  # type: ignore[arg-type]
    with pytest.raises(m2ib.SettingsError, match=r"\.coco\.json"):
        attribution.image.segment().save(tmp_path / "mask.gif")
