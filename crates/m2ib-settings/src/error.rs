//! What cannot be set.

use std::fmt::Display;

use crate::{Layer, Modality};

/// Text that is no setting, or a setting that a model does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that stands for none of what there is.
    #[error("\"{found}\" is no {what}, expected {expected}")]
    Unknown {
        /// What it should be.
        what: &'static str,
        /// The text.
        found: String,
        /// What there is.
        expected: String,
    },
    /// A layer that cannot be masked: its tower does not have it, or nothing lies behind it.
    #[error(
        "{modality} layer {found} is out of range: expected {}, since the tower has {depth} blocks and something must lie behind the mask",
        layers(*depth)
    )]
    Layer {
        /// The modality.
        modality: Modality,
        /// The layer asked for.
        found: Layer,
        /// The tower's blocks.
        depth: usize,
    },
}

impl Error {
    /// Of a text that is none of what is expected.
    pub(crate) fn unknown(what: &'static str, found: impl Display, expected: impl Display) -> Self {
        Self::Unknown {
            what,
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}

/// The layers of a tower that can be masked.
fn layers(depth: usize) -> String {
    match depth {
        0 | 1 => "\"embedding\"".into(),
        2 => "\"embedding\" or block 0".into(),
        _ => format!("\"embedding\" or block 0 to {}", depth - 2),
    }
}
