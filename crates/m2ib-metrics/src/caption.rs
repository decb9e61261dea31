//! A caption's tokens, some of them hidden.

use crate::{Error, Result};

/// Token ids as the text tower takes them, and which of them it pools.
///
/// The first token is the start token. Those between it and the pooled (end) token are the
/// *inner* tokens, the only ones that are ever hidden; what follows the pooled token is padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionTokens {
    ids: Vec<i64>,
    pooled: usize,
}

/// What a hidden token becomes. Its position embedding stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenFill {
    /// This id. pytorch-grad-cam multiplies ids by a mask, which makes it 0 (for CLIP's
    /// vocabulary the exclamation mark).
    Id(i64),
    /// The tokenizer's padding token.
    Pad,
    /// The mean of the vocabulary's token embeddings: no word, and no outlier either.
    MeanEmbedding,
}

/// A caption with some inner tokens hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedText {
    caption: CaptionTokens,
    masked: Vec<bool>,
    fill: TokenFill,
}

impl CaptionTokens {
    /// Start, inner tokens, pooled token at position `pooled`, and padding, if any.
    ///
    /// # Errors
    /// [`Error::Setting`] if `pooled` is no position, [`Error::NoTokens`] without inner tokens.
    pub fn new(ids: Vec<i64>, pooled: usize) -> Result<Self> {
        if pooled >= ids.len() {
            return Err(Error::Setting {
                argument: "pooled",
                found: pooled.to_string(),
                expected: "the position of a token",
            });
        }
        if pooled < 2 {
            return Err(Error::NoTokens { pooled });
        }
        Ok(Self { ids, pooled })
    }

    /// All ids, padding included.
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// Position of the token whose output is the caption's embedding.
    pub fn pooled(&self) -> usize {
        self.pooled
    }

    /// Positions of the inner tokens.
    pub fn inner(&self) -> std::ops::Range<usize> {
        1..self.pooled
    }

    /// The caption with the inner tokens at `positions` hidden; other positions are left alone.
    pub fn hide(&self, positions: &[usize], fill: TokenFill) -> MaskedText {
        let mut masked = vec![false; self.ids.len()];
        for &position in positions {
            if self.inner().contains(&position) {
                masked[position] = true;
            }
        }
        MaskedText {
            caption: self.clone(),
            masked,
            fill,
        }
    }

    /// The scores of the inner tokens, out of one score a token of the caption (those of padding
    /// may be left out).
    pub(crate) fn inner_scores<'a>(&self, scores: &'a [f32]) -> Result<&'a [f32]> {
        if !(self.pooled + 1..=self.ids.len()).contains(&scores.len()) {
            return Err(Error::Shape {
                argument: "scores",
                found: vec![scores.len()],
                expected: format!("one score for each of {} tokens", self.ids.len()),
            });
        }
        let inner = &scores[self.inner()];
        super::checks::finite("scores", inner)?;
        Ok(inner)
    }
}

impl MaskedText {
    /// The caption before anything was hidden.
    pub fn caption(&self) -> &CaptionTokens {
        &self.caption
    }

    /// For each token whether it is hidden; never so for start, pooled token and padding.
    pub fn masked(&self) -> &[bool] {
        &self.masked
    }

    /// What hidden tokens become.
    pub fn fill(&self) -> TokenFill {
        self.fill
    }

    /// The ids with `id` in place of hidden ones: what [`TokenFill::Id`] and [`TokenFill::Pad`]
    /// ask for. The position to pool stays [`CaptionTokens::pooled`], whatever the ids say.
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
    fn start_pooled_and_padding_are_never_hidden() {
        let caption = CaptionTokens::new(vec![90, 5, 6, 7, 91, 0, 0], 4).unwrap();
        let text = caption.hide(&[0, 1, 3, 4, 5, 99], TokenFill::Id(0));
        assert_eq!(text.ids_with(8), [90, 8, 6, 8, 91, 0, 0]);
        assert_eq!(text.caption(), &caption);
    }

    #[test]
    fn captions_without_inner_tokens_are_refused() {
        let error = CaptionTokens::new(vec![90, 91], 1).unwrap_err();
        assert!(matches!(error, Error::NoTokens { pooled: 1 }));
        assert!(CaptionTokens::new(vec![90, 5, 91], 3).is_err());
    }

    #[test]
    fn scores_may_leave_padding_out_but_nothing_else() {
        let caption = CaptionTokens::new(vec![90, 5, 6, 91, 0], 3).unwrap();
        let scores = [9.0, 1.0, 2.0, 9.0, 9.0];
        assert_eq!(caption.inner_scores(&scores).unwrap(), [1.0, 2.0]);
        assert_eq!(caption.inner_scores(&scores[..4]).unwrap(), [1.0, 2.0]);
        assert!(caption.inner_scores(&scores[..3]).is_err());
        assert!(caption.inner_scores(&[0.0, f32::NAN, 0.0, 0.0]).is_err());
    }
}
