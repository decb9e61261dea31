//! What more was asked of a pair than where.

use serde::{Deserialize, Serialize};

use crate::{Contrast, Interactions, Spread};

/// What an explanation says beyond its map and its words; nothing, unless it was asked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Asked {
    /// Why this caption rather than that one: then the map and the words speak for the caption
    /// instead of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
    /// How sure the map is: then the map and the words are means over several seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Which word goes with which patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interactions: Option<Interactions>,
}

impl Asked {
    /// Whether nothing more was asked.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
