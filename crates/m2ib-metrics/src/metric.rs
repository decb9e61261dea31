//! All metrics by name: what tables need to know of each.

use std::fmt;
use std::str::FromStr;

use m2ib_settings::Modality;
use serde::{Deserialize, Serialize};

use crate::{Error, Estimate, Groups};

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

impl Direction {
    /// "↑" or "↓".
    pub fn arrow(self) -> &'static str {
        match self {
            Self::Higher => "↑",
            Self::Lower => "↓",
        }
    }

    /// Whether `a` is better than `b`.
    pub fn prefers(self, a: f64, b: f64) -> bool {
        match self {
            Self::Higher => a > b,
            Self::Lower => a < b,
        }
    }
}

/// A metric of one modality's explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// [`Confidence::drop`](super::Confidence::drop), 0..2.
    ImageDrop,
    /// [`Confidence::increase`](super::Confidence::increase), 0 or 1.
    ImageIncrease,
    /// [`Confidence::average_drop`](super::Confidence::average_drop), percent.
    ImageAverageDrop,
    /// Area of [`image_deletion`](super::image_deletion), −1..1.
    ImageDeletion,
    /// Area of [`image_insertion`](super::image_insertion), −1..1.
    ImageInsertion,
    /// [`Road::morf`](super::Road::morf), −1..1.
    RoadMorf,
    /// [`Road::lerf`](super::Road::lerf), −1..1.
    RoadLerf,
    /// [`Road::combined`](super::Road::combined), −1..1.
    Road,
    /// [`pointing`](crate::localisation::pointing), 0..1. Needs a mask.
    Pointing,
    /// [`pointing_within`](crate::localisation::pointing_within) 15 pixels, 0..1. Needs a mask.
    PointingTolerant,
    /// [`energy`](crate::localisation::energy), 0..1. Needs a mask.
    Energy,
    /// [`energy`](crate::localisation::energy) on what the caption does not name, 0..1. Needs a mask
    /// of that.
    OtherEnergy,
    /// [`iou_at`](crate::localisation::iou_at) ½, 0..1. Needs a mask.
    Iou,
    /// [`iou_best`](crate::localisation::iou_best), 0..1. Needs a mask.
    IouBest,
    /// [`dice_at`](crate::localisation::dice_at) ½, 0..1. Needs a mask.
    Dice,
    /// [`dice_best`](crate::localisation::dice_best), 0..1. Needs a mask.
    DiceBest,
    /// [`image_sensitivity`](super::image_sensitivity), 0 and up.
    ImageSensitivity,
    /// [`image_infidelity`](super::image_infidelity), 0..4.
    ImageInfidelity,
    /// Mean of [`parameter_randomisation`](super::parameter_randomisation), −1..1.
    ImageParameters,
    /// Mean correlation of [`partner_randomisation`](super::partner_randomisation), −1..1.
    ImagePartner,
    /// Mean [overlap](super::Likeness::overlap) of the same, 0..1.
    ImagePartnerHottest,
    /// Correlation of the [`seed_level`](super::seed_level), −1..1: what the two correlations before are
    /// read against.
    ImageSeeds,
    /// Overlap of the same, 0..1.
    ImageSeedsHottest,
    /// [`Confidence::drop`](super::Confidence::drop), 0..2.
    TextDrop,
    /// [`Confidence::increase`](super::Confidence::increase), 0 or 1.
    TextIncrease,
    /// [`Confidence::average_drop`](super::Confidence::average_drop), percent.
    TextAverageDrop,
    /// Area of [`text_deletion`](super::text_deletion), −1..1.
    TextDeletion,
    /// Area of [`text_insertion`](super::text_insertion), −1..1.
    TextInsertion,
    /// [`word_on_top`](crate::words::word_on_top), 0 or 1. Needs to be known what names the object.
    TextWord,
    /// [`token_on_top`](crate::words::token_on_top), 0 or 1. Needs the same.
    TextToken,
    /// [`above_absent`](crate::words::above_absent), 0 or 1. Needs to be known what names the object,
    /// and what names something that the picture does not show.
    TextAbsent,
    /// [`balance`](crate::words::balance), 0..1. Needs a name of two words.
    TextBalance,
    /// [`pooled_share`](m2ib_attribution::TextAttribution::pooled_share), 0..1.
    TextEndToken,
    /// [`text_sensitivity`](super::text_sensitivity), 0 and up.
    TextSensitivity,
    /// [`text_infidelity`](super::text_infidelity), 0..4.
    TextInfidelity,
    /// Mean of [`parameter_randomisation`](super::parameter_randomisation), −1..1.
    TextParameters,
    /// Mean correlation of [`partner_randomisation`](super::partner_randomisation), −1..1.
    TextPartner,
    /// As [`ImageSeeds`](Self::ImageSeeds).
    TextSeeds,
}

impl Metric {
    /// Those that are asked of pairs of which the truth is known, in the order of tables.
    pub const TRUTH: [Self; 10] = [
        Self::Pointing,
        Self::Energy,
        Self::OtherEnergy,
        Self::Iou,
        Self::IouBest,
        Self::TextWord,
        Self::TextToken,
        Self::TextAbsent,
        Self::TextBalance,
        Self::TextEndToken,
    ];

    /// All, in the order of tables.
    pub const ALL: [Self; 38] = [
        Self::ImageDrop,
        Self::ImageIncrease,
        Self::ImageAverageDrop,
        Self::ImageDeletion,
        Self::ImageInsertion,
        Self::RoadMorf,
        Self::RoadLerf,
        Self::Road,
        Self::Pointing,
        Self::PointingTolerant,
        Self::Energy,
        Self::OtherEnergy,
        Self::Iou,
        Self::IouBest,
        Self::Dice,
        Self::DiceBest,
        Self::ImageSensitivity,
        Self::ImageInfidelity,
        Self::ImageParameters,
        Self::ImagePartner,
        Self::ImagePartnerHottest,
        Self::ImageSeeds,
        Self::ImageSeedsHottest,
        Self::TextDrop,
        Self::TextIncrease,
        Self::TextAverageDrop,
        Self::TextDeletion,
        Self::TextInsertion,
        Self::TextWord,
        Self::TextToken,
        Self::TextAbsent,
        Self::TextBalance,
        Self::TextEndToken,
        Self::TextSensitivity,
        Self::TextInfidelity,
        Self::TextParameters,
        Self::TextPartner,
        Self::TextSeeds,
    ];

    /// Its name in files and on the command line.
    pub fn key(self) -> &'static str {
        self.about().0
    }

    /// Its heading.
    pub fn label(self) -> &'static str {
        self.about().1
    }

    /// Which way is better.
    pub fn direction(self) -> Direction {
        self.about().2
    }

    /// Whose explanation it judges.
    pub fn modality(self) -> Modality {
        match self {
            Self::TextDrop
            | Self::TextIncrease
            | Self::TextAverageDrop
            | Self::TextDeletion
            | Self::TextInsertion
            | Self::TextWord
            | Self::TextToken
            | Self::TextAbsent
            | Self::TextBalance
            | Self::TextEndToken
            | Self::TextSensitivity
            | Self::TextInfidelity
            | Self::TextParameters
            | Self::TextPartner
            | Self::TextSeeds => Modality::Text,
            _ => Modality::Image,
        }
    }

    /// What tables multiply it with: 100 where the literature prints cosines × 100 or shares in
    /// percent, 1,000 where values are so small that two digits would show none, else 1.
    pub fn scale(self) -> f64 {
        match self {
            Self::ImageDrop | Self::ImageIncrease | Self::TextDrop | Self::TextIncrease => 100.0,
            Self::ImageInfidelity | Self::TextInfidelity => 1000.0,
            _ => 1.0,
        }
    }

    /// Whether it needs to be known where the object is.
    pub fn needs_mask(self) -> bool {
        matches!(
            self,
            Self::Pointing
                | Self::PointingTolerant
                | Self::Energy
                | Self::OtherEnergy
                | Self::Iou
                | Self::IouBest
                | Self::Dice
                | Self::DiceBest
        )
    }

    /// Whether it is of a pair's name for the object: which words of the caption that is.
    pub fn needs_name(self) -> bool {
        matches!(
            self,
            Self::TextWord | Self::TextToken | Self::TextAbsent | Self::TextBalance
        )
    }

    /// Whether it explains a pair again and again: taken of the first pairs only.
    pub fn is_repeated(self) -> bool {
        self.needs_partner()
            || matches!(
                self,
                Self::ImageSensitivity
                    | Self::TextSensitivity
                    | Self::ImageParameters
                    | Self::TextParameters
                    | Self::ImageSeeds
                    | Self::ImageSeedsHottest
                    | Self::TextSeeds
            )
    }

    /// Whether it explains a pair against another picture or another picture's caption.
    pub fn needs_partner(self) -> bool {
        matches!(
            self,
            Self::ImagePartner | Self::ImagePartnerHottest | Self::TextPartner
        )
    }

    fn about(self) -> (&'static str, &'static str, Direction) {
        use Direction::{Higher, Lower};
        match self {
            Self::ImageDrop => ("image_drop", "drop", Lower),
            Self::ImageIncrease => ("image_increase", "increase", Higher),
            Self::ImageAverageDrop => ("image_average_drop", "average drop %", Lower),
            Self::ImageDeletion => ("image_deletion", "deletion", Lower),
            Self::ImageInsertion => ("image_insertion", "insertion", Higher),
            Self::RoadMorf => ("road_morf", "ROAD MoRF", Lower),
            Self::RoadLerf => ("road_lerf", "ROAD LeRF", Higher),
            Self::Road => ("road", "ROAD", Higher),
            Self::Pointing => ("pointing", "pointing", Higher),
            Self::PointingTolerant => ("pointing_tolerant", "pointing ± 15 px", Higher),
            Self::Energy => ("energy", "energy", Higher),
            Self::OtherEnergy => ("other_energy", "other's energy", Lower),
            Self::Iou => ("iou", "IoU at 0.5", Higher),
            Self::IouBest => ("iou_best", "best IoU", Higher),
            Self::Dice => ("dice", "Dice at 0.5", Higher),
            Self::DiceBest => ("dice_best", "best Dice", Higher),
            Self::ImageSensitivity => ("image_sensitivity", "sensitivity", Lower),
            Self::ImageInfidelity => ("image_infidelity", "infidelity × 10³", Lower),
            Self::ImageParameters => ("image_parameters", "random weights", Lower),
            Self::ImagePartner => ("image_partner", "other caption", Lower),
            Self::ImagePartnerHottest => ("image_partner_hottest", "hottest, other caption", Lower),
            Self::ImageSeeds => ("image_seeds", "other seed", Higher),
            Self::ImageSeedsHottest => ("image_seeds_hottest", "hottest, other seed", Higher),
            Self::TextDrop => ("text_drop", "drop", Lower),
            Self::TextIncrease => ("text_increase", "increase", Higher),
            Self::TextAverageDrop => ("text_average_drop", "average drop %", Lower),
            Self::TextDeletion => ("text_deletion", "deletion", Lower),
            Self::TextInsertion => ("text_insertion", "insertion", Higher),
            Self::TextWord => ("text_word", "word on top", Higher),
            Self::TextToken => ("text_token", "token on top", Higher),
            Self::TextAbsent => ("text_absent", "above what is absent", Higher),
            Self::TextBalance => ("text_balance", "weaker of two words", Higher),
            Self::TextEndToken => ("text_end_token", "pooled token", Lower),
            Self::TextSensitivity => ("text_sensitivity", "sensitivity", Lower),
            Self::TextInfidelity => ("text_infidelity", "infidelity × 10³", Lower),
            Self::TextParameters => ("text_parameters", "random weights", Lower),
            Self::TextPartner => ("text_partner", "other image", Lower),
            Self::TextSeeds => ("text_seeds", "other seed", Higher),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let mut all = Self::ALL.into_iter();
        all.find(|metric| metric.key() == name)
            .ok_or_else(|| Error::Metric {
                found: name.into(),
                expected: Self::ALL.map(Self::key).join(", "),
            })
    }
}

/// A metric over many pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Over the pairs that have a value; none if no pair has.
    pub value: Option<Estimate>,
    /// Pairs with a value.
    pub defined: usize,
    /// Pairs without, see each metric for when that is.
    pub undefined: usize,
    /// The mean that chance would give, where that can be said.
    #[serde(default)]
    pub chance: Option<f64>,
}

impl Summary {
    /// Of one value a pair, whose pictures these are; `seed` is of the bootstrap's draws.
    pub fn of(values: &[Option<f64>], groups: &Groups, seed: u64) -> Self {
        let places: Vec<usize> = (0..values.len())
            .filter(|&at| values[at].is_some())
            .collect();
        let defined: Vec<f64> = values.iter().flatten().copied().collect();
        Self {
            value: Estimate::of(&defined, &groups.only(&places), seed),
            defined: defined.len(),
            undefined: values.len() - defined.len(),
            chance: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_is_found_under_its_own_name() {
        for metric in Metric::ALL {
            assert_eq!(metric.key().parse::<Metric>().unwrap(), metric);
            let json = serde_json::to_string(&metric).unwrap();
            assert_eq!(json, format!("\"{}\"", metric.key()));
        }
        assert_eq!(BTreeSet::from(Metric::ALL).len(), Metric::ALL.len());
        let error = "iuo".parse::<Metric>().unwrap_err().to_string();
        assert!(
            error.contains("\"iuo\"") && error.contains("road_morf, road_lerf"),
            "{error}"
        );
    }

    #[test]
    fn labels_are_unique_within_a_modality() {
        let labels: BTreeSet<_> = Metric::ALL.map(|m| (m.modality(), m.label())).into();
        assert_eq!(labels.len(), Metric::ALL.len());
        let keys = Metric::ALL.iter().filter(|m| m.key().starts_with("text_"));
        assert!(keys.clone().all(|m| m.modality() == Modality::Text));
        let texts = Metric::ALL
            .iter()
            .filter(|m| m.modality() == Modality::Text);
        assert_eq!(keys.count(), texts.count());
    }

    #[test]
    fn pairs_without_a_value_are_counted_and_left_out() {
        let groups = Groups::of_pictures([4, 5, 6]);
        let summary = Summary::of(&[Some(1.0), None, Some(3.0)], &groups, 0);
        assert_eq!(summary.value.unwrap().mean, 2.0);
        assert_eq!((summary.defined, summary.undefined), (2, 1));
        assert!(summary.value.unwrap().interval.is_some());
        // What is left is of one picture.
        let of_one = Summary::of(
            &[Some(1.0), None, Some(3.0)],
            &Groups::of_pictures([4, 5, 4]),
            0,
        );
        assert_eq!(of_one.value.unwrap().interval, None);
        let nothing = Summary::of(&[None, None], &Groups::of_pictures([0, 1]), 0);
        assert_eq!((nothing.value, nothing.undefined), (None, 2));
    }

    #[test]
    fn better_is_up_or_down() {
        assert!(Direction::Higher.prefers(2.0, 1.0) && !Direction::Higher.prefers(1.0, 1.0));
        assert!(Direction::Lower.prefers(-1.0, 1.0));
    }
}
