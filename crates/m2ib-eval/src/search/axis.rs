//! What can be varied.

use std::fmt;

use m2ib::Modality;
use serde::{Serialize, Serializer};

/// A setting of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Axis {
    /// Where the other settings start from.
    Preset,
    /// The image's masked layer.
    ImageLayer,
    /// The text's.
    TextLayer,
    /// Deviation of isotropic noise.
    Sigma,
    /// β, the price of a nat.
    Beta,
    /// Adam's learning rate.
    LearningRate,
    /// Evaluations of the objective.
    Steps,
    /// Where maps are cut into masks.
    Threshold,
    /// One of another method, by its name.
    Of(&'static str),
}

impl Axis {
    /// A method's setting by its name; M2IB's are the others.
    pub fn of(name: &'static str) -> Self {
        let known = [
            Self::ImageLayer,
            Self::TextLayer,
            Self::Sigma,
            Self::Beta,
            Self::LearningRate,
            Self::Steps,
        ];
        let known = known.into_iter().find(|axis| axis.key() == name);
        known.unwrap_or(Self::Of(name))
    }

    /// Its name among a method's [`Settings`](m2ib_methods::Settings) and on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::Preset => "preset",
            Self::ImageLayer => "image-layer",
            Self::TextLayer => "text-layer",
            Self::Sigma => "sigma",
            Self::Beta => "beta",
            Self::LearningRate => "learning-rate",
            Self::Steps => "steps",
            Self::Threshold => "threshold",
            Self::Of(name) => name,
        }
    }

    /// Its name in tables and plots.
    pub fn label(self) -> &'static str {
        match self {
            Self::Preset => "preset",
            Self::ImageLayer => "image layer",
            Self::TextLayer => "text layer",
            Self::Sigma => "σ",
            Self::Beta => "β",
            Self::LearningRate => "learning rate",
            Self::Steps => "steps",
            Self::Threshold => "threshold",
            Self::Of(name) => name,
        }
    }

    /// Whether it changes a modality's explanation.
    pub fn changes(self, modality: Modality) -> bool {
        match self {
            Self::ImageLayer | Self::Threshold => modality == Modality::Image,
            Self::TextLayer => modality == Modality::Text,
            // One side's settings of other methods say so, too ("text-masks").
            Self::Of(name) => {
                let of = |side: Modality| name.starts_with(&format!("{side}-"));
                of(modality) || ![Modality::Image, Modality::Text].into_iter().any(of)
            }
            _ => true,
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

impl Serialize for Axis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sides_setting_changes_nothing_of_the_other() {
        for (name, side, other) in [
            ("text-layer", Modality::Text, Modality::Image),
            ("image-layer", Modality::Image, Modality::Text),
            ("text-masks", Modality::Text, Modality::Image),
        ] {
            assert!(Axis::of(name).changes(side), "{name}");
            assert!(!Axis::of(name).changes(other), "{name}");
            assert_eq!(Axis::of(name).key(), name);
        }
        assert_eq!(Axis::of("beta"), Axis::Beta);
        assert!(Axis::of("window").changes(Modality::Image));
    }
}
