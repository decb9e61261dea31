//! Thresholds chosen together with settings: every candidate's maps are cut in every way, and the truth's
//! masks decide.

use m2ib::DualEncoder;
use m2ib::segment::{Segmenter, Threshold};
use m2ib_data::{Dataset, Pictures};
use m2ib_metrics::{Groups, Metric, Paired};

use super::{Goal, Grid, HeldOut, Search};
use crate::Result;
use crate::comparison::{Finding, Plan};
use crate::journal::Journal;

/// Ways to cut a map into a mask.
#[derive(Debug, Clone, PartialEq)]
pub struct Cuts {
    /// Thresholds to try.
    pub thresholds: Vec<Threshold>,
    /// Everything else of a segmentation; its threshold is what others are held against.
    pub segmenter: Segmenter,
}

impl Default for Cuts {
    /// From 0.05 to 0.95, Otsu's, and four shares of the mass, held against one half.
    fn default() -> Self {
        let fixed = (1..20u8).map(|step| Threshold::Fixed(f32::from(step) / 20.0));
        let shares = [0.1, 0.2, 0.3, 0.5].map(Threshold::Mass);
        Self {
            thresholds: fixed.chain([Threshold::Otsu]).chain(shares).collect(),
            segmenter: Segmenter::new(Threshold::Fixed(0.5)),
        }
    }
}

impl Cuts {
    /// The segmentation at a threshold.
    fn at(&self, threshold: Threshold) -> Segmenter {
        Segmenter {
            threshold,
            ..self.segmenter
        }
    }
}

impl Plan {
    /// What masks say of a grid, whose candidates are this plan's methods, and of the ways to cut their
    /// maps. The metric is [`Metric::Iou`] or [`Metric::Dice`].
    ///
    /// # Errors
    /// [`Error::NothingToChooseBy`](crate::Error::NothingToChooseBy) if no pair has a value;
    /// [`Error::Journal`](crate::Error::Journal).
    pub fn search_cuts(
        &self,
        (grid, cuts): (&Grid, &Cuts),
        metric: Metric,
        model: &DualEncoder,
        dataset: &Dataset,
        journal: &Journal<Finding>,
    ) -> Result<Search> {
        let comparison = self.compare(model.name(), dataset, journal)?;
        let segmenters: Vec<Segmenter> = cuts.thresholds.iter().map(|&at| cuts.at(at)).collect();
        let values = self.cuts(metric, &segmenters, model, dataset, journal)?;
        let values: Vec<_> = values.into_iter().flatten().collect();
        let groups = groups(dataset);
        let (goal, thresholds) = (Goal::Metric(metric), &cuts.thresholds);
        Search::of(
            goal,
            grid,
            &comparison,
            (&values, &groups),
            thresholds,
            self.seed,
        )
    }
}

impl Search {
    /// Adds what became of the chosen setting at its threshold, the first of a plan's methods, and of the
    /// others at what thresholds are held against, on pairs that were held out.
    ///
    /// # Errors
    /// [`Error::Journal`](crate::Error::Journal).
    pub fn with_held_out_cuts(
        mut self,
        (plan, cuts): (&Plan, &Cuts),
        model: &DualEncoder,
        dataset: &Dataset,
        journal: &Journal<Finding>,
    ) -> Result<Self> {
        let (Goal::Metric(metric), Some(chosen)) = (self.goal, self.threshold()) else {
            return Ok(self);
        };
        let usual = cuts.segmenter.threshold;
        let both = [cuts.at(chosen), cuts.segmenter];
        let values = plan.cuts(metric, &both, model, dataset, journal)?;
        let mut entries = Vec::new();
        for (place, (method, values)) in plan.methods.iter().zip(values).enumerate() {
            for (threshold, values) in [chosen, usual].into_iter().zip(values) {
                // The others as they are, and the chosen one as it is cut and as it would be.
                let wanted = match place {
                    0 => threshold == chosen || chosen != usual,
                    _ => threshold == usual,
                };
                let known = |(key, at, _): &(String, Threshold, _)| {
                    (key, *at) == (&method.key(), threshold)
                };
                if wanted && !entries.iter().any(known) {
                    entries.push((method.key(), threshold, values));
                }
            }
        }
        let values: Vec<_> = entries
            .iter()
            .map(|(_, _, values)| values.clone())
            .collect();
        // Whoever is best here, the chosen one is what the others are compared with.
        let first = |place: usize| place == 0;
        let direction = metric.direction();
        let paired = Paired::of(&values, first, &groups(dataset), direction, plan.seed);
        let stands = paired.map(|paired| paired.stands).unwrap_or_default();
        let entries = entries.into_iter().zip(stands);
        let held_out = entries.filter_map(|((method, threshold, _), stand)| {
            let stand = stand?;
            Some(HeldOut {
                method,
                threshold: Some(threshold),
                value: stand.value,
                behind: stand.behind,
            })
        });
        self.held_out = held_out.collect();
        Ok(self)
    }
}

/// Rows by their pictures.
fn groups(dataset: &Dataset) -> Groups {
    Groups::of_pictures(Pictures::of(dataset).of_rows().iter().copied())
}
