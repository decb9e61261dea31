//! Where a bottleneck sits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Modality};

/// The hidden layer a bottleneck masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The tower's input to block 0 (Hugging Face's `hidden_states[0]`): tokens with their positions,
    /// in CLIP's image tower behind the norm before its first block.
    Embedding,
    /// The output of this block, counted from 0 (Hugging Face's `hidden_states[n + 1]`).
    Block(usize),
}

impl Layer {
    /// All that a tower of `depth` blocks has and that leave a block behind them.
    pub fn all(depth: usize) -> impl Iterator<Item = Self> {
        let blocks = (0..depth.saturating_sub(1)).map(Self::Block);
        std::iter::once(Self::Embedding).chain(blocks)
    }

    /// The first block behind the mask.
    pub fn next_block(self) -> usize {
        match self {
            Self::Embedding => 0,
            Self::Block(index) => index.saturating_add(1),
        }
    }

    /// Checks the layer against a tower.
    ///
    /// # Errors
    /// [`Error::Layer`] for a block the tower does not have, or its last: behind that, only the
    /// pooled token matters, so every other token's information would be worth nothing.
    pub fn check(self, modality: Modality, depth: usize) -> Result<(), Error> {
        match self {
            Self::Block(_) if self.next_block() >= depth => Err(Error::Layer {
                modality,
                found: self,
                depth,
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedding => f.write_str("embedding"),
            Self::Block(index) => write!(f, "block.{index}"),
        }
    }
}

impl FromStr for Layer {
    type Err = Error;

    /// Reads `embedding`, `block.3` or just `3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "embedding" {
            return Ok(Self::Embedding);
        }
        let block = text.strip_prefix("block.").unwrap_or(text).parse();
        block.map(Self::Block).map_err(|_| {
            let expected = "\"embedding\" or a block's number, counted from 0";
            Error::unknown("layer", text, expected)
        })
    }
}

impl Serialize for Layer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Layer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_read_as_they_are_written() {
        for layer in [Layer::Embedding, Layer::Block(11)] {
            assert_eq!(layer.to_string().parse(), Ok(layer));
        }
        assert_eq!("3".parse(), Ok(Layer::Block(3)));
        assert!(
            "-1".parse::<Layer>()
                .unwrap_err()
                .to_string()
                .contains("\"-1\" is no layer")
        );
    }

    #[test]
    fn all_layers_leave_a_block_behind_them() {
        let all: Vec<_> = Layer::all(3).collect();
        let expected = [Layer::Embedding, Layer::Block(0), Layer::Block(1)];
        assert_eq!(all, expected);
        assert!(
            all.iter()
                .all(|layer| layer.check(Modality::Text, 3).is_ok())
        );
    }

    #[test]
    fn a_layer_must_leave_a_block_behind_it() {
        assert!(Layer::Block(10).check(Modality::Image, 12).is_ok());
        let error = Layer::Block(11)
            .check(Modality::Image, 12)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("block.11") && error.contains("0 to 10"),
            "{error}"
        );
        assert!(Layer::Block(usize::MAX).check(Modality::Text, 12).is_err());
        assert!(Layer::Embedding.check(Modality::Text, 1).is_ok());
    }
}
