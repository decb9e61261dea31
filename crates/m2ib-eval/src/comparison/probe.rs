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
        let images: Vec<Vec<f32>> = images.iter().map(|image| whole(self.0, image)).collect();
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
        let changed = self.subject.with_pixels(whole(self.subject, pixels));
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

/// What patches cover of a subject's pixels, from the top and the left: what a map lies on, and all that
/// the model sees. 14-pixel patches leave 6 of 384 out.
///
/// # Shapes
/// - output: `[3, height, width]`
pub fn covered(subject: &Subject<'_>) -> Array3<f32> {
    let [height, width] = subject.input_size();
    let ([rows, columns], _) = subject.covered();
    let values = &subject.pixels().values;
    Array3::from_shape_fn((3, rows, columns), |(channel, row, column)| {
        values[(channel * height + row) * width + column]
    })
}

/// The subject's pixels with what patches cover of them changed.
fn whole(subject: &Subject<'_>, covered: &Array3<f32>) -> Vec<f32> {
    let [height, width] = subject.input_size();
    let mut values = subject.pixels().values.clone();
    for ((channel, row, column), &value) in covered.indexed_iter() {
        values[(channel * height + row) * width + column] = value;
    }
    values
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

#[cfg(test)]
mod tests {
    use m2ib::clip_input::{CaptionTokenizer, Content, ImageProcessor, Recipe};
    use m2ib::clip_model::Trainable;
    use m2ib::image::{DynamicImage, Rgb, RgbImage};
    use m2ib::{Backend, DualEncoder};

    use super::*;

    /// Images of 9 × 9 pixels, of which 2 × 2 patches of 4 cover 8 × 8.
    fn model() -> DualEncoder {
        let config = br#"{"model_type": "siglip", "vision_config": {"hidden_size": 16,
            "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 9, "patch_size": 4}, "text_config": {"vocab_size": 6, "hidden_size": 16,
            "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32,
            "max_position_embeddings": 4}}"#;
        let words = br#"{"version": "1.0", "added_tokens": [],
            "pre_tokenizer": {"type": "Whitespace"},
            "model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "cat": 1}}}"#;
        let device = Backend::preferred().unwrap().device().unwrap();
        let config = Content::bytes("config.json", config.to_vec());
        let tokenizer = Content::bytes("tokenizer.json", words.to_vec());
        let json = br#"{"size": {"height": 9, "width": 9}}"#;
        Trainable::random(&config, 3, &device).unwrap().into_model(
            "tiny".into(),
            CaptionTokenizer::load(&tokenizer, 4)
                .unwrap()
                .with_padding(2),
            ImageProcessor::by_recipe(json, "p.json", Recipe::Siglip).unwrap(),
        )
    }

    #[test]
    fn metrics_see_what_patches_cover_and_the_model_the_whole_picture() {
        let model = model();
        let pixel = |x, y| Rgb([(x * 23) as u8, (y * 29) as u8, (x * y) as u8]);
        let picture: DynamicImage = RgbImage::from_fn(9, 9, pixel).into();
        let subject = Subject::new(&model, &picture, "a cat").unwrap();
        let seen = covered(&subject);
        assert_eq!(seen.dim(), (3, 8, 8));
        let pixels = &subject.pixels().values;
        assert_eq!(seen[[1, 7, 6]], pixels[81 + 7 * 9 + 6]);
        assert_eq!(whole(&subject, &seen), *pixels);

        let mut changed = seen.clone();
        changed[[2, 7, 7]] += 3.0;
        let expected: Vec<f32> = {
            let mut pixels = pixels.clone();
            pixels[2 * 81 + 7 * 9 + 7] += 3.0;
            pixels
        };
        assert_eq!(whole(&subject, &changed), expected);
        let scores = Rescored(&subject).images(&[seen, changed]).unwrap();
        let expected = [pixels.clone(), expected];
        let expected = subject.score_images(expected.iter().map(Vec::as_slice));
        for (found, expected) in scores.iter().zip(expected.unwrap()) {
            assert!((found - f64::from(expected)).abs() < 1e-6);
        }
        assert_ne!(scores[0], scores[1]);
    }
}
