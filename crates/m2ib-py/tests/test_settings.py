"""Settings, models and what is said of those that make no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import m2ib


def test_settings_reach_the_method(explainer: m2ib.Explainer) -> None:
    own = explainer.with_settings(
        preset="matched",
        beta=0.5,
        steps=7,
        image={"beta": "0.1..10", "layer": 1, "shifts": 1},
        text={"layer": "embedding", "samples": 3},
        gates="token",
        gamma=0,
        start=2,
        quantity="mean-share",
        sampling="independent",
        learning_rate=0.5,
        seed=11,
    )
    settings = own.settings
    assert settings["preset"] == "matched"
    image, text = settings["image"], settings["text"]
    assert image["beta"] == "0.1..10" and text["beta"] == 0.5
    assert image["layer"] == "block.1" and text["layer"] == "embedding"
    assert image["steps"] == text["steps"] == 7
    assert text["samples"] == 3
    assert image["gates"] == "token"
    assert image["sampling"] == "independent"
    assert own.provenance["seed"] == 11
    # What is not given stays.
    again = own.with_settings(steps=9)
    assert again.settings["image"]["beta"] == "0.1..10"
    assert again.settings["image"]["steps"] == 9
    assert again.provenance["seed"] == 11
    noisy = explainer.with_settings(sigma=0.5).settings["text"]["noise"]
    assert noisy == {"isotropic": {"sigma": 0.5}}
    matched = explainer.with_settings(sigma=0.5).with_settings(noise="matched", text={"sigma": 2})
    assert matched.settings["image"]["noise"] == "matched"
    assert matched.settings["text"]["noise"] == {"isotropic": {"sigma": 2.0}}
    quarter: Any = np.float32(0.25)
    assert explainer.with_settings(beta=quarter).settings["image"]["beta"] == 0.25


def test_settings_of_a_file(tmp_path: Path, explainer: m2ib.Explainer) -> None:
    file = tmp_path / "chosen.toml"
    file.write_text('preset = "fast"\n[image]\nbeta = 0.3\n')
    chosen = explainer.with_settings(config=file)
    assert chosen.settings["preset"] == "fast"
    assert chosen.settings["image"]["beta"] == 0.3
    changed = explainer.with_settings(config=file, preset="released", beta=0.7)
    assert changed.settings["preset"] == "released"
    assert changed.settings["image"]["beta"] == 0.7


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bta": 1}, 'no setting "bta", expected one of preset'),
        ({"preset": "best"}, '"best" is no preset'),
        ({"steps": 1.5}, "steps is 1.5, expected a whole number above 0"),
        ({"steps": "many"}, "steps is 'many', expected a whole number above 0"),
        ({"steps": 0}, "steps is 0"),
        ({"seed": -1}, "seed is -1, expected a whole number from 0"),
        ({"threads": 0}, "threads is 0, expected a whole number above 0"),
        ({"beta": float("nan")}, "NaN"),
        ({"beta": -1.0}, "beta is -1"),
        ({"beta": [1]}, '"[1]" is no β'),
        ({"gamma": True}, "gamma is True, expected a number"),
        ({"gates": 7}, "gates is 7"),
        ({"image_layer": 99}, "image layer block.99 is out of range"),
        ({"image": 3}, "image is 3, expected a dictionary of settings"),
        ({"image": {"seed": 3}}, 'no setting "image.seed", expected one of layer'),
        ({"text": {"steps": "x"}}, "text.steps"),
        ({"text": {"shifts": 2}}, "the text has 2 shifts"),
        ({"shifts": 40}, "shifts"),
        ({"calibration": 3}, "calibration is 3, expected a path"),
        ({"config": 3}, "config is 3, expected a path"),
        ({"quantity": "bits"}, '"bits" is no quantity'),
        ({"preset": "released", "sigma": 0}, "sigma is 0"),
        ({"noise": "white"}, "noise is 'white', expected \"matched\"; sigma sets isotropic noise"),
        ({"sigma": 1, "noise": "matched"}, 'expected "sigma" or "noise" alone'),
        ({"bank": []}, "bank has 0 captions, expected 1 to 100000"),
        ({"bank": 7}, "bank is 7, expected a list of captions, or a file with one a line"),
        ({"bank": ["a dog", 7]}, "expected a list of captions"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    settings: dict[str, Any], said: str, explainer: m2ib.Explainer
) -> None:
    with pytest.raises(m2ib.SettingsError) as caught:
        explainer.with_settings(**settings)
    assert said in str(caught.value)
    assert isinstance(caught.value, (m2ib.Error, ValueError))


def test_captions(cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    for text in ("", "   "):
        with pytest.raises(m2ib.TextError, match="the caption is empty"):
            cheap.attribute(scene.png, text)
    for none in (7, None, ["a dog"], b"a dog"):
        with pytest.raises(m2ib.TextError, match="expected a caption as a str"):
            cheap.attribute(scene.png, none)  # type: ignore[arg-type]
    with pytest.raises(m2ib.TextError, match="UTF-8"):
        cheap.attribute(scene.png, "\ud800")
    with pytest.raises(m2ib.TextError, match=r"texts\[1\] is 7, expected a caption as a str"):
        cheap.encode_texts(["a dog", 7])  # type: ignore[list-item]
    others: list[Any] = ["a dog", 7, {"a dog"}]
    for other in others:
        with pytest.raises(m2ib.TextError, match="expected a list of captions, each a str"):
            cheap.encode_texts(other)
    with pytest.raises(m2ib.TextError, match=r"captions\[0\] is None"):
        cheap.calibrate([scene.png] * 2, [None, "a dog"])  # type: ignore[list-item]


def test_counts(attribution: m2ib.Attribution, cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    with pytest.raises(m2ib.SettingsError, match="count is -1, expected a whole number from 0"):
        attribution.top_words(-1)
    with pytest.raises(m2ib.SettingsError, match="seeds is -1"):
        cheap.attribute(scene.png, "a dog", seeds=-1)
    with pytest.raises(m2ib.SettingsError, match="points is -2"):
        attribution.image.segment(points=-2)
    with pytest.raises(m2ib.SettingsError, match="threshold is None, expected a number from 0 to 1"):
        attribution.image.segment(None)  # type: ignore[arg-type]
    # One that was taken from the machine would leave it no threads for anything else.
    with pytest.raises(m2ib.DeviceError, match="100000 threads could not be started"):
        m2ib.Explainer.emoji(threads=100_000)
    assert m2ib.Explainer.emoji(threads=2).threads == 2


def test_encodings_of_another_layer(explainer: m2ib.Explainer, cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    image, text = explainer.encode_image(scene.png), cheap.encode_text("a photo of a hedgehog")
    with pytest.raises(m2ib.EncodedError, match="encode it with this explainer"):
        cheap.attribute_encoded(image, text)
    with pytest.raises(TypeError):
        cheap.attribute_encoded(scene.png, text)  # type: ignore[arg-type]


def test_many_that_fail(cheap: m2ib.Explainer, scene: m2ib.Scene) -> None:
    images: list[m2ib.ImageLike] = [scene.png, b"nothing", scene.png, "nowhere.png"]
    texts = ["a photo of a hedgehog", "a dog", "", "a dog"]
    found = cheap.attribute_many(images, texts, return_exceptions=True)
    kinds = [type(result) for result in found]
    assert kinds == [m2ib.Attribution, m2ib.ImageError, m2ib.TextError, m2ib.FileError]
    assert str(found[2]).startswith("pair 2: the caption is empty")
    with pytest.raises(m2ib.ImageError, match="^pair 1: "):
        cheap.attribute_many(images, texts)
    with pytest.raises(m2ib.SettingsError, match="4 images and 3 texts, expected as many"):
        cheap.attribute_many(images, texts[:3])
    none: list[Any] = ["a dog", None, 7, "a dog"]
    found = cheap.attribute_many([scene.png] * 4, none, return_exceptions=True)
    assert [type(result) for result in found] == [m2ib.Attribution, m2ib.TextError, m2ib.TextError, m2ib.Attribution]
    assert str(found[1]) == "texts[1] is None, expected a caption as a str"
    with pytest.raises(m2ib.TextError, match=r"texts\[1\] is None"):
        cheap.attribute_many([scene.png] * 4, none)
    with pytest.raises(m2ib.TextError, match="texts is 7, expected a list of captions"):
        cheap.attribute_many(images, 7)  # type: ignore[call-overload]
    with pytest.raises(m2ib.ImageError, match="pair 1|image is a int"):
        cheap.attribute_many([scene.png, 7], ["a dog", "a dog"])  # type: ignore[list-item]
    broken = ZeroDivisionError("of the caller's")

    def progress(done: int, of: int) -> None:
        raise broken

    with pytest.raises(ZeroDivisionError) as caught:
        cheap.attribute_many(images, texts, return_exceptions=True, progress=progress)
    assert caught.value is broken


def test_models_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(m2ib.ModelError, match="is not a folder"):
        m2ib.Explainer.from_folder(tmp_path / "none")
    with pytest.raises(m2ib.ModelError, match="config.json"):
        m2ib.Explainer.from_pretrained(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(m2ib.HubError, match="HF_HUB_OFFLINE is set") as caught:
        m2ib.Explainer.from_pretrained("owner/name")
    assert isinstance(caught.value, OSError) and isinstance(caught.value, m2ib.ModelError)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    config = '{"peft_type": "LORA", "r": 2, "base_model_name_or_path": "owner/base"}'
    (adapter / "adapter_config.json").write_text(config)
    (adapter / "adapter_model.safetensors").write_text("changes")
    with pytest.raises(m2ib.HubError, match="owner/base"):
        m2ib.Explainer.from_folder(adapter)
    with pytest.raises(m2ib.DeviceError, match="expected one of: cpu"):
        m2ib.Explainer.emoji(device="tpu")
    with pytest.raises(m2ib.DeviceError, match="not compiled in"):
        m2ib.Explainer.emoji(device="tch")
    with pytest.raises(m2ib.SettingsError, match="f32, f16 or bf16"):
        m2ib.Explainer.emoji(precision="f8")  # type: ignore[arg-type]


def test_a_folder_gives_the_embedded_models_numbers(
    explainer: m2ib.Explainer, attribution: m2ib.Attribution, scene: m2ib.Scene
) -> None:
    folder = Path(__file__).parents[3] / "crates" / "m2ib-emoji" / "model"
    for loaded in (m2ib.Explainer.from_folder(folder), m2ib.Explainer.from_pretrained(str(folder))):
        assert loaded.identity == explainer.identity
        found = loaded.attribute(scene.png, attribution.caption)
        assert np.array_equal(found.image.saliency, attribution.image.saliency)
        assert found.words == attribution.words


def test_similarities_are_ranked_among_a_bank(tmp_path: Path, cheap: m2ib.Explainer) -> None:
    scene = m2ib.scenes()[6]
    bank = [f"a photo of a {name}" for name in ("piano", "maple leaf", "lock", "hedgehog")]
    own = bank.pop()
    ranked = cheap.with_settings(bank=bank)
    above = sum(ranked.similarity(scene.png, other) >= ranked.similarity(scene.png, own) for other in bank)
    made = ranked.attribute(scene.png, own)
    # Its own caption is one of them.
    assert made.rank == (above + 1, 4) == ranked.rank(scene.png, own)
    assert ranked.attribute(scene.png, bank[0]).rank == (3, 3) == ranked.rank(scene.png, bank[0])
    assert ranked.attribute(scene.png, own, method="centre").rank == made.rank
    [of_many] = ranked.attribute_many([scene.png], own)
    assert of_many.rank == made.rank
    image, text = ranked.encode_image(scene.png), ranked.encode_text(own)
    assert ranked.rank(image, text) == ranked.attribute_encoded(image, text).rank == made.rank
    # It stays while other settings change, and nobody else's explanations change.
    assert ranked.with_settings(seed=3).rank(scene.png, own) == made.rank
    of_ours = cheap.rank(scene.png, own)
    assert of_ours is not None and of_ours[1] > 200
    assert made.similarity == cheap.similarity(scene.png, own)
    file = tmp_path / "bank.txt"
    file.write_text("\n".join(bank) + "\n\n")
    for loaded in (m2ib.Explainer.emoji(bank=file), m2ib.Explainer.emoji(bank=bank)):
        assert loaded.rank(scene.png, own) == made.rank
    with pytest.raises(m2ib.FileError, match="bank: cannot read .*none.txt"):
        cheap.with_settings(bank=str(tmp_path / "none.txt"))
    with pytest.raises(m2ib.SettingsError, match=r"bank\[1\] is empty"):
        cheap.with_settings(bank=["a dog", " "])


def test_a_model_of_another_input_size(cheap: m2ib.Explainer) -> None:
    scene = m2ib.scenes()[6]
    large = m2ib.Explainer.emoji(preset="fast", steps=2, samples=2, input_size=144)
    made = large.attribute(scene.png, "a photo of a hedgehog")
    assert made.image.grid == (12, 12) and made.image.input_size == (144, 144)
    assert large.identity != cheap.identity
    for side in (100, 0):
        with pytest.raises(m2ib.SettingsError, match=f"input_size: .*{side}"):
            m2ib.Explainer.emoji(input_size=side)


def test_calibrations(tmp_path: Path, explainer: m2ib.Explainer) -> None:
    scenes = m2ib.scenes()
    captions = [thing.caption for scene in scenes for thing in scene.objects]
    made = explainer.calibrate([scene.png for scene in scenes], captions)
    assert (made.images, made.captions, made.identity) == (len(scenes), len(captions), explainer.identity)
    for name in ("a.safetensors", "a.json"):
        made.save(tmp_path / name)
        assert m2ib.Calibration.load(tmp_path / name) == made
    by_object = explainer.with_settings(preset="matched", steps=2, calibration=made)
    by_file = explainer.with_settings(preset="matched", steps=2, calibration=tmp_path / "a.json")
    one, other = (by.attribute(scenes[0].png, captions[0]) for by in (by_object, by_file))
    assert one == other
    assert f"{len(scenes)} images" in one.provenance["method"]["m2ib"]["calibration"]
    with pytest.raises(m2ib.SettingsError, match="calibration needs at least 2 images, found 1"):
        explainer.calibrate([scenes[0].png], captions)
    with pytest.raises(m2ib.ImageError, match=r"images\[1\]"):
        explainer.calibrate([scenes[0].png, b"nothing"], captions)
    with pytest.raises(m2ib.FileError, match="none"):
        m2ib.Calibration.load(tmp_path / "none")


def test_what_there_is(explainer: m2ib.Explainer, cheap: m2ib.Explainer) -> None:
    assert m2ib.devices()[0].name == "cpu"
    methods = {method.name: method for method in m2ib.methods()}
    assert {"m2ib-fine", "grad-eclip", "kernel-shap", "random"} <= set(methods)
    assert methods["random"].is_control and not methods["rise"].is_control
    assert "samples" in [setting.name for setting in methods["kernel-shap"].settings]
    scene = m2ib.scenes()[0]
    assert scene.image.shape == (96, 96, 3)
    assert scene.objects[0].mask.dtype == bool and scene.objects[0].mask.any()
    with pytest.raises(m2ib.SettingsError, match='"shap" is no method, expected one of m2ib-fine'):
        cheap.attribute(scene.png, "a photo of a piano", method="shap")
    with pytest.raises(m2ib.SettingsError, match="kernel-shap, setting samples"):
        cheap.attribute(scene.png, "a photo of a piano", method="kernel-shap:samples=x")
    assert explainer.model == "emoji" and explainer.notes == []
    assert repr(explainer) == '<m2ib.Explainer of "emoji" by M2IB with the fine preset>'
