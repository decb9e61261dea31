//! What metrics ask of a model: scores of changed inputs, and explanations of them.

use ndarray::{Array2, Array3};

use crate::checks::finite;
use crate::{Error, MaskedText, Result};

/// Inputs handed to a scorer at once: 32 images of 224 pixels are 19 MB.
pub(crate) const BATCH: usize = 32;

/// Rescores changed inputs of one pair. Scores are cosine similarities, −1..1, without the
/// model's temperature: metrics compare scores, and a temperature would only stretch them.
pub trait Scorer {
    /// Changed images against the pair's caption: pixels `[3, height, width]` as the image tower
    /// takes them, normalised.
    ///
    /// # Errors
    /// If the model does not take them; see [`Error::scorer`].
    fn images(&self, images: &[Array3<f32>]) -> Result<Vec<f64>>;

    /// Changed captions against the pair's image.
    ///
    /// # Errors
    /// If the model does not take them; see [`Error::scorer`].
    fn texts(&self, texts: &[MaskedText]) -> Result<Vec<f64>>;
}

/// Explains changed inputs of one pair, always with the same random numbers, so that a map that
/// differs differs because of its input.
pub trait InputExplainer {
    /// The map `[rows, columns]` over the patches of an image: pixels `[3, height, width]`,
    /// normalised.
    ///
    /// # Errors
    /// If the pair cannot be explained; see [`Error::explainer`].
    fn image(&self, pixels: &Array3<f32>) -> Result<Array2<f32>>;

    /// The caption's embeddings that [`text`](Self::text) takes back after a change,
    /// `[tokens, width]`.
    ///
    /// # Errors
    /// As for [`image`](Self::image).
    fn embeddings(&self) -> Result<Array2<f32>>;

    /// The tokens' scores, embeddings `[tokens, width]` in place of the caption's own.
    ///
    /// # Errors
    /// As for [`image`](Self::image).
    fn text(&self, embeddings: &Array2<f32>) -> Result<Vec<f32>>;
}

/// Scores images as they come, never more than [`BATCH`] in memory.
pub(crate) fn score_images(
    scorer: &impl Scorer,
    images: impl Iterator<Item = Array3<f32>>,
) -> Result<Vec<f64>> {
    in_batches(images, |batch| scorer.images(batch))
}

/// Scores captions as they come.
pub(crate) fn score_texts(
    scorer: &impl Scorer,
    texts: impl Iterator<Item = MaskedText>,
) -> Result<Vec<f64>> {
    in_batches(texts, |batch| scorer.texts(batch))
}

fn in_batches<T>(
    inputs: impl Iterator<Item = T>,
    score: impl Fn(&[T]) -> Result<Vec<f64>>,
) -> Result<Vec<f64>> {
    let mut inputs = inputs.peekable();
    let mut scores = Vec::new();
    while inputs.peek().is_some() {
        let batch: Vec<T> = inputs.by_ref().take(BATCH).collect();
        let given = score(&batch)?;
        if given.len() != batch.len() {
            return Err(Error::Count {
                found: given.len(),
                expected: batch.len(),
            });
        }
        finite("the scorer's scores", &given)?;
        scores.extend(given);
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_order_and_lose_nothing() {
        let scores = in_batches(0..100, |batch: &[i32]| {
            assert!(batch.len() <= BATCH);
            Ok(batch.iter().map(|&number| f64::from(number)).collect())
        });
        let expected: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(scores.unwrap(), expected);
    }

    #[test]
    fn lost_and_broken_scores_are_errors() {
        let lost = in_batches(0..3, |_| Ok(vec![0.0; 2])).unwrap_err();
        assert!(matches!(
            lost,
            Error::Count {
                found: 2,
                expected: 3
            }
        ));
        let broken = in_batches(0..2, |_| Ok(vec![0.0, f64::NAN])).unwrap_err();
        assert!(matches!(broken, Error::NonFinite { index: 1, .. }));
    }
}
