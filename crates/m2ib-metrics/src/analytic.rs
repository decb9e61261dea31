//! Scorers whose answers are known in closed form, for tests.

use ndarray::Array3;

use crate::{CaptionTokens, MaskedText, Result, Scorer};

type Function<'a, T> = Box<dyn Fn(&T) -> f64 + 'a>;

/// A scorer made of two functions.
pub(crate) struct Analytic<'a> {
    image: Function<'a, Array3<f32>>,
    text: Function<'a, MaskedText>,
}

impl<'a> Analytic<'a> {
    /// A function of the pixels.
    pub(crate) fn image(image: impl Fn(&Array3<f32>) -> f64 + 'a) -> Self {
        Self {
            image: Box::new(image),
            text: Box::new(|_| panic!("an image was to be scored")),
        }
    }

    /// Σ weights · pixels.
    pub(crate) fn linear(weights: &'a Array3<f32>) -> Self {
        Self::image(|pixels| {
            let products = weights.iter().zip(pixels);
            products
                .map(|(&weight, &pixel)| f64::from(weight) * f64::from(pixel))
                .sum()
        })
    }

    /// A function of the masked caption.
    pub(crate) fn text(text: impl Fn(&MaskedText) -> f64 + 'a) -> Self {
        Self {
            image: Box::new(|_| panic!("a caption was to be scored")),
            text: Box::new(text),
        }
    }

    /// Σ worth of the pieces that are not hidden.
    pub(crate) fn tokens(worth: &'a [f64]) -> Self {
        Self::text(|text| {
            let visible = worth.iter().zip(&text.masked()[1..]);
            visible
                .map(|(&worth, &masked)| if masked { 0.0 } else { worth })
                .sum()
        })
    }
}

impl Scorer for Analytic<'_> {
    fn images(&self, images: &[Array3<f32>]) -> Result<Vec<f64>> {
        Ok(images.iter().map(&self.image).collect())
    }

    fn texts(&self, texts: &[MaskedText]) -> Result<Vec<f64>> {
        Ok(texts.iter().map(&self.text).collect())
    }
}

/// A caption of so many pieces.
pub(crate) fn caption(pieces: usize) -> CaptionTokens {
    let ids = (0..pieces as i64 + 2).map(|id| id + 10).collect();
    CaptionTokens::new(ids, (1..=pieces).collect()).unwrap()
}
