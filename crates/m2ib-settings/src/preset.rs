//! Settings by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::chosen;

/// A named set of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The paper's and the released code's: block depth − 3 of both towers, isotropic noise with
    /// σ = 1, β = 0.1, 10 steps of 10 samples. Numbers compare with the literature.
    #[default]
    Released,
    /// Matched noise, image block depth/2 − 1, text at the embedding, β = 1, 40 steps of 10
    /// antithetic samples. Found on the embedded emoji model; elsewhere a starting point for a search.
    Matched,
}

impl Preset {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Released, Self::Matched];
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        chosen("preset", &Self::ALL, text)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Released => "released",
            Self::Matched => "matched",
        })
    }
}
