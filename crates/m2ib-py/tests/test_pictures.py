"""What is taken as a picture, and what is said of what is not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import m2ib


class FakeTensor:
    """As torch's, where it is not installed: whatever NumPy makes an array of is taken."""

    def __init__(self, values: Any, fails: bool = False) -> None:
        self.values = values
        self.fails = fails

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.fails:
            raise RuntimeError("on another device")
        return np.asarray(self.values, dtype=dtype)


def closed() -> Image.Image:
    """Of a file that was closed before its pixels were read."""
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    picture = Image.open(file)
    picture.close()
    return picture


def test_all_ways_are_one_picture(tmp_path: Path, scene: m2ib.Scene) -> None:
    file = tmp_path / "scene.png"
    file.write_bytes(scene.png)
    pixels = m2ib.read_image(file)
    assert pixels.shape == (96, 96, 3) and pixels.dtype == np.uint8
    with Image.open(file) as opened:
        pillow = opened.convert("RGB")
    assert np.array_equal(pixels, np.asarray(pillow))
    ways: list[m2ib.ImageLike] = [
        str(file),
        scene.png,
        bytearray(scene.png),
        memoryview(scene.png),
        pillow,
        pixels,
        pixels[::-1][::-1],
        np.asfortranarray(pixels),
        pixels.astype(np.float32) / 255,
        np.dstack([pixels, np.full((96, 96), 255, np.uint8)]),
        scene.image,
    ]
    for way in ways:
        assert np.array_equal(m2ib.read_image(way), pixels), type(way)


def test_explanations_are_the_same_from_all(cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    expected = cheap.attribute(scene.png, "a photo of a hedgehog")
    for way in (scene.image, Image.fromarray(scene.image)):
        assert cheap.attribute(way, "a photo of a hedgehog") == expected


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "CMYK", "RGBA", "YCbCr", "HSV", "I;16"])
def test_modes_of_pillow(mode: str, cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    picture = Image.fromarray(scene.image)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
        assert picture.mode == mode
        expected = np.asarray(Image.fromarray(scene.image).convert("L").convert("RGB"))
    else:
        picture = picture.convert(mode)
        expected = np.asarray(picture.convert("RGB"))
    assert np.array_equal(m2ib.read_image(picture), expected)
    assert cheap.attribute(picture, "a photo of a hedgehog").image.grid == (8, 8)


def test_what_is_transparent_is_told_of_however_it_comes(cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    pixels = np.dstack([scene.image, np.zeros((96, 96), np.uint8)])
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    for way in (pixels, Image.fromarray(pixels), file.getvalue()):
        notices = cheap.attribute(way, "a photo of a hedgehog").warnings
        assert "hidden_colours" in [notice.kind for notice in notices]


def test_grey_arrays(scene: m2ib.Scene) -> None:
    grey = scene.image[:, :, 1]
    expected = np.repeat(grey[:, :, None], 3, axis=2)
    deep = grey.astype(np.uint16) * 257
    for way in (grey, grey[:, :, None], deep, deep.astype(">u2")):
        assert np.array_equal(m2ib.read_image(way), expected)
    assert np.array_equal(m2ib.read_image(grey > 100)[:, :, 0], (grey > 100) * np.uint8(255))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (7, "image is a int, expected a path"),
        (None, "image is a NoneType"),
        ([[0]], "image is a list"),
        (io.BytesIO(b"GIF89a"), "image.read() has the bytes"),
        ("", "image is an empty path"),
        (np.ma.masked_array(np.zeros((5, 5), np.uint8), True), "image.filled(0)"),
        (np.zeros((0, 3, 3), np.uint8), "shape (0, 3, 3), expected at least one pixel"),
        (np.broadcast_to(np.uint8(7), (30_000, 30_000, 3)), "30000 × 30000 pixels, expected at most 200000000"),
        (np.broadcast_to(np.uint8(7), (1, 200_000, 3)), "200000 × 1 pixels"),
        (Image.new("1", (20_000, 10_001)), "20000 × 10001 pixels"),
        (np.zeros((5, 5, 7), np.uint8), "shape (5, 5, 7), expected [height, width, 3]"),
        (np.zeros((3, 50, 60), np.uint8), "image.transpose(1, 2, 0) has the channels last"),
        (np.zeros((2, 5, 5, 3), np.uint8), "give one picture at a time"),
        (np.zeros(5, np.uint8), "shape (5,)"),
        (np.zeros((5, 5, 3), np.int64), "holds int64, expected uint8"),
        (np.full((5, 5, 3), -1.5), "from -1.5 to -1.5, expected floats from 0 to 1"),
        (np.full((5, 5, 3), np.nan), "holds NaN"),
        (np.zeros((5, 5, 3), complex), "holds complex128"),
        (np.array([["a"]]), "holds <U1"),
        (b"", "is not an image that is read"),
        (b"GIF89a", "cannot be decoded"),
        (Image.new("F", (4, 4)), 'mode "F"'),
        (Image.new("I", (4, 4)), 'mode "I"'),
        (Image.new("RGB", (0, 4)), "0 × 4 pixels"),
        (closed(), "whose pixels cannot be read: Operation on closed image"),
        (FakeTensor(5j, fails=True), "of which NumPy makes no array: on another device"),
    ],
)
def test_what_is_none_is_refused_in_a_sentence(image: Any, said: str, cheap: m2ib.Explainer) -> None:
    with pytest.raises(m2ib.ImageError) as caught:
        cheap.attribute(image, "a photo of a hedgehog")
    message = str(caught.value)
    assert said in message
    assert "\n" not in message and "Traceback" not in message
    assert isinstance(caught.value, ValueError)


def test_files_that_are_not_there(tmp_path: Path, cheap: m2ib.Explainer) -> None:
    for path in (tmp_path / "none.png", str(tmp_path / "none.png"), tmp_path):
        with pytest.raises(m2ib.FileError, match=str(tmp_path)) as caught:
            cheap.attribute(path, "a dog")
        assert isinstance(caught.value, OSError)


def test_tensors_of_torch(scene: m2ib.Scene) -> None:
    torch = pytest.importorskip("torch")
    pixels = torch.from_numpy(scene.image)
    first = pixels.permute(2, 0, 1)
    ways = [pixels, first, first.contiguous(), first / 255, (first / 255).half(), first.clone().float().div(255).requires_grad_()]
    for way in ways:
        assert np.abs(m2ib.read_image(way).astype(int) - scene.image).max() <= 1
    assert np.array_equal(m2ib.read_image(first), scene.image)
    with pytest.raises(m2ib.ImageError, match=r"tensor has shape \(5, 3, 9, 9\)"):
        m2ib.read_image(torch.zeros(5, 3, 9, 9))
    with pytest.raises(m2ib.ImageError, match="before a model's normalisation"):
        m2ib.read_image(torch.randn(3, 9, 9))


def test_whatever_becomes_an_array(scene: m2ib.Scene) -> None:
    assert np.array_equal(m2ib.read_image(FakeTensor(scene.image)), scene.image)


def test_adjustments_are_the_programs(cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    see_through = np.dstack([scene.image, np.where(scene.objects[1].mask, 255, 0).astype(np.uint8)])
    laid = np.where(scene.objects[1].mask[:, :, None], scene.image, 255).astype(np.uint8)
    on_white = cheap.with_settings(background="white").attribute(see_through, "a photo of a hedgehog")
    assert np.array_equal(on_white.image.saliency, cheap.attribute(laid, "a photo of a hedgehog").image.saliency)
    assert "hidden_colours" not in [notice.kind for notice in on_white.warnings]
    assert on_white.provenance["adjustment"]["background"] == [255, 255, 255]
    assert np.array_equal(on_white.overlay(opacity=0.0), laid)
    dark = scene.image[:, :, 0].astype(np.uint16) * 16
    windowed = cheap.with_settings(window="0-4080").attribute(dark, "a photo of a hedgehog")
    grey = cheap.attribute(scene.image[:, :, 0], "a photo of a hedgehog")
    np.testing.assert_allclose(windowed.image.saliency, grey.image.saliency, rtol=0.2, atol=0.2)
    with pytest.raises(m2ib.SettingsError, match="sky"):
        cheap.with_settings(background="sky")
