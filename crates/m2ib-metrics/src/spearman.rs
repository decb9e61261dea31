//! Spearman's rank correlation: do two maps order their places alike?
//!
//! Pearson's correlation of the ranks, equal values sharing the mean of theirs. −1..1; 1 for the
//! same order, 0 for none in common. A constant map has no order: no correlation, hence `None`.

use crate::checks::finite;
use crate::{Error, Result};

/// Of two maps, place by place; none if either is constant (or has fewer than two places).
///
/// ```
/// use m2ib_metrics::spearman;
///
/// assert_eq!(spearman(&[1.0, 2.0, 9.0], &[0.1, 0.2, 0.3])?, Some(1.0));
/// assert_eq!(spearman(&[1.0, 2.0, 9.0], &[5.0, 5.0, 5.0])?, None);
/// # Ok::<(), m2ib_metrics::Error>(())
/// ```
///
/// # Errors
/// For maps of different lengths or numbers that are not finite.
pub fn spearman(a: &[f32], b: &[f32]) -> Result<Option<f64>> {
    if a.len() != b.len() {
        return Err(Error::Shape {
            argument: "the second map",
            found: vec![b.len()],
            expected: format!("that of the first, [{}]", a.len()),
        });
    }
    finite("the first map", a)?;
    finite("the second map", b)?;
    if constant(a) || constant(b) {
        return Ok(None);
    }
    let (a, b) = (centred_ranks(a), centred_ranks(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    // One root of the product, not a product of roots: the same order gives 1 to the bit.
    let correlation = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    Ok(Some(correlation.clamp(-1.0, 1.0)))
}

/// Ranks less their mean, (n + 1) / 2 with ties or without.
fn centred_ranks(values: &[f32]) -> Vec<f64> {
    let mean = (values.len() + 1) as f64 / 2.0;
    ranks(values).into_iter().map(|rank| rank - mean).collect()
}

/// Ranks from 1 up, equal values sharing the mean of theirs.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&place| ranks[place] = rank);
        before += tied.len();
    }
    ranks
}

fn constant(values: &[f32]) -> bool {
    values.iter().all(|&value| value == values[0])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_values_share_the_mean_of_their_ranks() {
        assert_eq!(
            ranks(&[3.0, 0.0, -0.0, 7.0, 3.0, 3.0]),
            [4.0, 1.5, 1.5, 6.0, 4.0, 4.0]
        );
    }

    #[test]
    fn without_ties_the_textbook_formula_holds() {
        // 1 − 6 Σ d² / n (n² − 1), with differences of ranks 1, 1, 2, 0, 2.
        let a = [1.0, 2.0, 3.0, 4.0, 5.0];
        let b = [20.0, 10.0, 50.0, 40.0, 30.0];
        let expected = 1.0 - 6.0 * (1.0 + 1.0 + 4.0 + 0.0 + 4.0) / (5.0 * 24.0);
        assert!((spearman(&a, &b).unwrap().unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn with_ties_a_case_done_by_hand() {
        // Ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4: covariance 4.5, variances 4.5 and 5.
        let found = spearman(&[0.0, 1.0, 1.0, 2.0], &[0.0, 2.0, 1.0, 3.0]);
        assert!((found.unwrap().unwrap() - (4.5f64 / 5.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn no_order_and_bad_input() {
        assert_eq!(spearman(&[1.0, 1.0], &[0.0, 2.0]).unwrap(), None);
        assert_eq!(spearman(&[], &[]).unwrap(), None);
        assert_eq!(spearman(&[1.0], &[2.0]).unwrap(), None);
        assert!(spearman(&[1.0, 2.0], &[1.0]).is_err());
        assert!(spearman(&[1.0, f32::NAN], &[1.0, 2.0]).is_err());
    }

    proptest! {
        #[test]
        fn only_the_order_counts(values in prop::collection::vec(-20i8..20, 3..30)) {
            prop_assume!(values.iter().any(|&value| value != values[0]));
            let map: Vec<f32> = values.iter().map(|&value| value.into()).collect();
            let cubed: Vec<f32> = map.iter().map(|value| value.powi(3) + 5.0).collect();
            let turned: Vec<f32> = map.iter().map(|value| -value).collect();
            let near = |found: Option<f64>, goal: f64| (found.unwrap() - goal).abs() < 1e-12;
            prop_assert!(near(spearman(&map, &cubed).unwrap(), 1.0));
            prop_assert!(near(spearman(&map, &turned).unwrap(), -1.0));
        }
    }
}
