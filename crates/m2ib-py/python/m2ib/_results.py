"""Plain results, made by the compiled part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from ._m2ib import Attribution


class Word(NamedTuple):
    """A word of a caption."""

    text: str
    saliency: float
    """What it carried, in ``unit``."""
    unit: str
    """"nats", "share", "cosine" or "arbitrary"."""
    score: float
    """Its saliency as a share of the strongest word's, 0 to 1."""
    span: tuple[int, int]
    """Its place in the caption, so that ``caption[start:end]`` is it."""


class Token(NamedTuple):
    """A token of a caption."""

    text: str
    """As the vocabulary has it."""
    id: int
    role: str
    """"piece", "start", "end", "class" or "padding"."""
    word: int | None
    """The word that it is a piece of, counted from 0."""
    saliency: float
    unit: str
    score: float
    """Its saliency as a share of the strongest piece's, 0 to 1; 0 for what is no piece."""
    span: tuple[int, int]


class Step(NamedTuple):
    """One evaluation of a bottleneck's objective."""

    compression: float
    """What passes, in nats, averaged over units."""
    fit: float
    """How well what passes fits the other side."""
    withheld_fit: float | None
    """How well what is withheld fits, where that is looked at."""
    total: float


class Notice(NamedTuple):
    """Something that a reader should know before trusting an attribution."""

    kind: str
    """A name for programs, as in "chance_similarity"."""
    message: str
    """A sentence for people."""
    details: Mapping[str, Any]
    """The numbers in it."""

    def __str__(self) -> str:
        return self.message


class Device(NamedTuple):
    """What can compute here."""

    name: str
    """As ``device=`` takes it."""
    description: str
    precisions: Sequence[str]
    """As ``precision=`` takes them."""


class MethodSetting(NamedTuple):
    """A setting of a method."""

    name: str
    takes: str
    default: str


class Method(NamedTuple):
    """A method that ``method=`` takes."""

    name: str
    description: str
    settings: Sequence[MethodSetting]
    is_control: bool
    """Whether its map knows nothing of the pair."""
    needs_calibration: bool


class SceneObject(NamedTuple):
    """A named object of a scene."""

    name: str
    caption: str
    """A caption that names it alone."""
    mask_png: bytes

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Where it is visible: bool, [height, width]."""
        from ._m2ib import read_image

        mask: npt.NDArray[np.bool_] = read_image(self.mask_png)[:, :, 0] > 0
        return mask


class Region(NamedTuple):
    """A connected region of a mask."""

    box: tuple[int, int, int, int]
    """Its first column and row, and its last ones."""
    area: int
    """Its pixels."""
    heat: float
    """Its mean heat, 0 to 1."""
    points: Sequence[tuple[int, int]]
    """Points inside, column and row: first its hottest pixel."""
    rle: Mapping[str, Any]
    """Its mask as pycocotools decodes it: ``size`` and ``counts``."""


class Scene(NamedTuple):
    """A picture of several emoji, of which two are named by a caption each."""

    name: str
    png: bytes
    objects: Sequence[SceneObject]

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """Its pixels: uint8, [height, width, 3]."""
        from ._m2ib import read_image

        return read_image(self.png)


def restore(json: str) -> Attribution:
    """What pickle calls."""
    from ._m2ib import Attribution

    return Attribution.from_json(json)
