//! What goes in: pairs, and what a method says of them.

use std::ops::Range;

use m2ib::clip_model::{TextTower, Trainable};
use m2ib_files::causes;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{Error, Picture, Result};

/// Colours of a pixel.
pub(crate) const CHANNELS: usize = 3;

/// An image and a caption, preprocessed.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The image.
    pub pixels: Picture,
    /// Token ids.
    pub ids: Vec<i64>,
    /// The positions of the caption's own tokens, which can be removed: those between the start
    /// token and the end token, where there are such.
    pub words: Range<usize>,
    /// How many of the ids the text tower reads: a causal one up to the token that is pooled, one
    /// that sees padding all of them.
    pub read: usize,
    /// A number of the picture: pairs that show the same one have the same.
    pub picture: usize,
}

/// What a method says of a pair.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// The importance of each patch, `[rows, columns]`.
    pub image: Array2<f32>,
    /// The importance of each token of [`Pair::ids`]. Those of tokens that are never removed are not
    /// looked at.
    pub text: Vec<f32>,
}

impl Pair {
    /// The ids as far as they are read.
    pub(crate) fn seen(&self) -> &[i64] {
        &self.ids[..self.read]
    }

    /// That the model takes it, and that there is a token to remove.
    pub(crate) fn check(&self, index: usize, model: &Trainable) -> Result<()> {
        let unfit = |reason| Err(Error::Pair { index, reason });
        let ([height, width], pixels) = (model.image.image_size(), self.pixels.values());
        let pixels = match &pixels {
            Ok(pixels) => pixels,
            Err(error) => return unfit(causes(error.as_ref())),
        };
        let found = pixels.len();
        let expected = CHANNELS * height * width;
        if found != expected {
            return unfit(format!(
                "found {found} numbers of pixels, expected {CHANNELS} × {height} × {width} = {expected}"
            ));
        }
        if let Some(pixel) = pixels.iter().find(|pixel| !pixel.is_finite()) {
            return unfit(format!("a pixel is {pixel}, expected finite numbers"));
        }
        let (tokens, words) = (self.ids.len(), &self.words);
        if words.is_empty() || words.end > self.read || self.read > tokens {
            return unfit(format!(
                "of {tokens} tokens {} are read and {words:?} can be removed, expected at least one that can be, among those that are read",
                self.read
            ));
        }
        match model.text.ids(self.seen()) {
            Ok(_) => Ok(()),
            Err(error) => unfit(error.to_string()),
        }
    }
}

impl Scores {
    /// That they are finite and of their pair.
    pub(crate) fn check(&self, index: usize, pair: &Pair) -> Result<()> {
        let unusable = |reason| Err(Error::Scores { index, reason });
        if self.image.is_empty() {
            return unusable("the map has no patches".into());
        }
        let (found, expected) = (self.text.len(), pair.ids.len());
        if found != expected {
            return unusable(format!(
                "found {found} token scores, expected {expected}: one a token, whatever it is for"
            ));
        }
        let text = &self.text[pair.words.clone()];
        match self
            .image
            .iter()
            .chain(text)
            .find(|score| !score.is_finite())
        {
            Some(score) => unusable(format!("found {score}, expected finite numbers")),
            None => Ok(()),
        }
    }
}
