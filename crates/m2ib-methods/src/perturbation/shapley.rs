//! Shapley values by weighted regression.
//!
//! φ = argmin Σ_z w(z) (v(z) − v(∅) − Σ_i z_i φ_i)² with Σ_i φ_i = v(all) − v(∅), over coalitions z
//! with the weights w of the Shapley kernel (Lundberg and Lee, *A Unified Approach to Interpreting
//! Model Predictions*, 2017). Over all coalitions, φ are the Shapley values.

use nalgebra::{Cholesky, DMatrix, DVector};

use super::coalitions::Coalition;
use crate::settings::POSITIVE;
use crate::{Error, Result};

const METHOD: &str = "kernel-shap";

/// A feature of which the others explain all but this share is not determined.
const LEAST_PIVOT: f64 = 1e-10;

/// Shapley values of a game's features, `[features]`, by some coalitions.
///
/// `value` gives the values of coalitions, `[features]` each, of which the first is that of nobody
/// and the second that of all.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Setting`] for coalitions that are none of this game,
/// [`Error::Undetermined`] for too few of them; those of `value`.
pub(super) fn shapley(
    features: usize,
    coalitions: &[Coalition],
    value: impl FnOnce(&[&[bool]]) -> Result<Vec<f32>>,
) -> Result<Vec<f64>> {
    for Coalition { kept, weight } in coalitions {
        if kept.len() != features {
            return Err(Error::Shape {
                what: "coalitions",
                found: vec![kept.len()],
                expected: vec![features],
            });
        }
        if !(weight.is_finite() && *weight > 0.0) {
            return Err(Error::setting(METHOD, "weight", weight, POSITIVE));
        }
    }
    let (none, all) = (vec![false; features], vec![true; features]);
    let kept = coalitions.iter().map(|coalition| &coalition.kept[..]);
    let asked: Vec<&[bool]> = [&none[..], &all[..]].into_iter().chain(kept).collect();
    let values: Vec<f64> = value(&asked)?.into_iter().map(f64::from).collect();
    let Some((&[none, all], values)) = values.split_first_chunk() else {
        return Ok(Vec::new());
    };
    let gains: Vec<f64> = values.iter().map(|value| value - none).collect();
    regress(features, coalitions, &gains, all - none).ok_or(Error::Undetermined {
        method: METHOD,
        coalitions: coalitions.len(),
        features,
        setting: "samples",
    })
}

/// The regression with its constraint put in: φ of the last feature is what the others leave of the
/// `total`. `None` where the coalitions do not determine them.
fn regress(
    features: usize,
    coalitions: &[Coalition],
    gains: &[f64],
    total: f64,
) -> Option<Vec<f64>> {
    let Some(free) = features.checked_sub(1) else {
        return Some(Vec::new());
    };
    if free == 0 {
        return Some(vec![total]);
    }
    let number = |kept: bool| f64::from(u8::from(kept));
    let design = DMatrix::from_fn(coalitions.len(), free, |row, column| {
        let Coalition { kept, weight } = &coalitions[row];
        weight.sqrt() * (number(kept[column]) - number(kept[free]))
    });
    let target = coalitions.iter().zip(gains).map(|(coalition, gain)| {
        let last = number(coalition.kept[free]);
        coalition.weight.sqrt() * (gain - last * total)
    });
    let target = DVector::from_iterator(coalitions.len(), target);
    let solution = solve(design.tr_mul(&design), &design.tr_mul(&target))?;
    let last = total - solution.sum();
    Some(solution.iter().copied().chain([last]).collect())
}

/// x of A x = b, A symmetric and positive definite; `None` if it is not, or hardly.
fn solve(matrix: DMatrix<f64>, right: &DVector<f64>) -> Option<DVector<f64>> {
    let diagonal = matrix.diagonal();
    let factor = Cholesky::new(matrix)?;
    let pivots = factor.l_dirty().diagonal();
    let least = pivots.iter().zip(&diagonal);
    let least = least.map(|(pivot, whole)| pivot * pivot / whole);
    least
        .fold(f64::INFINITY, f64::min)
        .ge(&LEAST_PIVOT)
        .then(|| factor.solve(right))
}

#[cfg(test)]
pub(super) mod definition {
    //! Shapley values by their definition.

    /// φ_i = Σ_S |S|! (M − |S| − 1)! / M! (v(S ∪ i) − v(S)); `values[bits]` of all coalitions.
    pub(crate) fn exact(features: usize, values: &[f64]) -> Vec<f64> {
        assert_eq!(values.len(), 1 << features);
        let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
        let gain = |i: usize, set: usize| {
            let size = set.count_ones() as usize;
            let weight = factorial(size) * factorial(features - size - 1) / factorial(features);
            weight * (values[set | 1 << i] - values[set])
        };
        let sets = |i: usize| (0..1usize << features).filter(move |set| set >> i & 1 == 0);
        (0..features)
            .map(|i| sets(i).map(|set| gain(i, set)).sum())
            .collect()
    }

    /// Bits of a coalition.
    pub(crate) fn bits(kept: &[bool]) -> usize {
        let kept = kept.iter().enumerate();
        kept.map(|(i, &kept)| usize::from(kept) << i).sum()
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rstest::rstest;

    use super::super::coalitions::coalitions;
    use super::definition::{bits, exact};
    use super::*;

    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // In steps that single precision holds exactly, sums of dozens too.
        let mut number = || f64::from(rng.random_range(-512..512)) / 512.0;
        (0..count).map(|_| number()).collect()
    }

    /// Solves a game given as a function.
    fn solve_game(
        features: usize,
        samples: usize,
        game: impl Fn(&[bool]) -> f64,
    ) -> Result<Vec<f64>> {
        shapley(features, &coalitions(features, samples, 11), |asked| {
            Ok(asked.iter().map(|kept| game(kept) as f32).collect())
        })
    }

    #[track_caller]
    fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            assert!((a - b).abs() < tolerance, "feature {i}: {a} {b}");
        }
    }

    /// The glove game: one left and two right gloves; a pair is worth 1. (⅔, ⅙, ⅙).
    #[test]
    fn the_glove_game_of_the_textbooks() {
        let game = |kept: &[bool]| f64::from(u8::from(kept[0] && (kept[1] || kept[2])));
        let found = solve_game(3, 8, game).unwrap();
        assert_near(&found, &[2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0], 1e-6);
    }

    #[rstest]
    fn any_game_over_all_coalitions_as_by_definition(#[values(1, 2, 3, 6, 9)] features: usize) {
        let values = numbers(1 << features, features as u64);
        let found = solve_game(features, 1 << features, |kept| values[bits(kept)]).unwrap();
        assert_near(&found, &exact(features, &values), 1e-9);
    }

    /// φ_i = a_i + ½ Σ_j b_ij, whatever the draw: what pairs are for.
    #[test]
    fn a_game_of_pairs_drawn_is_exact() {
        let features = 20;
        let (own, pairs) = (numbers(features, 1), numbers(features * features, 2));
        let pair = |i: usize, j: usize| pairs[i.min(j) * features + i.max(j)];
        let game = |kept: &[bool]| {
            let kept: Vec<usize> = (0..features).filter(|&i| kept[i]).collect();
            let together = kept.iter().flat_map(|&i| kept.iter().map(move |&j| (i, j)));
            let together = together.filter(|(i, j)| i < j).map(|(i, j)| pair(i, j));
            kept.iter().map(|&i| own[i]).sum::<f64>() + together.sum::<f64>()
        };
        let value = |i: usize| {
            let others = (0..features).filter(|&j| j != i);
            own[i] + others.map(|j| pair(i, j)).sum::<f64>() / 2.0
        };
        let expected: Vec<f64> = (0..features).map(value).collect();
        assert_near(&solve_game(features, 200, game).unwrap(), &expected, 1e-9);
    }

    /// Triples are not exact when drawn, but near, and the sum is exact.
    #[test]
    fn a_game_of_triples_drawn_is_near() {
        let features = 12;
        let game = |kept: &[bool]| {
            let triple = |i: usize| kept[i] && kept[i + 1] && kept[i + 2];
            let triples = [0, 3, 4, 7].map(|i| f64::from(u8::from(triple(i))));
            triples.iter().sum::<f64>()
        };
        let all: Vec<f64> = (0..1 << features)
            .map(|bits: usize| {
                game(
                    &(0..features)
                        .map(|i| bits >> i & 1 == 1)
                        .collect::<Vec<_>>(),
                )
            })
            .collect();
        let found = solve_game(features, 1000, game).unwrap();
        assert_near(&found, &exact(features, &all), 0.06);
        assert!((found.iter().sum::<f64>() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn too_few_samples_say_so() {
        for samples in [1, 10, 24] {
            let error = solve_game(20, samples, |_| 0.0).unwrap_err().to_string();
            assert!(error.contains("20 features"), "{error}");
            assert!(error.contains("raise \"samples\""), "{error}");
        }
    }

    #[test]
    fn coalitions_of_another_game_are_refused() {
        let coalition = |features: usize, weight| Coalition {
            kept: vec![true; features],
            weight,
        };
        for (coalition, word) in [
            (coalition(2, 1.0), "coalitions"),
            (coalition(3, 0.0), "weight"),
            (coalition(3, f64::NAN), "weight"),
        ] {
            let nothing = |_: &[&[bool]]| panic!("nothing is scored");
            let error = shapley(3, &[coalition], nothing).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn no_feature_has_no_value_and_one_has_all() {
        assert!(solve_game(0, 8, |_| 1.0).unwrap().is_empty());
        let one = solve_game(1, 1, |kept| if kept[0] { 3.0 } else { 1.0 });
        assert_eq!(one.unwrap(), [2.0]);
    }
}
