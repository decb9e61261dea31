//! Which token of a caption CLIP reads out.

use std::fmt;

use crate::clip::TextConfig;
use crate::{Error, Result};

/// Which token of a caption is pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The first token with this id.
    FirstEos(i64),
    /// The token with the largest id. OpenAI conversions state `eos_token_id` 2 and mean this:
    /// their end token is the last of the vocabulary.
    LargestId,
}

impl Pooling {
    /// The rule for a configuration, `tokenizer_eos` being the end token that captions really
    /// carry, where known (MetaCLIP 2's is truly 2).
    pub fn new(config: &TextConfig, tokenizer_eos: Option<i64>) -> Self {
        match config.eos_token_id {
            2 if tokenizer_eos != Some(2) => Self::LargestId,
            eos => Self::FirstEos(eos),
        }
    }

    /// Position of the pooled token in `ids`.
    ///
    /// # Errors
    /// [`Error::TokenIds`] if there is no end token.
    pub fn position(self, ids: &[i64]) -> Result<usize> {
        let position = match self {
            Self::FirstEos(eos) => ids.iter().position(|&id| id == eos),
            Self::LargestId => {
                // The first maximum, as torch's argmax.
                let largest = ids.iter().max();
                ids.iter().position(|id| Some(id) == largest)
            }
        };
        position.ok_or_else(|| Error::TokenIds {
            reason: format!("found no end token ({self:?}) in {ids:?}, expected one to pool"),
        })
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstEos(id) => write!(f, "the first token {id}"),
            Self::LargestId => f.write_str("the token of the largest id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::ClipConfig;

    #[test]
    fn pooling_follows_the_meaning_of_id_2() {
        let mut config = ClipConfig::from_json(b"{}", "config.json").unwrap().text;
        let ids = [49406, 2, 320, 49407, 49407];
        assert_eq!(Pooling::new(&config, None).position(&ids).unwrap(), 3);
        config.eos_token_id = 2;
        assert_eq!(
            Pooling::new(&config, Some(49407)).position(&ids).unwrap(),
            3
        );
        assert_eq!(Pooling::new(&config, None).position(&ids).unwrap(), 3);
        assert_eq!(Pooling::new(&config, Some(2)).position(&ids).unwrap(), 1);
        let error = Pooling::FirstEos(7).position(&ids).unwrap_err().to_string();
        assert!(error.contains("no end token"), "{error}");
    }
}
