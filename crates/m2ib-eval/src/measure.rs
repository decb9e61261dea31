//! What is measured, and what a measurement says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A measure of one explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// The map's hottest pixel lies on the named object
    /// ([`pointing`](m2ib_metrics::localisation::pointing)). Chance: the object's area.
    Pointing,
    /// Share of the map that lies on the named object
    /// ([`energy`](m2ib_metrics::localisation::energy)). Chance: its area.
    Energy,
    /// Share of the map that lies on an object that is not named. Low is good. Chance: its area.
    OtherEnergy,
    /// Intersection over union at half of the map's range
    /// ([`iou_at`](m2ib_metrics::localisation::iou_at)). Chance: of the same map with the masks of other
    /// scenes.
    IouHalf,
    /// Intersection over union at the best threshold
    /// ([`iou_best`](m2ib_metrics::localisation::iou_best)). Chance: as before.
    IouBest,
    /// The strongest word is one of the name's ([`word_on_top`](m2ib_metrics::words::word_on_top)).
    /// Chance: the name's share of the words.
    Word,
    /// The strongest token is one of the name's ([`token_on_top`](m2ib_metrics::words::token_on_top)).
    /// Chance: the name's share of the tokens.
    Token,
    /// Share of the text's nats that the end token takes. Above ½ the words' scores are leftovers.
    PooledShare,
}

impl Measure {
    /// Those of the image's explanation.
    pub const IMAGE: [Self; 5] = [
        Self::Pointing,
        Self::Energy,
        Self::OtherEnergy,
        Self::IouHalf,
        Self::IouBest,
    ];
    /// Those of the text's.
    pub const TEXT: [Self; 3] = [Self::Word, Self::Token, Self::PooledShare];

    /// A heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pointing => "pointing",
            Self::Energy => "energy",
            Self::OtherEnergy => "other's energy",
            Self::IouHalf => "IoU at 0.5",
            Self::IouBest => "best IoU",
            Self::Word => "word on top",
            Self::Token => "token on top",
            Self::PooledShare => "end token",
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}

/// A measurement, 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// What was measured.
    pub value: f64,
    /// What an explanation that knows nothing of the pair would get on average; none where that
    /// says nothing.
    pub chance: Option<f64>,
}
