//! What takes the place of what is withheld.

use serde::{Deserialize, Serialize};

/// Which noise replaces what a bottleneck withholds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// N(0, σ²) for every feature.
    Isotropic {
        /// σ.
        sigma: f32,
    },
    /// Each feature's own mean and deviation at the layer, from a calibration. Without one, an image
    /// uses its own patches, and text at its embedding the vocabulary.
    Matched,
}
