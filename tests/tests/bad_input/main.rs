//! What cannot be explained is refused with its name, what was found and what was expected.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod calibrations;
mod captions;
mod encodings;
mod images;
mod model_folders;
mod settings;

use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;

use m2ib::image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use m2ib::{
    Attribution, Backend, Calibration, Calibrator, DualEncoder, Explainer, ExplainerBuilder, Layer,
    Modality, Noise, Overrides, Preset, Warning, decode_image, open_image,
};
use m2ib_tests::case::Values;
use m2ib_tests::toy::{Toy, encode};
use rstest::rstest;
use safetensors::Dtype;
use serde_json::json;

static MODEL: LazyLock<DualEncoder> =
    LazyLock::new(|| Toy::new(1).load(&Backend::Cpu.device().unwrap()).unwrap());

static CALIBRATION: LazyLock<Calibration> = LazyLock::new(|| calibrate(&MODEL));

fn calibrate(model: &DualEncoder) -> Calibration {
    let explainer = Explainer::builder(model.clone()).build().unwrap();
    let pictures = [1, 2, 3].map(picture);
    explainer
        .calibrate(&pictures, ["a piano", "a red boot", "two dice"])
        .unwrap()
}

/// A few steps are enough to see numbers.
fn builder() -> ExplainerBuilder {
    Explainer::builder(MODEL.clone()).steps(3).samples(2)
}

fn picture(scale: u32) -> DynamicImage {
    let pixel = |x: u32, y: u32| Rgb([(x * 7 * scale) as u8, (y * 5) as u8, (x * y * scale) as u8]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(40, 36, pixel))
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture(1).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn assert_says(message: &str, words: &[&str]) {
    for word in words {
        assert!(
            message.contains(word),
            "\"{message}\" does not say \"{word}\""
        );
    }
}

fn assert_finite(attribution: &Attribution) {
    let image = attribution
        .image
        .saliency()
        .iter()
        .chain(attribution.image.others.iter().map(|other| &other.saliency));
    let numbers = image
        .chain(&attribution.text.saliency)
        .chain([&attribution.similarity]);
    assert!(numbers.copied().all(f32::is_finite), "{attribution:?}");
    assert!(
        attribution
            .image
            .input_heat_map()
            .iter()
            .all(|value| (0.0..=1.0).contains(value))
    );
    assert!(
        attribution
            .image
            .heat_map()
            .values
            .iter()
            .all(|value| (0.0..=1.0).contains(value))
    );
    assert!(
        attribution
            .text
            .words()
            .iter()
            .all(|word| (0.0..=1.0).contains(&word.score))
    );
    assert!(
        attribution
            .text
            .tokens()
            .iter()
            .all(|token| (0.0..=1.0).contains(&token.score))
    );
    let traces = attribution
        .image
        .trace
        .iter()
        .chain(&attribution.text.trace);
    for step in traces {
        assert!(
            [step.compression, step.fit, step.total]
                .iter()
                .all(|x| x.is_finite()),
            "{step:?}"
        );
    }
}
