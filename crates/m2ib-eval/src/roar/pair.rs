//! What goes in: pairs, and what a method says of them.

use m2ib::clip_model::TextTower;
use m2ib::clip_model::clip::{Clip, VisionConfig};
use m2ib_files::causes;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{Error, Picture, Result};

/// An image and a caption, preprocessed.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The image.
    pub pixels: Picture,
    /// Token ids; the first is the start token.
    pub ids: Vec<i64>,
    /// The position that is pooled, behind the caption's last token.
    pub pooled: usize,
    /// A number of the picture: pairs that show the same one have the same.
    pub picture: usize,
}

/// What a method says of a pair.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// The importance of each patch, `[rows, columns]`.
    pub image: Array2<f32>,
    /// The importance of each token of [`Pair::ids`], start token included. Those of tokens that
    /// are never removed are not looked at.
    pub text: Vec<f32>,
}

impl Pair {
    /// The ids as far as they are seen: up to the pooled one.
    pub(crate) fn seen(&self) -> &[i64] {
        &self.ids[..=self.pooled]
    }

    /// That the model takes it, and that there is a token to remove.
    pub(crate) fn check(&self, index: usize, clip: &Clip) -> Result<()> {
        let unfit = |reason| Err(Error::Pair { index, reason });
        let (
            VisionConfig {
                num_channels,
                image_size,
                ..
            },
            pixels,
        ) = (&clip.config.vision, self.pixels.values());
        let pixels = match &pixels {
            Ok(pixels) => pixels,
            Err(error) => return unfit(causes(error.as_ref())),
        };
        let found = pixels.len();
        let expected = num_channels * image_size * image_size;
        if found != expected {
            return unfit(format!(
                "found {found} numbers of pixels, expected {num_channels} × {image_size} × {image_size} = {expected}"
            ));
        }
        if let Some(pixel) = pixels.iter().find(|pixel| !pixel.is_finite()) {
            return unfit(format!("a pixel is {pixel}, expected finite numbers"));
        }
        let tokens = self.ids.len();
        if !(2..tokens).contains(&self.pooled) {
            return unfit(format!(
                "position {} of {tokens} tokens is pooled, expected one of them with the start token and a word before it",
                self.pooled
            ));
        }
        match clip.text.ids(self.seen()) {
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
                "found {found} token scores, expected {expected}: one a token, start and end included"
            ));
        }
        let text = &self.text[1..pair.pooled];
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
