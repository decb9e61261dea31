//! A caption's tokens, some of them hidden.

use crate::{Error, Result};

/// Token ids as the text tower takes them, and which of them stand for the caption.
///
/// Those are the *pieces*, the only tokens that are ever hidden; the others (start and end, a token
/// to gather in, padding) are the model's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionTokens {
    ids: Vec<i64>,
    pieces: Vec<usize>,
}

/// What a hidden token becomes. Its position embedding stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenFill {
    /// This id. pytorch-grad-cam multiplies ids by a mask, which makes it 0 (for CLIP's
    /// vocabulary the exclamation mark).
    Id(i64),
    /// The model's own padding token.
    Pad,
    /// The mean of the vocabulary's token embeddings: no word, and no outlier either.
    MeanEmbedding,
}

/// A caption with some pieces hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedText {
    caption: CaptionTokens,
    masked: Vec<bool>,
    fill: TokenFill,
}

impl CaptionTokens {
    /// All tokens, and the positions of the pieces in ascending order.
    ///
    /// # Errors
    /// [`Error::Setting`] for what is no ascending list of positions, [`Error::NoTokens`] for no
    /// pieces.
    pub fn new(ids: Vec<i64>, pieces: Vec<usize>) -> Result<Self> {
        if pieces.is_empty() {
            return Err(Error::NoTokens { tokens: ids.len() });
        }
        if !pieces.is_sorted_by(|a, b| a < b) || pieces.last() >= Some(&ids.len()) {
            return Err(Error::Setting {
                argument: "pieces",
                found: format!("{pieces:?}"),
                expected: "positions of tokens in ascending order",
            });
        }
        Ok(Self { ids, pieces })
    }

    /// All ids, padding included.
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// Positions of the pieces.
    pub fn pieces(&self) -> &[usize] {
        &self.pieces
    }

    /// The caption with the pieces at `positions` hidden; other positions are left alone.
    pub fn hide(&self, positions: &[usize], fill: TokenFill) -> MaskedText {
        let mut masked = vec![false; self.ids.len()];
        for &position in positions {
            if self.pieces.contains(&position) {
                masked[position] = true;
            }
        }
        MaskedText {
            caption: self.clone(),
            masked,
            fill,
        }
    }

    /// The scores of the pieces, out of one score a token of the caption (those of tokens behind
    /// the last piece may be left out).
    pub(crate) fn piece_scores(&self, scores: &[f32]) -> Result<Vec<f32>> {
        let last = self.pieces.last().copied().unwrap_or_default();
        if !(last + 1..=self.ids.len()).contains(&scores.len()) {
            return Err(Error::Shape {
                argument: "scores",
                found: vec![scores.len()],
                expected: format!("one score for each of {} tokens", self.ids.len()),
            });
        }
        let pieces: Vec<f32> = self.pieces.iter().map(|&piece| scores[piece]).collect();
        super::checks::finite("scores", &pieces)?;
        Ok(pieces)
    }
}

impl MaskedText {
    /// The caption before anything was hidden.
    pub fn caption(&self) -> &CaptionTokens {
        &self.caption
    }

    /// For each token whether it is hidden; never so for one that is no piece.
    pub fn masked(&self) -> &[bool] {
        &self.masked
    }

    /// What hidden tokens become.
    pub fn fill(&self) -> TokenFill {
        self.fill
    }

    /// The ids with `id` in place of hidden ones: what [`TokenFill::Id`] and [`TokenFill::Pad`]
    /// ask for. What is read out stays where it was, whatever the ids say.
    pub fn ids_with(&self, id: i64) -> Vec<i64> {
        let tokens = self.caption.ids.iter().zip(&self.masked);
        tokens
            .map(|(&own, &masked)| if masked { id } else { own })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pieces_are_ever_hidden() {
        let caption = CaptionTokens::new(vec![90, 5, 6, 7, 91, 0, 0], vec![1, 2, 3]).unwrap();
        let text = caption.hide(&[0, 1, 3, 4, 5, 99], TokenFill::Id(0));
        assert_eq!(text.ids_with(8), [90, 8, 6, 8, 91, 0, 0]);
        assert_eq!(text.caption(), &caption);
    }

    #[test]
    fn captions_without_pieces_are_refused() {
        let error = CaptionTokens::new(vec![90, 91], vec![]).unwrap_err();
        assert!(matches!(error, Error::NoTokens { tokens: 2 }));
        for wrong in [vec![3], vec![1, 1], vec![2, 1]] {
            assert!(CaptionTokens::new(vec![90, 5, 91], wrong).is_err());
        }
    }

    #[test]
    fn scores_may_leave_out_what_follows_and_nothing_else() {
        let caption = CaptionTokens::new(vec![90, 5, 6, 91, 0], vec![1, 2]).unwrap();
        let scores = [9.0, 1.0, 2.0, 9.0, 9.0];
        assert_eq!(caption.piece_scores(&scores).unwrap(), [1.0, 2.0]);
        assert_eq!(caption.piece_scores(&scores[..3]).unwrap(), [1.0, 2.0]);
        assert!(caption.piece_scores(&scores[..2]).is_err());
        assert!(caption.piece_scores(&[0.0, f32::NAN, 0.0]).is_err());
    }
}
