//! What the trials of a grid amount to.

use m2ib::segment::Threshold;
use m2ib::{Config, Modality, Overrides};
use m2ib_data::{Dataset, Pictures};
use m2ib_metrics::{Estimate, Groups, Metric, Paired};
use serde::Serialize;

use super::{Axis, Dimension, Goal, Grid};
use crate::comparison::{Comparison, Finding, Plan, values};
use crate::journal::Journal;
use crate::roar::{RoarMeasure, RoarReport};
use crate::{Error, Result};

/// A grid with what decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Search {
    /// What decided.
    pub goal: Goal,
    /// The data set's name.
    pub data: String,
    /// The model's name.
    pub model: String,
    /// Pairs that every setting was measured on, so that all means are over the same.
    pub pairs: usize,
    /// Pairs that there were to choose by.
    pub of: usize,
    /// What was varied.
    pub dimensions: Vec<Dimension>,
    /// Every combination, in the grid's order.
    pub tried: Vec<Tried>,
    /// The best one's place among them.
    pub chosen: usize,
    /// The chosen setting and the presets on pairs that nothing was chosen by.
    pub held_out: Vec<HeldOut>,
    /// What ROAR+ found, if it decided.
    pub roar: Option<RoarReport>,
    #[serde(skip)]
    config: Option<Config>,
}

/// A combination and how it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// As a method with its settings.
    pub method: String,
    /// The place of its value in each dimension.
    pub places: Vec<usize>,
    /// Where its maps were cut into masks, if the goal judges masks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// The goal's mean; none where less than half as many pairs could be measured as elsewhere.
    pub value: Option<Estimate>,
    /// How much worse than the chosen one, pair by pair: 0 for that one, and not told from it
    /// where the interval holds 0.
    pub behind: Option<Estimate>,
    /// Pairs explained in a second by one thread, of the sides that the goal judges.
    pub pairs_a_second: f64,
    /// Pairs without a value.
    pub missing: usize,
}

/// A setting on pairs that were held out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldOut {
    /// As a method with its settings.
    pub method: String,
    /// Where its maps were cut into masks, if the goal judges masks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// The goal's mean over them.
    pub value: Estimate,
    /// How much worse than the chosen one, pair by pair.
    pub behind: Estimate,
}

/// A goal's values, pair by pair.
type Values = Vec<Option<f64>>;

impl Plan {
    /// What a metric says of a grid, whose candidates are this plan's methods.
    ///
    /// # Errors
    /// [`Error::NothingToChooseBy`] if no pair has a value; [`Error::Journal`].
    pub fn search(
        &self,
        grid: &Grid,
        metric: Metric,
        model: &str,
        dataset: &Dataset,
        journal: &Journal<Finding>,
    ) -> Result<Search> {
        let comparison = self.compare(model, dataset, journal)?;
        let (values, groups) = self.values(metric, dataset, journal)?;
        let seed = self.seed;
        Search::of(
            Goal::Metric(metric),
            grid,
            &comparison,
            (&values, &groups),
            &[],
            seed,
        )
    }

    /// A metric's values of each method, row by row, and the rows' pictures.
    fn values(
        &self,
        metric: Metric,
        dataset: &Dataset,
        journal: &Journal<Finding>,
    ) -> Result<(Vec<Values>, Groups)> {
        let outcomes = self.outcomes(dataset, journal)?.into_iter();
        let pictures = Pictures::of(dataset);
        let groups = Groups::of_pictures(pictures.of_rows().iter().copied());
        let values = outcomes.map(|outcomes| values(metric, &outcomes)).collect();
        Ok((values, groups))
    }
}

impl Search {
    /// What ROAR+ says of a grid; the comparison and the report are of its candidates.
    ///
    /// # Errors
    /// [`Error::NothingToChooseBy`] for a report of other methods.
    pub fn by_roar(
        grid: &Grid,
        measure: RoarMeasure,
        comparison: &Comparison,
        report: RoarReport,
    ) -> Result<Self> {
        let values = comparison.methods.iter().map(|column| {
            let mut rows = report.methods.iter();
            let row = rows.find(|row| row.name == column.method);
            let values = row
                .map(|row| report.falls(row, measure))
                .unwrap_or_default();
            values.into_iter().map(Some).collect()
        });
        let (goal, seed) = (Goal::Roar(measure), report.settings.seed);
        let (values, groups) = (values.collect::<Vec<_>>(), report.groups());
        let mut search = Self::of(goal, grid, comparison, (&values, &groups), &[], seed)?;
        // The numbers are one a pair and run.
        (search.pairs, search.of) = (report.judged(), report.judged());
        search.roar = Some(report);
        Ok(search)
    }

    /// `values` holds each candidate's; where maps are cut, one for each candidate and threshold.
    pub(super) fn of(
        goal: Goal,
        grid: &Grid,
        comparison: &Comparison,
        (values, groups): (&[Values], &Groups),
        thresholds: &[Threshold],
        seed: u64,
    ) -> Result<Self> {
        let of = values.iter().map(Vec::len).max().unwrap_or_default();
        let paired = Paired::of(values, |_| true, groups, goal.direction(), seed);
        let paired = paired.ok_or(Error::NothingToChooseBy { goal })?;
        let chosen = paired.best;
        let candidates = grid.candidates()?;
        let cuts = thresholds.len().max(1);
        let config = candidates[chosen / cuts].method.config();
        let config = config.map(|config| Config {
            mask: thresholds.get(chosen % cuts).copied(),
            ..config
        });
        let found = paired.stands.iter().zip(values).enumerate();
        let tried = found.map(|(place, (stand, values))| Tried {
            method: comparison.methods[place / cuts].method.clone(),
            places: {
                let mut places = candidates[place / cuts].places.clone();
                places.extend((!thresholds.is_empty()).then_some(place % cuts));
                places
            },
            threshold: thresholds.get(place % cuts).copied(),
            value: stand.map(|stand| stand.value),
            behind: stand.map(|stand| stand.behind),
            pairs_a_second: comparison.methods[place / cuts].pairs_a_second,
            missing: of - values.iter().flatten().count(),
        });
        let tried = tried.collect();
        let mut dimensions = grid.dimensions().to_vec();
        dimensions.extend((!thresholds.is_empty()).then(|| Dimension {
            axis: Axis::Threshold,
            values: thresholds.iter().map(Threshold::to_string).collect(),
        }));
        Ok(Self {
            goal,
            data: comparison.data.clone(),
            model: comparison.model.clone(),
            pairs: paired.pairs,
            of,
            dimensions,
            tried,
            chosen,
            held_out: Vec::new(),
            roar: None,
            config,
        })
    }

    /// Adds what became of the chosen setting, the first of a plan's methods, and of others on pairs
    /// that were held out.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub fn with_held_out(
        mut self,
        plan: &Plan,
        dataset: &Dataset,
        journal: &Journal<Finding>,
    ) -> Result<Self> {
        let Goal::Metric(metric) = self.goal else {
            return Ok(self);
        };
        let (values, groups) = plan.values(metric, dataset, journal)?;
        // Whoever is best here, the chosen one is what the others are compared with.
        let first = |place: usize| place == 0;
        let paired = Paired::of(&values, first, &groups, metric.direction(), plan.seed);
        let stands = paired.map(|paired| paired.stands).unwrap_or_default();
        let methods = plan.methods.iter().zip(stands);
        let held_out = methods.filter_map(|(method, stand)| {
            let stand = stand?;
            Some(HeldOut {
                method: method.key(),
                threshold: None,
                value: stand.value,
                behind: stand.behind,
            })
        });
        self.held_out = held_out.collect();
        Ok(self)
    }

    /// What decided, as tables head it.
    pub(super) fn label(&self) -> String {
        match (self.threshold(), self.goal) {
            (Some(_), Goal::Metric(Metric::Dice)) => "Dice of masks".into(),
            (Some(_), _) => "IoU of masks".into(),
            (None, goal) => goal.label(),
        }
    }

    /// Where maps are best cut into masks, if the goal judges masks.
    pub fn threshold(&self) -> Option<Threshold> {
        self.chosen().threshold
    }

    /// The chosen one's place among the grid's candidates.
    pub fn candidate(&self) -> usize {
        let thresholds = self.dimensions.iter().find(|d| d.axis == Axis::Threshold);
        self.chosen / thresholds.map_or(1, |dimension| dimension.values.len())
    }

    /// Whether it is the chosen setting.
    pub(super) fn is_chosen(&self, held: &HeldOut) -> bool {
        let chosen = self.chosen();
        (&held.method, held.threshold) == (&chosen.method, chosen.threshold)
    }

    /// The best one.
    pub fn chosen(&self) -> &Tried {
        &self.tried[self.chosen]
    }

    /// The best one's settings, of the modalities that the goal judges, as an explainer's file has
    /// them; none of a method other than M2IB. Its preset is the other modality's as well.
    pub fn config(&self) -> Option<Config> {
        let config = self.config?;
        let judged = |modality, overrides: Overrides| match self.goal.modalities() {
            judged if judged.contains(&modality) => overrides,
            _ => Overrides::default(),
        };
        Some(Config {
            image: judged(Modality::Image, config.image),
            text: judged(Modality::Text, config.text),
            ..config
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use m2ib::{Layer, Preset};

    use super::*;
    use crate::comparison::Column;

    /// Two layers by three β, the goal's values pair by pair given for each.
    pub(in crate::search) fn search(goal: Goal, values: [&[Option<f64>]; 6]) -> Result<Search> {
        let grid = Grid::new(&[Preset::Matched])
            .vary(Axis::ImageLayer, ["embedding", "2"])
            .vary(Axis::Beta, [0.1, 1.0, 10.0]);
        let candidates = grid.candidates().unwrap();
        let methods = candidates.iter().map(|candidate| Column {
            method: candidate.method.key(),
            control: false,
            summaries: BTreeMap::new(),
            explained: 3,
            pairs_a_second: 2.0,
            failed: Vec::new(),
        });
        let comparison = Comparison {
            data: "three pairs".into(),
            model: "a model".into(),
            pairs: 3,
            pictures: 3,
            unread: Vec::new(),
            notes: Vec::new(),
            methods: methods.collect(),
            paired: BTreeMap::new(),
            roar: None,
        };
        let values = values.map(<[_]>::to_vec);
        let groups = Groups::of_pictures(0..values[0].len());
        Search::of(goal, &grid, &comparison, (&values, &groups), &[], 0)
    }

    fn three(a: f64, b: f64, c: f64) -> [Option<f64>; 3] {
        [a, b, c].map(Some)
    }

    #[test]
    fn the_best_mean_is_chosen_and_others_stand_behind_it_pair_by_pair() {
        let values = [
            three(0.1, 0.5, 0.3),
            three(0.2, 0.6, 0.4),
            three(0.0, 0.0, 0.0),
            three(0.3, 0.2, 0.5),
            three(0.1, 0.1, 0.1),
            three(0.2, 0.2, 0.2),
        ];
        let values = values.each_ref().map(|values| &values[..]);
        let found = search(Goal::Metric(Metric::Road), values).unwrap();
        assert_eq!(found.chosen, 1);
        assert!(found.chosen().behind.unwrap().mean == 0.0);
        // Always 0.1 worse: no doubt about it, however the pairs differ.
        let [low, high] = found.tried[0].behind.unwrap().ends();
        assert!((low - 0.1).abs() < 1e-9 && (high - 0.1).abs() < 1e-9);
        // Better once: not told apart.
        assert!(found.tried[3].behind.unwrap().ends()[0] < 0.0);
        // Where less is better, the smallest.
        let found = search(Goal::Metric(Metric::ImageDeletion), values).unwrap();
        assert_eq!(found.chosen, 2);
        assert!(found.tried[1].behind.unwrap().mean > 0.0);
    }

    #[test]
    fn all_means_are_over_the_pairs_that_all_have() {
        let none = [None; 3];
        let (easy, hard) = (three(1.0, 0.0, 0.0), [None, Some(0.1), Some(0.1)]);
        let values = [&easy[..], &hard, &none, &easy, &easy, &easy];
        let found = search(Goal::Metric(Metric::Energy), values).unwrap();
        assert_eq!((found.chosen, found.pairs), (1, 2));
        assert!(found.tried[2].value.is_none());
        assert_eq!((found.tried[1].missing, found.tried[2].missing), (1, 3));
        // One that nearly always fails leaves the others theirs.
        let rare = [Some(9.0), None, None];
        let values = [&easy[..], &easy, &easy, &easy, &easy, &rare];
        let found = search(Goal::Metric(Metric::Energy), values).unwrap();
        assert_eq!((found.chosen, found.pairs), (0, 3));
        assert!(found.tried[5].value.is_none());
        let error = search(Goal::Metric(Metric::Energy), [&none[..]; 6]).unwrap_err();
        assert!(error.to_string().contains("energy"), "{error}");
    }

    #[test]
    fn the_config_holds_what_the_goal_judged() {
        let flat = three(0.0, 0.0, 0.0);
        let good = three(1.0, 1.0, 1.0);
        let values = [&flat[..], &flat, &flat, &flat, &flat, &good];
        let config = |goal| search(goal, values).unwrap().config().unwrap();
        let of_image = config(Goal::Metric(Metric::Pointing));
        assert_eq!(of_image.preset, Some(Preset::Matched));
        assert_eq!(of_image.image.layer, Some(Layer::Block(2)));
        assert_eq!(of_image.image.beta, Some(10.0.into()));
        assert_eq!(of_image.text, Overrides::default());
        let of_both = config(Goal::Roar(RoarMeasure::Loss));
        assert_eq!(of_both.text.beta, Some(10.0.into()));
        assert_eq!(of_both.text.layer, None);
    }
}
