"""Pictures of other libraries, taken apart into what the compiled part takes.

No library is imported that the caller has not imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, NoReturn, Protocol, TypeAlias, runtime_checkable

from ._errors import ImageError


@runtime_checkable
class ArrayLike(Protocol):
    """What NumPy can make an array of: its own, torch's, JAX's and others'."""

    def __array__(self) -> Any: ...


@runtime_checkable
class PillowImage(Protocol):
    """A picture of Pillow's."""

    @property
    def mode(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    def tobytes(self) -> bytes: ...


ImageLike: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | PillowImage | ArrayLike
"""What is taken as a picture:

- a path to a PNG, JPEG, WebP, GIF, BMP or TIFF file, decoded upright;
- the bytes of such a file;
- an image of Pillow's, its pixels as they are (``ImageOps.exif_transpose`` turns photographs upright);
- a NumPy array, [height, width], [height, width, 1], [height, width, 3] or [height, width, 4]: uint8 or
  uint16, or floats from 0 to 1;
- a torch tensor of the same types: [channels, height, width], as torchvision has it, or, where that
  cannot be meant, as NumPy's;
- whatever else NumPy makes an array of.
"""

_CHANNELS = (1, 2, 3, 4)
# As of files: what is larger is refused before its pixels are copied.
_MAX_PIXELS, _MAX_SIDE = 200_000_000, 100_000
# Pillow's modes that the compiled part has as they are, with their channels.
_MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}

Prepared: TypeAlias = tuple[str, str | bytes] | tuple[str, bytes, tuple[int, int], int, int]


def prepare(image: object) -> Prepared:
    """A path, a file's bytes, or pixels with their size, channels and bits."""
    if isinstance(image, str):
        if not image:
            _refuse("image is an empty path")
        return "path", image
    if isinstance(image, os.PathLike):
        return "path", os.fsdecode(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return "bytes", bytes(image)
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(image, pillow.Image):
        return _of_pillow(image)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(image, torch.Tensor):
        return _of_torch(image, torch)
    if hasattr(image, "__array__") or hasattr(image, "__array_interface__"):
        import numpy as np

        if isinstance(image, np.ma.MaskedArray):
            _refuse("image is a masked array, expected one without a mask; image.filled(0) has none")
        try:
            array = np.asarray(image)
        except Exception as error:
            raise ImageError(f"image is a {_name(image)} of which NumPy makes no array: {error}") from error
        return _of_array(array, "image", channels_first=False)
    hint = "; image.read() has the bytes of an open file" if hasattr(image, "read") else ""
    _refuse(
        f"image is a {_name(image)}, expected a path, the bytes of a file, "
        f"a Pillow image, a NumPy array or a torch tensor{hint}"
    )


def several(images: object) -> list[Any] | None:
    """The pictures of a list, an iterator, a batch or a column; None for a single picture."""
    if isinstance(images, (list, tuple)):
        return list(images)
    # An open file is an iterator too, of lines.
    if isinstance(images, Iterator) and not hasattr(images, "read"):
        return list(images)
    if hasattr(images, "__array__"):
        axes = getattr(images, "ndim", None)
        # Paths, bytes or pictures as objects, as pandas has them.
        is_column = axes == 1 and getattr(getattr(images, "dtype", None), "kind", "") in "OUT"
        if axes == 4 or is_column:
            return list(images)  # type: ignore[call-overload, no-any-return]
    return None


def _of_pillow(image: Any) -> Prepared:
    try:
        return _of_open_pillow(image)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"image is a Pillow image whose pixels cannot be read: {error}") from error


def _of_open_pillow(image: Any) -> Prepared:
    _check_size("image", *image.size)
    if image.mode in ("I", "F"):
        _refuse(
            f'image is a Pillow image of mode "{image.mode}", whose black and white nobody knows; '
            'spread its levels over 0 to 255 and convert it to "L" first'
        )
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N"):
        import numpy as np

        levels = np.asarray(image).astype(np.uint16)
        return _of_array(levels, "image", channels_first=False)
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode not in _MODES:
        hides = image.mode in ("PA", "La", "RGBa") or "transparency" in image.info
        image = image.convert("RGBA" if hides else "RGB")
    width, height = image.size
    return "pixels", image.tobytes(), (height, width), _MODES[image.mode], 8


def _check_size(what: str, width: int, height: int) -> None:
    if not width or not height:
        _refuse(f"{what} has {width} × {height} pixels, expected at least one")
    if width * height > _MAX_PIXELS or max(width, height) > _MAX_SIDE:
        _refuse(
            f"{what} has {width} × {height} pixels, expected at most {_MAX_PIXELS} and sides of at most {_MAX_SIDE}; "
            "scale it down first"
        )


def _of_torch(image: Any, torch: Any) -> Prepared:
    tensor = image.detach().cpu()
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()
    return _of_array(tensor.numpy(), "tensor", channels_first=True)


def _of_array(array: Any, what: str, *, channels_first: bool) -> Prepared:
    import numpy as np

    shape = tuple(array.shape)
    array = _with_channels_last(array, what, channels_first=channels_first)
    if 0 in shape:
        _refuse(f"{what} has shape {shape}, expected at least one pixel")
    _check_size(what, array.shape[1], array.shape[0])
    if np.issubdtype(array.dtype, np.floating):
        if np.isnan(array).any():
            _refuse(f"{what} holds NaN, expected floats from 0 to 1 or uint8")
        low, high = float(array.min()), float(array.max())
        if not (low >= 0.0 and high <= 1.0):
            _refuse(
                f"{what} holds {array.dtype} from {low:.4g} to {high:.4g}, expected floats from 0 to 1 "
                "or uint8; give the picture as it was before a model's normalisation"
            )
        array = np.round(array * 255.0).astype(np.uint8)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    if array.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        _refuse(f"{what} holds {array.dtype}, expected uint8, uint16 or floats from 0 to 1")
    height, width, channels = array.shape
    pixels = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return "pixels", pixels.tobytes(), (height, width), channels, 8 * array.dtype.itemsize


def _with_channels_last(array: Any, what: str, *, channels_first: bool) -> Any:
    shape = tuple(array.shape)
    if array.ndim == 2:
        return array[:, :, None]
    order = "[3, height, width]" if channels_first else "[height, width, 3]"
    expected = f"expected {order}, one, two or four channels, or [height, width]"
    if array.ndim != 3:
        several = "; give one picture at a time" if array.ndim == 4 else ""
        _refuse(f"{what} has shape {shape}, {expected}{several}")
    first, last = shape[0] in _CHANNELS, shape[2] in _CHANNELS
    if channels_first and first:
        return array.transpose(1, 2, 0)
    if last:
        return array
    if first:
        _refuse(f"{what} has shape {shape}, {expected}; {what}.transpose(1, 2, 0) has the channels last")
    _refuse(f"{what} has shape {shape}, {expected}")


def _name(image: object) -> str:
    kind = type(image)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _refuse(reason: str) -> NoReturn:
    raise ImageError(reason)
