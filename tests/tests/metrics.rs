//! Drop and Increase in Confidence as pytorch-grad-cam computes them, on the reference's models
//! and with its maps.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use clip_input::Layout;
use clip_model::{ImageTower, TextTower, Tower, Trainable};
use m2ib::Backend;
use m2ib_metrics::{
    CaptionTokens, Confidence, Error, MaskedText, Result, Scorer, TokenFill, image_confidence,
    kept_tokens, text_confidence,
};
use m2ib_tests::case::Case;
use ndarray::{Array2, Array3};
use rstest::rstest;
use serde::Deserialize;

/// Scores and drops differ by f32's rounding in two towers at most.
const BOUND: f64 = 1e-5;

/// `metrics.json`.
#[derive(Deserialize)]
struct Expected {
    image: Figures,
    text: Figures,
}

#[derive(Deserialize)]
struct Figures {
    score: f64,
    drop: f64,
    increase: f64,
    #[serde(default)]
    kept_tokens: Vec<u8>,
}

/// A pair's towers.
struct Towers {
    clip: Trainable,
    /// What is read out stays, whatever the ids say.
    caption: Layout,
    device: Device,
    image: Vec<f64>,
    text: Vec<f64>,
}

impl Towers {
    fn open(
        clip: Trainable,
        layout: Layout,
        pixels: &Array3<f32>,
        caption: &CaptionTokens,
    ) -> Self {
        let device = clip.device();
        let mut towers = Self {
            clip,
            caption: layout,
            device,
            image: Vec::new(),
            text: Vec::new(),
        };
        towers.image = towers.encode_image(pixels).unwrap();
        towers.text = towers.encode_text(caption.ids()).unwrap();
        towers
    }

    fn encode_image(&self, pixels: &Array3<f32>) -> Result<Vec<f64>> {
        let (channels, height, width) = pixels.dim();
        let values: Vec<f32> = pixels.iter().copied().collect();
        let data = TensorData::new(values, [1, channels, height, width]);
        let pixels = Tensor::from_data(data, &self.device);
        let tower = &self.clip.image;
        let layout = tower.layout([height, width]).map_err(Error::scorer)?;
        let embedded = tower.embed(pixels).map_err(Error::scorer)?;
        let embedding = tower.read_out(0, embedded, &layout);
        Ok(embedding.into_data().iter::<f64>().collect())
    }

    fn encode_text(&self, ids: &[i64]) -> Result<Vec<f64>> {
        let ids = self.clip.text.ids(ids).map_err(Error::scorer)?;
        let tower = &self.clip.text;
        let embedding = tower.read_out(0, tower.embed(ids), &self.caption);
        Ok(embedding.into_data().iter::<f64>().collect())
    }
}

impl Scorer for Towers {
    fn images(&self, images: &[Array3<f32>]) -> Result<Vec<f64>> {
        let score = |image| Ok(cosine(&self.encode_image(image)?, &self.text));
        images.iter().map(score).collect()
    }

    fn texts(&self, texts: &[MaskedText]) -> Result<Vec<f64>> {
        let score = |text: &MaskedText| {
            let TokenFill::Id(id) = text.fill() else {
                return Err(Error::scorer("the reference fills with an id"));
            };
            let embedding = self.encode_text(&text.ids_with(id))?;
            Ok(cosine(&embedding, &self.image))
        };
        texts.iter().map(score).collect()
    }
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[rstest]
fn confidence_is_the_references(
    #[values("tiny", "tiny-gelu", "tiny-matched", "tiny-sigma")] name: &str,
) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/parity");
    let folder = data.join(name);
    let case = Case::open(&folder).unwrap();
    let json = std::fs::read(folder.join("metrics.json")).unwrap();
    let expected: Expected = serde_json::from_slice(&json).unwrap();

    let pixels = case.tensor("pixel_values").unwrap();
    let [_, channels, height, width] = pixels.shape[..] else {
        panic!("pixels of shape {:?}", pixels.shape)
    };
    let pixels = Array3::from_shape_vec((channels, height, width), pixels.data).unwrap();
    let map = case.tensor("expected.image.heatmap").unwrap();
    let map = Array2::from_shape_vec((height, width), map.data).unwrap();
    let ids = case.ids().unwrap();
    let scores = case.tensor("expected.text.scores").unwrap().data;
    let clip = Trainable::load(case.model(), &Backend::Cpu.device().unwrap()).unwrap();
    let layout = clip.text.layout_of_ids(&ids).unwrap();
    let caption = CaptionTokens::new(ids, layout.inputs()).unwrap();

    let towers = Towers::open(clip, layout, &pixels, &caption);
    let image = image_confidence(&towers, &pixels, &map).unwrap();
    check("image", image, &expected.image);
    let text = text_confidence(&towers, &caption, &scores, TokenFill::Id(0)).unwrap();
    check("text", text, &expected.text);
    let kept: Vec<u8> = kept_tokens(&caption, &scores)
        .unwrap()
        .into_iter()
        .map(u8::from)
        .collect();
    assert_eq!(kept, expected.text.kept_tokens);
}

fn check(what: &str, found: Confidence, expected: &Figures) {
    let near = |a: f64, b: f64| (a - b).abs() < BOUND;
    assert!(near(found.full, expected.score), "{what} score: {found:?}");
    assert!(near(found.drop(), expected.drop), "{what} drop: {found:?}");
    assert_eq!(found.increase(), expected.increase, "{what}: {found:?}");
}
