//! Means and how sure they are: the percentile bootstrap (Efron 1979), by groups.
//!
//! Values of one picture are not independent: five captions of it tell little more than one. So
//! pictures are drawn with replacement, as many as there are, each with all of its values (the cluster
//! bootstrap), many times over; the interval holds the middle 95 % of the means of such draws.
//! Where several runs made the values, runs are drawn as well, and a value counts as often as both
//! its picture and its run were drawn (the pigeonhole bootstrap, Owen 2007), so that the spread
//! between runs widens the interval, too.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Draws; with 2,000 an interval's ends move by about a twentieth of its width between seeds.
pub const RESAMPLES: usize = 2_000;
/// Share of draws within the interval.
pub const CONFIDENCE: f64 = 0.95;

/// A mean, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Of the values.
    pub mean: f64,
    /// Its confidence interval; none for values of a single picture, which say nothing of others.
    #[serde(flatten)]
    pub interval: Option<Interval>,
}

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Which values belong together: those of one picture, and those of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    pictures: Vec<usize>,
    /// Empty where one run made all.
    runs: Vec<usize>,
}

impl Groups {
    /// The picture of each value, by any number that it has for itself.
    pub fn of_pictures(pictures: impl IntoIterator<Item = usize>) -> Self {
        Self {
            pictures: pictures.into_iter().collect(),
            runs: Vec::new(),
        }
    }

    /// The picture and the run of each value.
    pub fn of_runs(groups: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let (pictures, runs) = groups.into_iter().unzip();
        Self { pictures, runs }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// Those of some of the values, by their places.
    pub fn only(&self, places: &[usize]) -> Self {
        let some = |all: &[usize]| {
            places
                .iter()
                .filter_map(|&at| all.get(at).copied())
                .collect()
        };
        Self {
            pictures: some(&self.pictures),
            runs: some(&self.runs),
        }
    }

    /// How many pictures there are.
    pub fn pictures(&self) -> usize {
        numbered(&self.pictures).1
    }
}

impl Estimate {
    /// Of values whose groups these are; none for no values, or one that is not finite.
    pub fn of(values: &[f64], groups: &Groups, seed: u64) -> Option<Self> {
        debug_assert_eq!(values.len(), groups.len());
        if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        // Finite values have a finite mean only if no sum on the way overflows.
        let largest = values
            .iter()
            .fold(0.0, |most: f64, value| most.max(value.abs()));
        let unit = if largest > 1e100 { largest } else { 1.0 };
        let (pictures, count) = numbered(&groups.pictures);
        let (runs, run_count) = match groups.runs.is_empty() {
            true => (vec![0; values.len()], 1),
            false => numbered(&groups.runs),
        };
        let sums = Sums::of(values.iter().map(|value| value / unit), &pictures, &runs);
        let interval = (count > 1).then(|| {
            let means = sums.resampled((count, run_count), seed);
            let tail = (1.0 - CONFIDENCE) / 2.0;
            Interval {
                low: quantile(&means, tail) * unit,
                high: quantile(&means, 1.0 - tail) * unit,
            }
        });
        Some(Self {
            mean: mean(values.iter().map(|value| value / unit)) * unit,
            interval,
        })
    }

    /// Half the interval's width: what tables write behind ±.
    pub fn half(&self) -> Option<f64> {
        let Interval { low, high } = self.interval?;
        Some(high / 2.0 - low / 2.0)
    }

    /// Both ends; the mean twice where there is no interval.
    pub fn ends(&self) -> [f64; 2] {
        let ends = self.interval.map(|Interval { low, high }| [low, high]);
        ends.unwrap_or([self.mean; 2])
    }
}

/// What values of one picture and run come to together.
struct Sums(Vec<Cell>);

struct Cell {
    picture: usize,
    run: usize,
    sum: f64,
    count: f64,
}

impl Sums {
    fn of(values: impl Iterator<Item = f64>, pictures: &[usize], runs: &[usize]) -> Self {
        let mut places = HashMap::new();
        let mut cells: Vec<Cell> = Vec::new();
        for ((value, &picture), &run) in values.zip(pictures).zip(runs) {
            let place = *places.entry((picture, run)).or_insert(cells.len());
            match cells.get_mut(place) {
                Some(cell) => {
                    cell.sum += value;
                    cell.count += 1.0;
                }
                None => cells.push(Cell {
                    picture,
                    run,
                    sum: value,
                    count: 1.0,
                }),
            }
        }
        Self(cells)
    }

    /// The means of draws, in order.
    fn resampled(&self, (pictures, runs): (usize, usize), seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut drawn = |count: usize, times: &mut Vec<f64>| {
            times.clear();
            times.resize(count, 0.0);
            // 32 bits: the same draws whatever the width of a pointer.
            (0..count).for_each(|_| times[rng.random_range(0..count as u32) as usize] += 1.0);
        };
        let (mut of_picture, mut of_run) = (Vec::new(), vec![1.0]);
        let mut means = Vec::with_capacity(RESAMPLES);
        // A run that judged few pictures, drawn alone, may leave nothing; such draws are no more than
        // that run is small, so ten times as many suffice.
        for _ in 0..10 * RESAMPLES {
            drawn(pictures, &mut of_picture);
            if runs > 1 {
                drawn(runs, &mut of_run);
            }
            let (mut sum, mut count) = (0.0, 0.0);
            for cell in &self.0 {
                let times = of_picture[cell.picture] * of_run[cell.run];
                sum += times * cell.sum;
                count += times * cell.count;
            }
            if count > 0.0 {
                means.push(sum / count);
            }
            if means.len() == RESAMPLES {
                break;
            }
        }
        means.sort_by(f64::total_cmp);
        means
    }
}

/// Groups numbered in the order in which they come first, and how many there are.
fn numbered(groups: &[usize]) -> (Vec<usize>, usize) {
    let mut known = HashMap::new();
    let numbers = groups.iter().map(|group| {
        let next = known.len();
        *known.entry(group).or_insert(next)
    });
    let numbers = numbers.collect();
    (numbers, known.len())
}

/// The mean; NaN of nothing.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}

/// Of sorted values, linear between neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    let between = position - below as f64;
    sorted[below] * (1.0 - between) + sorted[above] * between
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each value of a picture of its own.
    fn alone(values: &[f64], seed: u64) -> Estimate {
        Estimate::of(values, &Groups::of_pictures(0..values.len()), seed).unwrap()
    }

    fn width(estimate: Estimate) -> f64 {
        2.0 * estimate.half().unwrap()
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[1.0], 0.025), 1.0);
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let estimate = alone(&[0.25; 7], 3);
        assert_eq!((estimate.mean, estimate.ends()), (0.25, [0.25; 2]));
        assert!(estimate.interval.is_some());
    }

    #[test]
    fn the_width_is_that_of_the_normal_approximation() {
        // 60 hits of 100: deviation of the mean √(0.6 · 0.4 / 100) = 0.049, 95 % within ± 1.96 of
        // it. The ends' own noise at 2,000 draws is about 0.003.
        let values: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i < 60))).collect();
        for seed in 0..5 {
            let estimate = alone(&values, seed);
            let [low, high] = estimate.ends();
            assert_eq!(estimate.mean, 0.6);
            assert!((low - 0.504).abs() < 0.02, "{low}");
            assert!((high - 0.696).abs() < 0.02, "{high}");
        }
    }

    /// Repeating every value five times, as five captions of a picture may, tells nothing new.
    #[test]
    fn captions_of_one_picture_do_not_narrow_the_interval() {
        let values: Vec<f64> = (0..40).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let five: Vec<f64> = values.iter().flat_map(|&value| [value; 5]).collect();
        let pictures = Groups::of_pictures((0..200).map(|row| 1000 - row / 5));
        let clustered = Estimate::of(&five, &pictures, 0).unwrap();
        let once = alone(&values, 0);
        assert!((clustered.mean - once.mean).abs() < 1e-12);
        assert!((width(clustered) / width(once) - 1.0).abs() < 0.05);
        // Taken for independent they would seem √5 times as sure.
        assert!(width(alone(&five, 0)) < 0.55 * width(once));
    }

    #[test]
    fn a_single_picture_has_a_mean_and_no_interval() {
        assert_eq!(alone(&[0.5], 0).interval, None);
        let one = Estimate::of(&[0.2, 0.4], &Groups::of_pictures([7, 7]), 0).unwrap();
        assert!((one.mean - 0.3).abs() < 1e-12 && one.interval.is_none());
        assert_eq!(Estimate::of(&[], &Groups::default(), 0), None);
        let json = serde_json::to_string(&one).unwrap();
        assert!(!json.contains("low"), "{json}");
        assert_eq!(serde_json::from_str::<Estimate>(&json).unwrap(), one);
        let sure = alone(&[0.5, 1.0], 0);
        let json = serde_json::to_string(&sure).unwrap();
        assert_eq!(serde_json::from_str::<Estimate>(&json).unwrap(), sure);
    }

    /// All pictures say the same within a run, and runs differ: pictures alone would be quite sure.
    #[test]
    fn the_spread_between_runs_widens_the_interval() {
        let runs = [0.0, 1.0, 2.0];
        let values: Vec<f64> = (0..90).map(|row| runs[row / 30]).collect();
        let places = (0..90).map(|row| (row % 30, row / 30));
        let crossed = Estimate::of(&values, &Groups::of_runs(places.clone()), 0).unwrap();
        let pictures = Groups::of_pictures(places.map(|(picture, _)| picture));
        assert!(width(Estimate::of(&values, &pictures, 0).unwrap()) < 1e-9);
        assert!(width(crossed) > 1.0, "{crossed:?}");
        // One run is no spread.
        let one = Groups::of_runs((0..3).map(|picture| (picture, 4)));
        let values = [1.0, 2.0, 4.0];
        assert_eq!(Estimate::of(&values, &one, 5), Some(alone(&values, 5)));
    }

    #[test]
    fn the_largest_numbers_have_a_finite_mean() {
        let estimate = alone(&[1e308, 1.5e308, 1.7e308], 0);
        assert!((estimate.mean / 1.4e308 - 1.0).abs() < 1e-9, "{estimate:?}");
        assert!(estimate.ends().iter().all(|end| end.is_finite()));
        let opposite = alone(&[-1.7e308, 1.7e308], 0);
        assert_eq!(opposite.mean, 0.0);
        assert!(opposite.half().unwrap().is_finite());
        let pictures = Groups::of_pictures([0, 1]);
        for lost in [f64::NAN, f64::INFINITY] {
            assert_eq!(Estimate::of(&[1.0, lost], &pictures, 0), None);
        }
    }

    #[test]
    fn a_seed_repeats_and_another_does_not() {
        let values: Vec<f64> = (0..50).map(|i| (f64::from(i) * 0.7).sin()).collect();
        assert_eq!(alone(&values, 1), alone(&values, 1));
        assert_ne!(alone(&values, 1), alone(&values, 2));
    }
}
