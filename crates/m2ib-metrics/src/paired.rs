//! Who is best, pair by pair: all are asked the same, so what counts is the difference on each pair.
//!
//! Two means may have intervals that overlap although one method is better on nearly every pair, since
//! pairs differ more than methods do. Here the best is compared with each of the others on the pairs
//! that all of them have, and the interval is of the mean difference.

use serde::{Deserialize, Serialize};

use crate::{Direction, Estimate, Groups};

/// The values of some methods, compared on the pairs that they have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// The place of the one with the best mean, the first of equals.
    pub best: usize,
    /// Pairs that all who count have.
    pub pairs: usize,
    /// Each one's values over these pairs; none for one that has less than half as many values as
    /// another and does not count: else it would decide which pairs there are.
    pub stands: Vec<Option<Stand>>,
}

/// How one of the methods stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stand {
    /// The mean over the common pairs.
    pub value: Estimate,
    /// How much worse than the best, pair by pair; below 0 if better, which only one that cannot be
    /// the best is.
    pub behind: Estimate,
}

impl Stand {
    /// Whether it is worse than the best beyond doubt; not told where there is no interval.
    pub fn is_worse(&self) -> Option<bool> {
        Some(self.behind.interval?.low > 0.0)
    }

    /// Whether it is better than the best beyond doubt.
    pub fn is_better(&self) -> Option<bool> {
        Some(self.behind.interval?.high < 0.0)
    }
}

impl Paired {
    /// Compares methods by their values of the same pairs, none where a method has none. `may_win`
    /// says which may be the best. None if no pair is common to any.
    pub fn of(
        values: &[Vec<Option<f64>>],
        may_win: impl Fn(usize) -> bool,
        groups: &Groups,
        direction: Direction,
        seed: u64,
    ) -> Option<Self> {
        let (places, kept) = on_common_pairs(values);
        let groups = groups.only(&places);
        let estimates: Vec<Option<Estimate>> = kept
            .iter()
            .map(|values| Estimate::of(values.as_deref()?, &groups, seed))
            .collect();
        let means = estimates.iter().enumerate();
        let means = means.filter_map(|(place, estimate)| Some((place, estimate.as_ref()?.mean)));
        let best =
            means
                .filter(|(place, _)| may_win(*place))
                .reduce(|best, next| match direction.prefers(next.1, best.1) {
                    true => next,
                    false => best,
                })?;
        let of_best = kept[best.0].as_deref()?;
        let sign = match direction {
            Direction::Higher => 1.0,
            Direction::Lower => -1.0,
        };
        let stands = estimates.iter().zip(&kept).map(|(estimate, own)| {
            let differences = of_best.iter().zip(own.as_deref()?);
            let differences: Vec<f64> =
                differences.map(|(best, own)| sign * (best - own)).collect();
            Some(Stand {
                value: (*estimate)?,
                behind: Estimate::of(&differences, &groups, seed)?,
            })
        });
        Some(Self {
            best: best.0,
            pairs: places.len(),
            stands: stands.collect(),
        })
    }
}

/// The places of the pairs that all have, and each one's values of them.
fn on_common_pairs(values: &[Vec<Option<f64>>]) -> (Vec<usize>, Vec<Option<Vec<f64>>>) {
    let count = |values: &Vec<Option<f64>>| values.iter().flatten().count();
    let most = values.iter().map(count).max().unwrap_or_default();
    let counts = |values: &&Vec<Option<f64>>| count(values) > 0 && 2 * count(values) >= most;
    let pairs = values.iter().map(Vec::len).max().unwrap_or_default();
    let counting: Vec<_> = values.iter().filter(counts).collect();
    let has =
        |values: &Vec<Option<f64>>, pair: usize| values.get(pair).is_some_and(Option::is_some);
    let common = (0..pairs).filter(|&pair| counting.iter().all(|values| has(values, pair)));
    let common: Vec<usize> = match counting.is_empty() {
        true => Vec::new(),
        false => common.collect(),
    };
    let kept = values.iter().map(|values| {
        let kept: Vec<f64> = common.iter().filter_map(|&at| *values.get(at)?).collect();
        (counts(&values) && !kept.is_empty()).then_some(kept)
    });
    let kept = kept.collect();
    (common, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(values: &[&[Option<f64>]], pictures: &[usize]) -> Option<Paired> {
        let values: Vec<_> = values.iter().map(|values| values.to_vec()).collect();
        let groups = Groups::of_pictures(pictures.iter().copied());
        Paired::of(&values, |_| true, &groups, Direction::Higher, 0)
    }

    /// Pairs differ by far more than methods do, and one method is better on each.
    #[test]
    fn a_small_difference_on_every_pair_is_told_where_intervals_overlap() {
        let pairs: Vec<f64> = (0..30).map(|pair| f64::from(pair) / 30.0).collect();
        let better: Vec<_> = pairs.iter().map(|pair| Some(pair + 0.02)).collect();
        let worse: Vec<_> = pairs.iter().map(|&pair| Some(pair)).collect();
        let pictures: Vec<usize> = (0..30).collect();
        let found = compare(&[&worse, &better], &pictures).unwrap();
        assert_eq!((found.best, found.pairs), (1, 30));
        let stand = found.stands[0].unwrap();
        assert_eq!(stand.is_worse(), Some(true));
        let [_, high] = stand.value.ends();
        let [low, _] = found.stands[1].unwrap().value.ends();
        assert!(high > low, "the two intervals overlap");
        assert_eq!(found.stands[1].unwrap().is_worse(), Some(false));
    }

    /// Better on all captions of one picture, worse on those of another: that is one against one.
    #[test]
    fn what_is_told_is_told_of_pictures() {
        let one: Vec<_> = (0..20)
            .map(|row| Some(f64::from(u8::from(row < 17))))
            .collect();
        let other = vec![Some(0.5); 20];
        let worse = |pictures: &[usize]| {
            let found = compare(&[&one, &other], pictures).unwrap();
            assert_eq!(found.best, 0);
            found.stands[1].unwrap().is_worse()
        };
        let rows: Vec<usize> = (0..20).collect();
        assert_eq!(worse(&rows), Some(true));
        let two: Vec<usize> = rows.iter().map(|&row| usize::from(row >= 17)).collect();
        assert_eq!(worse(&two), Some(false));
        assert_eq!(worse(&[3; 20]), None);
    }

    #[test]
    fn a_pair_that_one_lacks_counts_for_none() {
        let [easy, hard] = [
            [Some(1.0), Some(0.0), Some(0.0)],
            [None, Some(0.1), Some(0.1)],
        ];
        let found = compare(&[&easy, &hard, &[None; 3]], &[0, 1, 2]).unwrap();
        assert_eq!((found.best, found.pairs), (1, 2));
        assert_eq!(found.stands[0].unwrap().value.mean, 0.0);
        assert_eq!(found.stands[2], None);
        // One that nearly always fails leaves the others theirs.
        let found = compare(&[&easy, &easy, &[Some(9.0), None, None]], &[0, 1, 2]).unwrap();
        assert_eq!((found.best, found.pairs, found.stands[2]), (0, 3, None));
        assert_eq!(compare(&[&[None; 3], &[None; 3]], &[0, 1, 2]), None);
        assert_eq!(compare(&[], &[]), None);
    }

    #[test]
    fn one_that_may_not_win_can_be_better() {
        let values = [0.3, 0.1, 0.2].map(|value| vec![Some(value); 4]);
        let groups = Groups::of_pictures(0..4);
        let found = Paired::of(&values, |place| place > 0, &groups, Direction::Higher, 0).unwrap();
        assert_eq!(found.best, 2);
        let better = found.stands.iter().map(|stand| stand.unwrap().is_better());
        assert_eq!(
            better.collect::<Vec<_>>(),
            [Some(true), Some(false), Some(false)]
        );
        let found = Paired::of(&values, |_| true, &groups, Direction::Lower, 0).unwrap();
        assert_eq!(found.best, 1);
    }
}
