"""What scikit-image and pycocotools make of some maps: `python make.py > cases.json`.

An independent computation of what `tests/independent.rs` checks: Otsu's threshold by
skimage.filters.threshold_otsu, connected regions with their boxes by skimage.measure, the least level that
holds a share of the mass by sorting, and masks by pycocotools.mask.encode. Made with scikit-image 0.26.0,
pycocotools 2.0.11 and NumPy 2.4.
"""

import json
import sys

import numpy as np
from pycocotools import mask as coco
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label, regionprops

random = np.random.default_rng(20)


def bumps(height, width, count, sigma):
    """Some smooth bumps over faint noise, as levels 0 to 255 of which both ends occur."""
    field = np.zeros((height, width))
    for _ in range(count):
        field[random.integers(height), random.integers(width)] += random.uniform(0.4, 1)
    field = gaussian(field, sigma) + random.uniform(0, 0.002, (height, width))
    field -= field.min()
    return np.round(field / field.max() * 255).astype(np.uint8)


def runs(mask):
    found = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return found["counts"].decode()


def case(name, levels):
    otsu = int(threshold_otsu(levels))
    mask = levels > otsu
    regions = []
    for region in regionprops(label(mask, connectivity=2), intensity_image=levels / 255):
        top, left, bottom, right = (int(edge) for edge in region.bbox)
        regions.append(
            {
                "box": [left, top, right - left, bottom - top],
                "area": int(region.area),
                "heat": float(region.intensity_mean),
                "runs": runs(region_mask(region, levels.shape)),
            }
        )
    # The largest first, and of equally large ones the one that comes first row by row.
    regions.sort(key=lambda region: -region["area"])
    values = np.sort(levels.astype(np.float64).ravel())[::-1]
    mass = {}
    for share in (0.1, 0.5, 0.9):
        level = values[np.searchsorted(np.cumsum(values), values.sum() * share)]
        mass[str(share)] = runs(levels >= level)
    return {
        "name": name,
        "levels": levels.tolist(),
        "otsu": otsu,
        "mask": runs(mask),
        "area": int(coco.area(coco.encode(np.asfortranarray(mask.astype(np.uint8))))),
        "regions": regions,
        "mass": mass,
    }


def region_mask(region, shape):
    mask = np.zeros(shape, bool)
    mask[tuple(region.coords.T)] = True
    return mask


steps = np.zeros((9, 14), np.uint8)
steps[:, 4:9] = 90
steps[2:5, 9:] = 255
json.dump(
    [
        case("one bump", bumps(24, 31, 1, 4)),
        case("four bumps", bumps(40, 37, 4, 3)),
        case("many bumps", bumps(64, 96, 14, 4)),
        case("noise", random.integers(0, 256, (17, 23)).astype(np.uint8)),
        case("two levels", np.where(random.uniform(size=(12, 12)) > 0.7, 255, 0).astype(np.uint8)),
        case("steps", steps),
        case("tall", bumps(300, 3, 5, 2)),
    ],
    sys.stdout,
    separators=(",", ":"),
)
print()
