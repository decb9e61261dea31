//! A pair and a method as the metrics ask them.

use m2ib_methods::{Fill, Method, Subject};
use ndarray::{Array2, Array3};

use m2ib_metrics::{Error, InputExplainer, MaskedText, Result, Scorer, TokenFill};

/// What to fill with where a tokenizer has neither a padding token nor an end token.
pub(super) const NO_PADDING: &str =
    "mean or a token's id: this model's tokenizer has neither a padding nor an end token";

/// A pair, scored again when changed: what the metrics of `m2ib-metrics` ask.
#[derive(Debug)]
pub struct Rescored<'a>(pub &'a Subject<'a>);

impl Scorer for Rescored<'_> {
    fn images(&self, images: &[Array3<f32>]) -> Result<Vec<f64>> {
        let images: Vec<Vec<f32>> = images
            .iter()
            .map(|image| image.iter().copied().collect())
            .collect();
        let scores = self.0.score_images(images.iter().map(Vec::as_slice));
        widened(scores)
    }

    fn texts(&self, texts: &[MaskedText]) -> Result<Vec<f64>> {
        let Some(first) = texts.first() else {
            return Ok(Vec::new());
        };
        let fill = match first.fill() {
            TokenFill::Id(id) => Fill::Id(id),
            TokenFill::Pad => Fill::Id(self.0.model().pad_id().ok_or_else(no_padding)?),
            TokenFill::MeanEmbedding => Fill::Mean,
        };
        let kept = |text: &MaskedText| text.masked().iter().map(|masked| !masked).collect();
        let kept: Vec<Vec<bool>> = texts.iter().map(kept).collect();
        widened(self.0.score_tokens(kept.iter().map(Vec::as_slice), fill))
    }
}

/// A pair, explained again when changed.
pub(super) struct Explained<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) method: &'a dyn Method,
}

impl InputExplainer for Explained<'_> {
    fn image(&self, pixels: &Array3<f32>) -> Result<Array2<f32>> {
        let changed = self.subject.with_pixels(pixels.iter().copied().collect());
        let changed = changed.map_err(Error::explainer)?;
        self.method.patches(&changed).map_err(Error::explainer)
    }

    fn embeddings(&self) -> Result<Array2<f32>> {
        self.subject.token_values().map_err(Error::explainer)
    }

    fn text(&self, embeddings: &Array2<f32>) -> Result<Vec<f32>> {
        let changed = self.subject.with_token_embeddings(embeddings);
        let changed = changed.map_err(Error::explainer)?;
        self.method.tokens(&changed).map_err(Error::explainer)
    }
}

fn no_padding() -> Error {
    Error::Setting {
        argument: "fill",
        found: "pad".into(),
        expected: NO_PADDING,
    }
}

fn widened(scores: m2ib_methods::Result<Vec<f32>>) -> Result<Vec<f64>> {
    let scores = scores.map_err(Error::scorer)?;
    Ok(scores.into_iter().map(f64::from).collect())
}
