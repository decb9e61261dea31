//! Drop and Increase in Confidence: how does the score change when only the important part stays?
//!
//! With s the score of the pair and s' that of the masked input:
//!
//! - Drop = max(0, s − s'), 0..2, lower is better;
//! - Increase = 1 if s' > s, else 0, higher is better;
//! - Average Drop % = 100 · max(0, s − s') / s, 0.. (over 100 if s' < 0), lower is better; only
//!   where s > 0, since a share of a score that is not positive means nothing.
//!
//! Drop and Increase are absolute, as in pytorch-grad-cam and in M2IB's tables (there × 100);
//! Average Drop is Grad-CAM++'s (Chattopadhay et al., WACV 2018).
//!
//! The image is multiplied, after normalisation, by the *whole* min–max map at its size, so that
//! unimportant pixels fade to the mean colour. (M2IB's released script multiplies every row of the
//! image by the map's first row: its figures are of another metric.) A constant map is all zeros
//! after min–max and leaves a plain mean colour.
//!
//! Of a caption, the pieces strictly above the median of the pieces' scores stay.
//! Constant scores leave none.
//!
//! ```
//! use m2ib_metrics::Confidence;
//!
//! let confidence = Confidence { full: 0.25, masked: 0.125 };
//! assert_eq!(confidence.drop(), 0.125);
//! assert_eq!(confidence.increase(), 0.0);
//! assert_eq!(confidence.average_drop(), Some(50.0));
//! ```

use ndarray::{Array2, Array3, Axis};

use crate::checks::{heat, pixels as check_pixels};
use crate::scorer::{score_images, score_texts};
use crate::{CaptionTokens, Result, Scorer, TokenFill};

/// Scores before and after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confidence {
    /// Of the pair, s.
    pub full: f64,
    /// Of what the explanation leaves of it, s'.
    pub masked: f64,
}

impl Confidence {
    /// max(0, s − s').
    pub fn drop(self) -> f64 {
        (self.full - self.masked).max(0.0)
    }

    /// 1 if s' > s, else 0.
    pub fn increase(self) -> f64 {
        f64::from(u8::from(self.masked > self.full))
    }

    /// 100 · max(0, s − s') / s; none unless s > 0.
    pub fn average_drop(self) -> Option<f64> {
        (self.full > 0.0).then(|| 100.0 * self.drop() / self.full)
    }
}

/// Of an image: pixels `[3, height, width]`, normalised; map `[rows, columns]` of any size.
///
/// # Errors
/// For empty or non-finite input, and if the scorer fails.
pub fn image_confidence(
    scorer: &impl Scorer,
    pixels: &Array3<f32>,
    map: &Array2<f32>,
) -> Result<Confidence> {
    check_pixels(pixels)?;
    let heat = heat(map, pixels)?.insert_axis(Axis(0));
    let images = [pixels.clone(), pixels * &heat];
    confidence(score_images(scorer, images.into_iter())?)
}

/// Of a caption; one score a token.
///
/// # Errors
/// For a wrong number of scores or non-finite ones, and if the scorer fails.
pub fn text_confidence(
    scorer: &impl Scorer,
    caption: &CaptionTokens,
    scores: &[f32],
    fill: TokenFill,
) -> Result<Confidence> {
    let kept = kept_tokens(caption, scores)?;
    let positions = caption.pieces().iter().zip(kept);
    let hidden: Vec<usize> = positions
        .filter_map(|(position, kept)| (!kept).then_some(*position))
        .collect();
    let texts = [caption.hide(&[], fill), caption.hide(&hidden, fill)];
    confidence(score_texts(scorer, texts.into_iter())?)
}

/// Which pieces lie strictly above the median of their scores (the mean of the middle two,
/// for an even number). One score a token of the caption.
///
/// # Errors
/// For a wrong number of scores or non-finite ones.
pub fn kept_tokens(caption: &CaptionTokens, scores: &[f32]) -> Result<Vec<bool>> {
    let pieces = caption.piece_scores(scores)?;
    let mut sorted: Vec<f64> = pieces.iter().map(|&score| score.into()).collect();
    sorted.sort_by(f64::total_cmp);
    let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    let median = below + (above - below) / 2.0;
    Ok(pieces
        .iter()
        .map(|&score| f64::from(score) > median)
        .collect())
}

fn confidence(scores: Vec<f64>) -> Result<Confidence> {
    match scores[..] {
        [full, masked] => Ok(Confidence { full, masked }),
        _ => Err(super::Error::Count {
            found: scores.len(),
            expected: 2,
        }),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;
    use crate::analytic::{Analytic, caption};

    #[test]
    fn pixels_are_multiplied_by_the_whole_map() {
        // The score is a weighted sum of pixels: that of the masked image can be done by hand.
        let weights = array![[[1.0, -2.0], [4.0, 0.5]]];
        let scorer = Analytic::linear(&weights);
        let map = array![[0.0, 1.0], [2.0, 4.0]];
        let confidence = image_confidence(&scorer, &Array3::ones((1, 2, 2)), &map).unwrap();
        assert_eq!(confidence.full, 3.5);
        assert_eq!(confidence.masked, 0.25 * -2.0 + 0.5 * 4.0 + 0.5);
        assert_eq!(confidence.drop(), 1.5);
        assert_eq!(confidence.increase(), 0.0);
    }

    #[test]
    fn a_constant_map_leaves_the_mean_colour() {
        let ones = Array3::ones((3, 4, 4));
        let scorer = Analytic::linear(&ones);
        let map = Array2::from_elem((2, 2), 0.3);
        let confidence = image_confidence(&scorer, &ones, &map).unwrap();
        assert_eq!((confidence.full, confidence.masked), (48.0, 0.0));
    }

    #[test]
    fn tokens_above_the_median_stay() {
        // The score is the sum of the pieces' worth.
        let scorer = Analytic::tokens(&[8.0, 4.0, 2.0, 1.0]);
        let caption = caption(4);
        let scores = [99.0, 0.1, 0.9, 0.5, 0.2, 99.0];
        let confidence = text_confidence(&scorer, &caption, &scores, TokenFill::Pad).unwrap();
        assert_eq!((confidence.full, confidence.masked), (15.0, 6.0));
        let constant = text_confidence(&scorer, &caption, &[0.5; 6], TokenFill::Pad).unwrap();
        assert_eq!(constant.masked, 0.0);
    }

    #[test]
    fn the_median_itself_does_not_stay() {
        let kept = kept_tokens(&caption(5), &[0.0, 3.0, 1.0, 2.0, 5.0, 2.0, 0.0]).unwrap();
        assert_eq!(kept, [true, false, false, true, false]);
    }

    #[test]
    fn a_share_of_nothing_is_no_number() {
        for full in [0.0, -0.2] {
            let confidence = Confidence { full, masked: -0.5 };
            assert_eq!(confidence.average_drop(), None);
            assert!(confidence.drop() > 0.0);
        }
    }

    proptest! {
        #[test]
        fn drop_and_increase_exclude_each_other(full in -1f64..1.0, masked in -1f64..1.0) {
            let confidence = Confidence { full, masked };
            prop_assert!(confidence.drop() * confidence.increase() == 0.0);
            prop_assert!((0.0..=2.0).contains(&confidence.drop()));
            prop_assert!(confidence.average_drop().is_none_or(|percent| percent >= 0.0));
        }

        #[test]
        fn at_most_half_of_the_tokens_stay(scores in prop::collection::vec(-3f32..3.0, 3..12)) {
            let inner = scores.len() - 2;
            let kept = kept_tokens(&caption(inner), &scores).unwrap();
            prop_assert!(2 * kept.iter().filter(|&&kept| kept).count() <= inner);
        }
    }
}
