"""m2ib's compiled part; use ``m2ib`` itself."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, final, overload

import numpy as np
import numpy.typing as npt
from typing_extensions import Unpack

from ._asked import Contrast, Interactions, Spread
from ._pictures import ImageLike
from ._results import Device, Method, Notice, Region, Scene, Step, Token, Word
from ._settings import Settings

__all__ = [
    "__VERSION__",
    "Attribution",
    "Calibration",
    "EncodedImage",
    "EncodedText",
    "Explainer",
    "ImageAttribution",
    "Numbers",
    "Segments",
    "TextAttribution",
    "confidence",
    "curve",
    "devices",
    "dilated",
    "localise",
    "main",
    "methods",
    "read_image",
    "road",
    "scenes",
    "spearman",
    "upsample",
]

__VERSION__: Final[str]

_Path = str | os.PathLike[str]
_Precision = Literal["f32", "f16", "bf16"]
_ColorMap = Literal["turbo", "viridis", "inferno", "magma", "plasma", "gray"]
_Packed = tuple[int, int, bytes]
_Floats = npt.NDArray[np.float32]
_Pixels = npt.NDArray[np.uint8]

@final
class Explainer:
    """Explains image–caption pairs with one model and fixed settings.

    Make one by ``Explainer.emoji``, ``Explainer.from_folder`` or ``Explainer.from_pretrained``. It may be
    used by several threads at once; the GIL is released while it computes.
    """

    @staticmethod
    def emoji(
        *, device: str | None = None, precision: _Precision = "f32", input_size: int | None = None, **settings: Unpack[Settings]
    ) -> Explainer: ...
    @staticmethod
    def from_folder(
        folder: _Path,
        *,
        device: str | None = None,
        precision: _Precision = "f32",
        input_size: int | None = None,
        **settings: Unpack[Settings],
    ) -> Explainer: ...
    @staticmethod
    def from_pretrained(
        id_or_folder: _Path,
        *,
        device: str | None = None,
        precision: _Precision = "f32",
        input_size: int | None = None,
        **settings: Unpack[Settings],
    ) -> Explainer: ...
    def with_settings(self, **settings: Unpack[Settings]) -> Explainer: ...
    def attribute(
        self,
        image: ImageLike,
        text: str,
        *,
        method: str | None = None,
        keep_image: bool = True,
        baseline: Literal["none", "empty", "bank"] | None = None,
        kappa: float | None = None,
        seeds: int | None = None,
        interactions: str | None = None,
    ) -> Attribution: ...
    def attribute_against(
        self,
        image: ImageLike,
        text: str,
        instead_of: Iterable[str] | str,
        *,
        method: str | None = None,
        keep_image: bool = True,
        kappa: float | None = None,
        seeds: int | None = None,
    ) -> Attribution: ...
    def attribute_encoded(self, image: EncodedImage, text: EncodedText) -> Attribution: ...
    @overload
    def attribute_many(
        self,
        images: Iterable[ImageLike] | ImageLike,
        texts: Iterable[str] | str,
        *,
        method: str | None = None,
        return_exceptions: Literal[False] = False,
        keep_images: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> list[Attribution]: ...
    @overload
    def attribute_many(
        self,
        images: Iterable[ImageLike] | ImageLike,
        texts: Iterable[str] | str,
        *,
        method: str | None = None,
        return_exceptions: bool,
        keep_images: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> list[Attribution | Exception]: ...
    def encode_image(self, image: ImageLike, *, keep_image: bool = True) -> EncodedImage: ...
    def encode_text(self, text: str) -> EncodedText: ...
    def encode_texts(self, texts: Iterable[str]) -> list[EncodedText]: ...
    def restore_image(self, text: str) -> EncodedImage: ...
    def restore_text(self, text: str) -> EncodedText: ...
    def similarity(self, image: ImageLike | EncodedImage, text: str | EncodedText) -> float: ...
    def rank(self, image: ImageLike | EncodedImage, text: str | EncodedText) -> tuple[int, int] | None: ...
    def calibrate(self, images: Iterable[ImageLike], captions: Iterable[str]) -> Calibration: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    @property
    def provenance(self) -> dict[str, Any]: ...
    @property
    def model(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def threads(self) -> int | None: ...

@final
class EncodedImage:
    """An image that went through its tower once, to be explained against many captions."""

    @property
    def embedding(self) -> _Floats:
        """The projected embedding, not normalised: float32, [embedding]."""
    def to_json(self) -> str: ...

@final
class EncodedText:
    """A caption that went through its tower once, to be explained against many images."""

    @property
    def embedding(self) -> _Floats:
        """The projected embedding, not normalised: float32, [embedding]."""
    @property
    def text(self) -> str: ...
    @property
    def ids(self) -> list[int]: ...
    def to_json(self) -> str: ...

@final
class Attribution:
    """The explanation of one image–caption pair."""

    @property
    def image(self) -> ImageAttribution: ...
    @property
    def text(self) -> TextAttribution: ...
    @property
    def caption(self) -> str: ...
    @property
    def words(self) -> list[Word]: ...
    def top_words(self, count: int = 3) -> list[Word]: ...
    @property
    def similarity(self) -> float: ...
    @property
    def probability(self) -> float | None: ...
    @property
    def rank(self) -> tuple[int, int] | None: ...
    @property
    def warnings(self) -> list[Notice]: ...
    @property
    def contrast(self) -> Contrast | None: ...
    @property
    def spread(self) -> Spread | None: ...
    @property
    def interactions(self) -> Interactions | None: ...
    @property
    def provenance(self) -> dict[str, Any]: ...
    @property
    def method(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def to_json(self, *, pretty: bool = False) -> str: ...
    @staticmethod
    def from_json(text: str) -> Attribution: ...
    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Attribution: ...
    @staticmethod
    def load(path: _Path) -> Attribution: ...
    def save(
        self,
        path: _Path,
        *,
        image: ImageLike | None = None,
        opacity: float = 0.7,
        color_map: _ColorMap = "viridis",
        boxes: float | None = None,
    ) -> None: ...
    def overlay(
        self,
        image: ImageLike | None = None,
        *,
        opacity: float = 0.7,
        color_map: _ColorMap = "viridis",
        boxes: float | None = None,
        words: bool = False,
    ) -> _Pixels: ...
    def to_html(self, image: ImageLike | None = None) -> str: ...
    def _repr_html_(self) -> str: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class ImageAttribution:
    """Which patches of an image carried what the caption says."""

    @property
    def saliency(self) -> _Floats:
        """What each place of the grid carried, in ``unit``: float32, [rows, columns]."""
    @property
    def grid(self) -> tuple[int, int]: ...
    @property
    def shifts(self) -> int: ...
    @property
    def unit(self) -> str: ...
    @property
    def region(self) -> tuple[float, float, float, float]:
        """The part of the picture that the model saw, in its pixels: left, top, width, height."""
    @property
    def image_size(self) -> tuple[int, int]: ...
    @property
    def input_size(self) -> tuple[int, int]: ...
    @property
    def others(self) -> list[tuple[str, float]]: ...
    @property
    def others_share(self) -> float: ...
    @property
    def is_flat(self) -> bool: ...
    @property
    def scale(self) -> tuple[float, float] | None: ...
    @property
    def trace(self) -> list[Step]: ...
    def normalized(self) -> _Floats: ...
    def heat_map(self) -> _Floats: ...
    def input_heat_map(self) -> _Floats: ...
    def heat_picture(self, color_map: _ColorMap = "viridis") -> _Pixels: ...
    def segment(
        self,
        threshold: float | str = ...,
        *,
        regions: int | None = None,
        least_region: float = 0.01,
        points: int = 1,
        background_points: int = 0,
    ) -> Segments: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Segments:
    """A mask over a picture, cut into its connected regions."""

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """All regions: bool, [height, width] of the picture."""
    @property
    def regions(self) -> list[Region]: ...
    @property
    def background_points(self) -> list[tuple[int, int]]: ...
    @property
    def threshold(self) -> str: ...
    @property
    def level(self) -> float | None: ...
    @property
    def area(self) -> int: ...
    def coco(self, file_name: str, category: str | None = None) -> dict[str, Any]: ...
    def sam(self, file_name: str = "") -> dict[str, Any]: ...
    def save(self, path: _Path, *, file_name: str = "") -> None: ...

@final
class TextAttribution:
    """Which words of a caption carried what the image shows."""

    @property
    def caption(self) -> str: ...
    @property
    def saliency(self) -> _Floats:
        """What each token carried, in ``unit``, start and end included: float32, [tokens]."""
    @property
    def unit(self) -> str: ...
    @property
    def words(self) -> list[Word]: ...
    def top_words(self, count: int = 3) -> list[Word]: ...
    @property
    def tokens(self) -> list[Token]: ...
    @property
    def others(self) -> list[tuple[str, float]]: ...
    @property
    def left_out(self) -> str | None: ...
    @property
    def trace(self) -> list[Step]: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Calibration:
    """Mean and deviation of every feature at every layer of a model, for matched noise."""

    @staticmethod
    def load(path: _Path) -> Calibration: ...
    def save(self, path: _Path) -> None: ...
    @property
    def identity(self) -> str: ...
    @property
    def images(self) -> int: ...
    @property
    def captions(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Numbers:
    """Numbers on their way to becoming an array."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...

def read_image(image: ImageLike, /) -> _Pixels: ...
def devices() -> list[Device]: ...
def methods() -> list[Method]: ...
def scenes() -> list[Scene]: ...
def main(arguments: Sequence[str]) -> int: ...

# For m2ib.metrics.
def localise(name: str, map: _Packed, mask: _Packed, parameter: float) -> float: ...
def dilated(mask: _Packed, distance: float) -> _Pixels: ...
def spearman(a: bytes, b: bytes) -> float | None: ...
def upsample(map: _Packed, height: int, width: int) -> _Floats: ...
def curve(
    explainer: Explainer,
    image: ImageLike,
    text: str,
    side: str,
    map: _Packed,
    inserts: bool,
    steps: int,
    fill_with: str,
    seed: int,
) -> tuple[list[float], list[float]]: ...
def confidence(
    explainer: Explainer, image: ImageLike, text: str, side: str, map: _Packed, fill_with: str
) -> tuple[float, float]: ...
def road(
    explainer: Explainer,
    image: ImageLike,
    text: str,
    map: _Packed,
    percentiles: list[float] | None,
    noise: float,
    seed: int,
) -> tuple[list[float], list[float], list[float]]: ...
