"""How good is an explanation? Metrics on arrays, and metrics that ask the model.

Of where the object is:

>>> import m2ib
>>> from m2ib import metrics
>>> scene = m2ib.scenes()[6]
>>> explainer = m2ib.Explainer.emoji()
>>> attribution = explainer.attribute(scene.png, scene.objects[1].caption)
>>> metrics.pointing(attribution, scene.objects[1].mask)
1.0

Of what the model does when the picture is changed:

>>> metrics.deletion(explainer, scene.png, attribution.caption, attribution).area < 0.2
True

A map is an ``Attribution`` or an array [rows, columns] of any size, larger meaning more important; it is
enlarged to the mask or to the model's input. No metric gives NaN: where one has no value, it is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from . import _m2ib
from ._errors import MetricError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ._m2ib import Attribution, Explainer
    from ._pictures import ImageLike

    _Map: TypeAlias = Attribution | npt.ArrayLike
    _Mask: TypeAlias = npt.ArrayLike
    _Box: TypeAlias = tuple[float, float, float, float]

__all__ = [
    "Confidence",
    "Curve",
    "Road",
    "area",
    "best_dice",
    "best_iou",
    "confidence",
    "deletion",
    "dice",
    "dilated",
    "energy",
    "insertion",
    "iou",
    "mask_of_boxes",
    "pointing",
    "road",
    "spearman",
    "word_on_top",
]


class Curve(NamedTuple):
    """Scores along the way from an input to a changed one."""

    changed: Sequence[float]
    """The share of the input that was changed, from 0 to 1."""
    scores: Sequence[float]
    """The cosine similarity at each."""

    @property
    def area(self) -> float:
        """The area under the curve by trapezoids, −1 to 1; 0 for fewer than two points."""
        points = list(zip(self.changed, self.scores))
        pairs = zip(points, points[1:])
        return sum((x1 - x0) * (y0 + y1) / 2.0 for (x0, y0), (x1, y1) in pairs)


class Road(NamedTuple):
    """Scores without the most and without the least relevant pixels (Rong et al. 2022)."""

    percentiles: Sequence[float]
    """Pixels removed, in percent."""
    most_relevant_first: Sequence[float]
    least_relevant_first: Sequence[float]

    @property
    def combined(self) -> float:
        """Mean of (LeRF − MoRF) / 2, −1 to 1: higher is better."""
        count = len(self.percentiles)
        return (sum(self.least_relevant_first) - sum(self.most_relevant_first)) / (2.0 * count)


class Confidence(NamedTuple):
    """Scores of a pair, and of what an explanation leaves of it."""

    full: float
    masked: float

    @property
    def drop(self) -> float:
        """max(0, full − masked): lower is better."""
        return max(0.0, self.full - self.masked)

    @property
    def increase(self) -> bool:
        """Whether what is left fits better than the whole."""
        return self.masked > self.full

    @property
    def average_drop(self) -> float | None:
        """100 · drop / full; None unless the pair's similarity is above 0."""
        return 100.0 * self.drop / self.full if self.full > 0.0 else None


def pointing(map: _Map, mask: _Mask, *, tolerance: float = 0.0) -> float:
    """Whether the hottest pixel lies on the object (Zhang et al. 2018).

    Where several are equally hot, the share of them that does.

    Args:
        map: [rows, columns]
        mask: Where the object is, bool, [height, width] of the picture.
        tolerance: Pixels by which a miss is a hit; 15 in the paper, whose pictures are 300 to 500 wide.
    """
    if not tolerance >= 0.0:
        raise MetricError(f"tolerance is {tolerance}, expected 0 or more")
    return _localise("pointing", map, mask, tolerance)


def energy(map: _Map, mask: _Mask) -> float:
    """The share of the map, less its minimum, that lies on the object (Wang et al. 2020).

    Args:
        map: [rows, columns]
        mask: Where the object is, bool, [height, width] of the picture.
    """
    return _localise("energy", map, mask)


def iou(map: _Map, mask: _Mask, threshold: float = 0.5) -> float:
    """Intersection over union of the object with the pixels that reach a threshold.

    Args:
        map: [rows, columns]
        mask: Where the object is, bool, [height, width] of the picture.
        threshold: From 0, the map's minimum, to 1, its maximum.
    """
    return _localise("iou", map, mask, _share(threshold))


def best_iou(map: _Map, mask: _Mask) -> float:
    """The best intersection over union of all thresholds; at least the object's ``area``.

    Args:
        map: [rows, columns]
        mask: Where the object is, bool, [height, width] of the picture.
    """
    return _localise("best_iou", map, mask)


def dice(map: _Map, mask: _Mask, threshold: float = 0.5) -> float:
    """Dice coefficient, the F1 of the pixels: twice what the object and the pixels that reach a threshold
    share, over the sum of both.

    Of one picture it says what ``iou`` says, 2 · iou / (1 + iou).

    Args:
        map: [rows, columns]
        mask: Where the object is, bool, [height, width] of the picture.
        threshold: From 0, the map's minimum, to 1, its maximum.
    """
    return _localise("dice", map, mask, _share(threshold))


def best_dice(map: _Map, mask: _Mask) -> float:
    """The best Dice coefficient of all thresholds.

    Args:
        map: [rows, columns]
        mask: Where the object is, bool, [height, width] of the picture.
    """
    return _localise("best_dice", map, mask)


def area(mask: _Mask) -> float:
    """The object's share of the picture: what ``pointing`` and ``energy`` give by chance.

    Args:
        mask: bool, [height, width]
    """
    packed = _pack_mask(mask)
    rows, columns, _ = packed
    empty = (rows, columns, bytes(4 * rows * columns))
    return _m2ib.localise("area", empty, packed, 0.0)


def dilated(mask: _Mask, distance: float) -> npt.NDArray[np.bool_]:
    """The pixels whose centres lie at most so far from the centre of one of the mask's.

    Args:
        mask: bool, [height, width]
        distance: In pixels.

    Returns:
        bool, [height, width]
    """
    if not distance >= 0.0:
        raise MetricError(f"distance is {distance}, expected 0 or more")
    result: npt.NDArray[np.bool_] = _m2ib.dilated(_pack_mask(mask), distance).astype(bool)
    return result


def mask_of_boxes(boxes: Iterable[_Box], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """A mask of what lies in any of some boxes.

    Args:
        boxes: Left, top, right and bottom of each, in pixels; a pixel belongs to a box that holds its
            centre.
        size: Height and width of the picture.

    Returns:
        bool, [height, width]
    """
    import numpy as np

    height, width = size
    if height < 1 or width < 1:
        raise MetricError(f"size is {size}, expected a height and a width above 0")
    across, down = np.arange(width) + 0.5, np.arange(height) + 0.5
    mask = np.zeros((height, width), dtype=bool)
    for box in boxes:
        left, top, right, bottom = box
        if not (left < right and top < bottom):
            raise MetricError(f"the box {tuple(box)} is empty, expected left < right and top < bottom")
        inside = ((top <= down) & (down < bottom))[:, None] & ((left <= across) & (across < right))
        mask |= inside
    return mask


def spearman(a: _Map, b: _Map) -> float | None:
    """Rank correlation of two maps of one size, −1 to 1; None if either is constant.

    Args:
        a: [rows, columns], or any shape
        b: Of the same shape.
    """
    a, b = _numbers(_saliency(a), "a"), _numbers(_saliency(b), "b")
    if a.shape != b.shape:
        raise MetricError(f"a has shape {a.shape} and b has shape {b.shape}, expected one shape")
    return _m2ib.spearman(a.tobytes(), b.tobytes())


def word_on_top(attribution: Attribution, name: str) -> bool:
    """Whether the strongest word of the caption is one of the name's; a tie is none.

    Args:
        attribution: Of a caption that holds the name.
        name: As the caption spells it, of one or more words.
    """
    start = attribution.caption.find(name)
    if start < 0 or not name:
        raise MetricError(f'the caption "{attribution.caption}" does not hold "{name}"')
    end = start + len(name)
    best = {True: float("-inf"), False: float("-inf")}
    for word in attribution.words:
        inside = start <= word.span[0] and word.span[1] <= end
        best[inside] = max(best[inside], word.saliency)
    return best[True] > best[False]


def deletion(
    explainer: Explainer,
    image: ImageLike,
    text: str,
    map: _Map,
    *,
    side: Literal["image", "text"] = "image",
    steps: int = 50,
    fill: str | int = "mean",
    seed: int = 0,
) -> Curve:
    """Scores while the most important is taken away first (Petsiuk et al. 2018): lower is better.

    Args:
        explainer: Whose model is asked.
        image: The picture.
        text: The caption.
        map: An attribution; or, of an image, [rows, columns], and of a text, [tokens].
        side: Which side is changed. An image's pixels become the mean colour, a caption's tokens ``fill``.
        steps: From none to all of the pixels.
        fill: "mean" of the vocabulary, "pad", or a token's id.
        seed: Of the order of what is equally important.
    """
    return _curve(explainer, image, text, map, side, False, steps, fill, seed)


def insertion(
    explainer: Explainer,
    image: ImageLike,
    text: str,
    map: _Map,
    *,
    side: Literal["image", "text"] = "image",
    steps: int = 50,
    fill: str | int = "mean",
    seed: int = 0,
) -> Curve:
    """Scores while the most important comes first, from a blurred picture: higher is better.

    The arguments are those of ``deletion``.
    """
    return _curve(explainer, image, text, map, side, True, steps, fill, seed)


def road(
    explainer: Explainer,
    image: ImageLike,
    text: str,
    map: _Map,
    *,
    percentiles: Sequence[float] | None = None,
    noise: float = 0.01,
    seed: int = 0,
) -> Road:
    """Scores of pictures with pixels imputed by their neighbours (Rong et al. 2022).

    Args:
        explainer: Whose model is asked.
        image: The picture.
        text: The caption.
        map: An attribution, or [rows, columns].
        percentiles: Pixels removed, in percent; 10 to 90 unless given.
        noise: Deviation of the noise on imputed pixels.
        seed: Of the noise, and of the order of what is equally important.
    """
    shares = None if percentiles is None else [float(share) for share in percentiles]
    packed = _pack_map(_saliency(map), "map")
    return Road(*_m2ib.road(explainer, image, text, packed, shares, noise, seed))


def confidence(
    explainer: Explainer,
    image: ImageLike,
    text: str,
    map: _Map,
    *,
    side: Literal["image", "text"] = "image",
    fill: str | int = "mean",
) -> Confidence:
    """Scores of the pair and of what the map leaves of it: the picture times the map, or the words above
    the median.

    The arguments are those of ``deletion``.
    """
    packed = _pack_side(map, side)
    return Confidence(*_m2ib.confidence(explainer, image, text, side, packed, str(fill)))


def _curve(
    explainer: Explainer,
    image: ImageLike,
    text: str,
    map: _Map,
    side: str,
    inserts: bool,
    steps: int,
    fill: str | int,
    seed: int,
) -> Curve:
    packed = _pack_side(map, side)
    curve = _m2ib.curve(explainer, image, text, side, packed, inserts, steps, str(fill), seed)
    return Curve(*curve)


def _localise(name: str, map: _Map, mask: _Mask, parameter: float = 0.0) -> float:
    packed = _pack_mask(mask)
    height, width, _ = packed
    if isinstance(map, _m2ib.Attribution):
        if map.image.image_size != (height, width):
            raise MetricError(
                f"the mask has shape {(height, width)} and the picture that was explained "
                f"{map.image.image_size}, expected one size"
            )
        map = map.image.heat_map()
    heat = _pack_map(map, "map")
    if heat[:2] != (height, width):
        scaled = _m2ib.upsample(heat, height, width)
        heat = _pack_map(scaled, "map")
    return _m2ib.localise(name, heat, packed, parameter)


def _share(threshold: float) -> float:
    if not 0.0 <= threshold <= 1.0:
        raise MetricError(f"threshold is {threshold}, expected a number from 0 to 1")
    return threshold


def _saliency(map: _Map) -> npt.ArrayLike:
    return map.image.saliency if isinstance(map, _m2ib.Attribution) else map


def _numbers(values: Any, what: str) -> npt.NDArray[np.float32]:
    import numpy as np

    if hasattr(values, "detach"):
        values = values.detach().cpu()
    try:
        numbers = np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        kind = type(values).__name__
        raise MetricError(f"{what} is a {kind}, expected an array of numbers: {error}") from None
    if numbers.size == 0:
        raise MetricError(f"{what} has shape {numbers.shape}, expected at least one number")
    if not np.isfinite(numbers).all():
        raise MetricError(f"{what} holds NaN or an infinity, expected finite numbers only")
    return numbers


def _pack_map(values: Any, what: str) -> tuple[int, int, bytes]:
    numbers = _numbers(values, what)
    if numbers.ndim != 2:
        raise MetricError(f"{what} has shape {numbers.shape}, expected [rows, columns]")
    rows, columns = numbers.shape
    return rows, columns, numbers.tobytes()


def _pack_side(map: _Map, side: str) -> tuple[int, int, bytes]:
    if side == "image":
        return _pack_map(_saliency(map), "map")
    if side != "text":
        raise MetricError(f'side is "{side}", expected "image" or "text"')
    scores = map.text.saliency if isinstance(map, _m2ib.Attribution) else map
    numbers = _numbers(scores, "map")
    if numbers.ndim != 1:
        raise MetricError(f"map has shape {numbers.shape}, expected one number a token, [tokens]")
    return 1, len(numbers), numbers.tobytes()


def _pack_mask(mask: Any) -> tuple[int, int, bytes]:
    import numpy as np

    if hasattr(mask, "detach"):
        mask = mask.detach().cpu()
    array = np.asarray(mask)
    if array.ndim != 2 or array.size == 0:
        raise MetricError(f"mask has shape {array.shape}, expected [height, width]")
    if array.dtype != np.bool_:
        if not np.isin(array, (0, 1)).all():
            raise MetricError(
                f"mask holds {array.dtype} that are not all 0 or 1, expected bool; compare it with a level first"
            )
        array = array.astype(bool)
    rows, columns = array.shape
    return rows, columns, np.ascontiguousarray(array).tobytes()
