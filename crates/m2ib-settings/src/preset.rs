//! Settings by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::names::chosen;

/// A named set of settings.
///
/// `Fine` and `Fast` have two sides and one gate a token (`m2ib_core::objective` has the formulas), and
/// mask the text at its embedding. They need no calibration; `docs/settings.md` has what they were
/// chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Shows the object: the share of each patch that passes, image block depth/3 − 1, averaged over
    /// four grids that lie half a patch apart, so that the map is twice as fine. 80 passes.
    #[default]
    Fine,
    /// Finds the object: nats, image block depth/2 − 1, the model's own grid. 20 passes.
    Fast,
    /// One side with a gate a unit, as in the paper, but matched noise, image block depth/2 − 1, text at
    /// the embedding, β = 1 and 40 steps of 10 antithetic samples: 400 passes.
    Matched,
    /// The paper's and the released code's: block depth − 3 of both towers, isotropic noise with
    /// σ = 1, β = 0.1, 10 steps of 10 samples. Numbers compare with the literature.
    Released,
    /// What MedCLIP-SAMv2 runs M2IB with (Koleilat et al., *Medical Image Analysis* 2025): as released, but
    /// image block depth − 5 (7 of 12) and, for the text, β = 0.3.
    #[serde(rename = "medclip-sam")]
    MedClipSam,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Fine,
        Self::Fast,
        Self::Matched,
        Self::Released,
        Self::MedClipSam,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Fast => "fast",
            Self::Matched => "matched",
            Self::Released => "released",
            Self::MedClipSam => "medclip-sam",
        }
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        chosen("preset", &Self::ALL, text)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_names() {
        for preset in Preset::ALL {
            let json = serde_json::to_string(&preset).unwrap();
            assert_eq!(json, format!("\"{preset}\""));
        }
    }
}
