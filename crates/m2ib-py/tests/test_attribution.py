"""What an attribution is, and what becomes of it."""

from __future__ import annotations

import copy
import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import m2ib


def test_what_it_says(attribution: m2ib.Attribution) -> None:
    image, text = attribution.image, attribution.text
    assert image.saliency.shape == image.grid == (16, 16)
    assert image.saliency.dtype == np.float32
    assert (image.shifts, image.unit, image.input_size, image.image_size) == (2, "share", (96, 96), (96, 96))
    assert image.region == (0.0, 0.0, 96.0, 96.0)
    assert 0.0 <= image.saliency.min() and image.saliency.max() <= 1.0
    assert not image.is_flat
    assert image.scale == (float(image.saliency.min()), float(image.saliency.max()))
    assert image.normalized().min() == 0.0 and image.normalized().max() == 1.0
    assert image.heat_map().shape == image.input_heat_map().shape == (96, 96)
    assert [step.withheld_fit is not None for step in image.trace] == [True] * len(image.trace)
    assert [role for role, _ in image.others] == ["class"]
    assert 0.0 <= image.others_share <= 1.0

    assert attribution.caption == text.caption == "a photo of a hedgehog"
    assert [word.text for word in attribution.words] == ["a", "photo", "of", "a", "hedgehog"]
    for word in attribution.words:
        start, end = word.span
        assert text.caption[start:end] == word.text
    assert max(attribution.words, key=lambda word: word.saliency).text == "hedgehog"
    assert attribution.words[-1].score == 1.0 and attribution.words[-1].unit == "nats"
    assert text.saliency.shape == (len(text.tokens),)
    assert [text.tokens[0].role, text.tokens[-1].role] == ["start", "end"]
    assert text.left_out is None

    assert attribution.method == "m2ib-fine"
    assert attribution.probability is None
    assert attribution.rank == (1, 221)
    assert [notice.kind for notice in attribution.warnings] == ["toy"]
    assert str(attribution.warnings[0]).startswith("this model is a toy")
    assert attribution.provenance["seed"] == 0
    assert repr(attribution).startswith('<m2ib.Attribution of "a photo of a hedgehog", similarity 0.')


def test_places_are_counted_in_characters(cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    with_umlauts = cheap.attribute(scene.png, "a photo of a hedgehog, a photo of a hedgehog" * 3)
    assert with_umlauts.text.left_out is not None
    for token in with_umlauts.text.tokens:
        start, end = token.span
        assert 0 <= start <= end <= len(with_umlauts.caption)


def test_arrays_are_the_callers(attribution: m2ib.Attribution) -> None:
    first = attribution.image.saliency
    before = first.copy()
    first[:] = 0.0
    assert np.array_equal(attribution.image.saliency, before)
    assert first.flags.writeable and first.flags.c_contiguous and first.flags.aligned
    view = attribution.image.heat_map()[10:20]
    assert np.isfinite(view).all()


def test_it_goes_there_and_back(attribution: m2ib.Attribution, cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    for back in (
        m2ib.Attribution.from_json(attribution.to_json()),
        m2ib.Attribution.from_json(attribution.to_json(pretty=True)),
        m2ib.Attribution.from_dict(attribution.to_dict()),
        pickle.loads(pickle.dumps(attribution)),
        copy.deepcopy(attribution),
    ):
        assert back == attribution
        assert np.array_equal(back.image.saliency, attribution.image.saliency)
        assert back.words == attribution.words
    other = cheap.attribute(scene.png, attribution.caption)
    assert other != attribution
    assert attribution != "something else"
    with pytest.raises(TypeError):
        hash(attribution)
    assert pickle.loads(pickle.dumps(attribution.words)) == attribution.words
    assert json.loads(attribution.to_json())["similarity"] == pytest.approx(attribution.similarity)


def test_what_holds_a_model_says_how_it_goes_to_other_processes(cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    for held, said in (
        (cheap, "make one in each process"),
        (cheap.encode_image(scene.png), "Explainer.restore_image"),
        (cheap.encode_text("a dog"), "Explainer.restore_text"),
    ):
        with pytest.raises(TypeError, match=said):
            pickle.dumps(held)


def test_what_is_no_attribution_is_refused(tmp_path: Path) -> None:
    for text in ("", "{}", "[1]", "nothing"):
        with pytest.raises(m2ib.SettingsError, match="is no attribution in JSON"):
            m2ib.Attribution.from_json(text)
    with pytest.raises(m2ib.SettingsError):
        m2ib.Attribution.from_dict({"image": 3})
    with pytest.raises(m2ib.FileError, match="none.json"):
        m2ib.Attribution.load(tmp_path / "none.json")


def test_files(tmp_path: Path, attribution: m2ib.Attribution) -> None:
    for ending in ("png", "html", "json", "npy", "npz"):
        attribution.save(tmp_path / f"hedgehog.{ending}")
    attribution.save(str(tmp_path / "again.PNG"), opacity=1.0, color_map="magma", boxes=0.5)

    with Image.open(tmp_path / "hedgehog.png") as picture:
        assert picture.width == 480
    page = (tmp_path / "hedgehog.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and page == attribution.to_html()
    assert m2ib.Attribution.load(tmp_path / "hedgehog.json") == attribution
    assert np.array_equal(np.load(tmp_path / "hedgehog.npy"), attribution.image.saliency)
    with np.load(tmp_path / "hedgehog.npz") as file:
        assert np.array_equal(file["saliency"], attribution.image.saliency)
        assert file["words"].tolist() == ["a", "photo", "of", "a", "hedgehog"]
        assert m2ib.Attribution.from_json(str(file["json"])) == attribution
    assert {file.name for file in tmp_path.iterdir()} == {
        "hedgehog.png",
        "hedgehog.html",
        "hedgehog.json",
        "hedgehog.npy",
        "hedgehog.npz",
        "again.PNG",
    }

    for name, said in [("hedgehog.gif", "expected .png"), ("hedgehog", "expected .png")]:
        with pytest.raises(m2ib.SettingsError, match=said):
            attribution.save(tmp_path / name)
    with pytest.raises(m2ib.FileError, match="cannot write"):
        attribution.save(tmp_path / "nowhere" / "hedgehog.json")


def test_the_picture_itself_is_never_written_over(tmp_path: Path, cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    picture = tmp_path / "scene.png"
    picture.write_bytes(scene.png)
    (tmp_path / "link.png").symlink_to(picture)
    attribution = cheap.attribute(picture, "a photo of a hedgehog")
    for name in ("scene.png", "link.png"):
        with pytest.raises(m2ib.FileError, match="is the picture that was explained"):
            attribution.save(tmp_path / name)
    assert picture.read_bytes() == scene.png


def test_drawings(attribution: m2ib.Attribution, scene: m2ib.Scene) -> None:
    drawn = attribution.overlay(opacity=0.6)
    assert drawn.shape == (96, 96, 3) and drawn.dtype == np.uint8
    assert np.array_equal(attribution.overlay(opacity=0.0), scene.image)
    assert attribution.overlay(words=True).shape[1] == 480
    assert Image.fromarray(drawn).size == (96, 96)
    again = pickle.loads(pickle.dumps(attribution))
    with pytest.raises(m2ib.ImageError, match="give it as image="):
        again.overlay()
    assert np.array_equal(again.overlay(scene.image, opacity=0.6), drawn)
    with pytest.raises(m2ib.ImageError, match="50 × 50 pixels"):
        attribution.overlay(np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(m2ib.SettingsError, match="opacity is 2, expected 0 to 1"):
        attribution.overlay(opacity=2.0)
    with pytest.raises(m2ib.SettingsError, match="color map"):
        attribution.overlay(color_map="jet")  # type: ignore[arg-type]


def test_a_notebook_shows_the_page(attribution: m2ib.Attribution) -> None:
    for shown in (attribution, pickle.loads(pickle.dumps(attribution))):
        frame = shown._repr_html_()
        assert frame.startswith("<iframe srcdoc=\"<!DOCTYPE html>")
        assert frame.count('"') == 8, "nothing ends the attribute early"
        assert "hedgehog" in frame


def test_large_pictures_are_small_in_a_notebook(cheap: m2ib.Explainer) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1500, 2000, 3), dtype=np.uint8)
    attribution = cheap.attribute(noise, "a photo of a hedgehog")
    assert len(attribution._repr_html_()) < 2 << 20
    assert attribution.overlay().shape == noise.shape
    file = io.BytesIO(attribution.to_html().encode())
    assert file.getbuffer().nbytes > 1 << 20
