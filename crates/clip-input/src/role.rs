//! What a token is for.

use serde::{Deserialize, Serialize};

/// What a token of a tower is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A patch of the image.
    Patch {
        /// Its row on the grid of patches, from the top.
        row: usize,
        /// Its column, from the left.
        column: usize,
    },
    /// A piece of the caption.
    Piece,
    /// A learned token that gathers what the others hold.
    Class,
    /// A learned token that nothing is read from.
    Register,
    /// The token before the caption.
    Start,
    /// The token behind the caption.
    End,
    /// What fills a caption up to a fixed length, where the other tokens see it.
    Padding,
}

impl Role {
    /// Whether it stands for a part of the input, a patch or a piece of the caption.
    pub fn is_input(self) -> bool {
        matches!(self, Self::Patch { .. } | Self::Piece)
    }

    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patch { .. } => "patch",
            Self::Piece => "piece",
            Self::Class => "class token",
            Self::Register => "register",
            Self::Start => "start token",
            Self::End => "end token",
            Self::Padding => "padding",
        }
    }
}
