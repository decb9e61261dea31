//! What decides.

use std::fmt;
use std::str::FromStr;

use m2ib::Modality;
use m2ib_metrics::{Direction, Metric};
use serde::{Serialize, Serializer};

use crate::Error;
use crate::roar::RoarMeasure;

/// By what settings are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// A metric's mean.
    Metric(Metric),
    /// What a fine-tuning loses without what the explanations call important.
    Roar(RoarMeasure),
}

impl Goal {
    /// Whether it judges masks, so that a threshold can be chosen by it: `iou` and `dice`.
    pub fn judges_masks(self) -> bool {
        matches!(self, Self::Metric(Metric::Iou | Metric::Dice))
    }

    /// Its heading.
    pub fn label(self) -> String {
        match self {
            Self::Metric(metric) => metric.label().into(),
            Self::Roar(measure) => format!("ROAR+ {}", measure.label()),
        }
    }

    /// Which way is better.
    pub fn direction(self) -> Direction {
        match self {
            Self::Metric(metric) => metric.direction(),
            Self::Roar(_) => Direction::Higher,
        }
    }

    /// What tables multiply it with.
    pub fn scale(self) -> f64 {
        match self {
            Self::Metric(metric) => metric.scale(),
            Self::Roar(_) => 1.0,
        }
    }

    /// What may be missing where it has no value.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Metric(metric) if metric.needs_mask() => "; it needs data with boxes or masks",
            Self::Metric(_) => "",
            Self::Roar(_) => "; the report is of other methods",
        }
    }

    /// Whose explanations it judges.
    pub fn modalities(self) -> &'static [Modality] {
        match self {
            Self::Metric(metric) => match metric.modality() {
                Modality::Image => &[Modality::Image],
                Modality::Text => &[Modality::Text],
            },
            Self::Roar(_) => &[Modality::Image, Modality::Text],
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Metric(metric) => metric.key(),
            Self::Roar(measure) => measure.key(),
        })
    }
}

impl FromStr for Goal {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let mut measures = RoarMeasure::ALL.into_iter();
        if let Some(measure) = measures.find(|measure| measure.key() == name) {
            return Ok(Self::Roar(measure));
        }
        name.parse().map(Self::Metric).map_err(|_| {
            let metrics = Metric::ALL.map(Metric::key).into_iter();
            let all = metrics.chain(RoarMeasure::ALL.map(RoarMeasure::key));
            Error::Goal {
                found: name.into(),
                expected: all.collect::<Vec<_>>().join(", "),
            }
        })
    }
}

impl Serialize for Goal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_others_refused_with_what_there_is() {
        let goals = [
            Goal::Metric(Metric::Road),
            Goal::Roar(RoarMeasure::ImageToText),
            Goal::Roar(RoarMeasure::TextToImage),
            Goal::Roar(RoarMeasure::Loss),
        ];
        for goal in goals {
            assert_eq!(goal.to_string().parse::<Goal>().unwrap(), goal);
        }
        let error = "rode".parse::<Goal>().unwrap_err().to_string();
        for part in ["\"rode\"", "road", "roar_loss"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
