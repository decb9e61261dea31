//! Methods that mask parts of the pair and look at what the similarity does.
//!
//! Masked pixels have the mean colour, which is 0 after normalisation; masked tokens are a
//! [`Fill`]. Start and end of a caption are never masked, and have a saliency of 0.

mod coalitions;
mod fill;
mod grid;
mod kernel_shap;
mod occlusion;
mod rise;
mod shapley;
mod soft_masks;
pub(crate) mod subsets;

pub use coalitions::Coalition;
pub use kernel_shap::KernelShap;
pub use occlusion::Occlusion;
pub use rise::Rise;

pub(crate) use grid::Grid;

use crate::{Fill, Result, Subject};

/// Masks that are pixels at the same time: enough for the tower, and never all masks.
const BATCH: usize = 32;

/// Similarities of the image with its pixels multiplied by masks, of `[height · width]` each.
fn score_pixels(subject: &Subject<'_>, masks: &[Vec<f32>]) -> Result<Vec<f32>> {
    let pixels = &subject.pixels().values;
    let masked = |mask: &Vec<f32>| -> Vec<f32> {
        let channels = pixels.chunks(mask.len());
        let kept = channels.flat_map(|channel| channel.iter().zip(mask));
        kept.map(|(pixel, kept)| pixel * kept).collect()
    };
    let images: Vec<Vec<f32>> = masks.iter().map(masked).collect();
    subject.score_images(images.iter().map(|image| &image[..]))
}

/// Similarities of the image with some of its patches masked: `kept` of `[patches]` each.
fn score_patches(
    subject: &Subject<'_>,
    kept: impl IntoIterator<Item = Vec<bool>>,
) -> Result<Vec<f32>> {
    let grid = Grid::of(subject);
    let mut masks = kept.into_iter().map(|kept| grid.spread(&kept));
    let mut scores = Vec::new();
    loop {
        let batch: Vec<Vec<f32>> = masks.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(scores);
        }
        scores.extend(score_pixels(subject, &batch)?);
    }
}

/// Similarities of the caption with some of its own tokens masked: `kept` of `[pieces]` each.
fn score_pieces<'a>(
    subject: &Subject<'_>,
    kept: impl IntoIterator<Item = &'a [bool]>,
    fill: Fill,
) -> Result<Vec<f32>> {
    let pieces = subject.pieces();
    let tokens = subject.caption().tokens.len();
    let masks = kept.into_iter().map(|kept| {
        let mut mask = vec![true; tokens];
        pieces
            .iter()
            .zip(kept)
            .for_each(|(&piece, &kept)| mask[piece] = kept);
        mask
    });
    let masks: Vec<Vec<bool>> = masks.collect();
    subject.score_tokens(masks.iter().map(|mask| &mask[..]), fill)
}

/// Saliency of all tokens from that of the caption's own, `[pieces]` to `[tokens]`.
fn all_tokens(subject: &Subject<'_>, saliency: impl IntoIterator<Item = f64>) -> Vec<f32> {
    let mut all = vec![0.0; subject.caption().tokens.len()];
    for (piece, value) in subject.pieces().into_iter().zip(saliency) {
        all[piece] = value as f32;
    }
    all
}
